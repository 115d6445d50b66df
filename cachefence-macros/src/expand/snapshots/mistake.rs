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
#[allow(dead_code, unused_variables)]
fn get_user_entry(id: u64) -> ::cachefence::Entry<User> {
    loop {}
}
