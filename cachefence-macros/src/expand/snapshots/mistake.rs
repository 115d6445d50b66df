::core::compile_error! {
    "this cannot be 0"
}
::core::compile_error! {
    "argument `tenant` stands neither in the key nor in `skip(..)`\nhelp: `#[cachefence(key = \"user:<id>:<tenant>\", ttl = 0)]` if it changes the result,\n   or `#[cachefence(key = \"user:<id>\", ttl = 0, skip(tenant))]` if it does not"
}
async fn get_user(id: u64, tenant: &str) -> User {
    load(id, tenant).await
}
/// The cache entry of `get_user`: its key, and `peek`, `set`, `invalidate`.
///
/// Key: `` user:<id> ``
#[::cachefence::__private::where_no_companion_can_stand::write_entry_equals_false]
fn get_user_entry(
    id: u64,
) -> ::cachefence::__private::held::EntryOf<
    fn(&'static ()) -> User,
    {
        use ::cachefence::__private::held::NoResult as _;
        ::cachefence::__private::held::Is::<User>::RESULT
    },
> {
    let _ = &id;
    loop {}
}
