/// docs
pub async fn get_user(db: &Db, tenant: &str, id: u64) -> Result<User, sqlx::Error> {
    let __cachefence_call = (|| {
        let mut __cachefence_key = ::cachefence::__private::KeyWriter::new(
            "user:<tenant>:<id>",
        );
        ::cachefence::__private::KeyWriter::part_after(
            &mut __cachefence_key,
            "user:",
            &tenant,
        );
        ::cachefence::__private::KeyWriter::part_after(&mut __cachefence_key, ":", &id);
        ::cachefence::__private::KeyWriter::enclosing(
            &mut __cachefence_key,
            || {},
            "::get_user::{{closure}}::{{closure}}::{{closure}}",
        );
        ::cachefence::__private::Call::installed(__cachefence_key)
            .ttl(::cachefence::__private::Duration::new(60, 0))
            .beta(2.0)
    })();
    let __cachefence_kind = {
        use ::cachefence::__private::kind::{
            probes::*, ByClone as _, CloneOne as _, NotKept as _,
        };
        let __cachefence_probe = &&&::cachefence::__private::kind::Probe::<
            Result<User, sqlx::Error>,
        >::new();
        (&__cachefence_probe)
            .__cachefence_kind()
            .with(
                __cachefence_probe.__cachefence_values(),
                __cachefence_probe.__cachefence_errors(),
                __cachefence_probe.__cachefence_equality(),
                __cachefence_probe.__cachefence_print(),
            )
    };
    let __cachefence_served = __cachefence_kind
        .run(
            &__cachefence_call,
            move || async move {
                if let ::cachefence::__private::Option::Some(__cachefence_ret) = ::cachefence::__private::Option::None::<
                    Result<User, sqlx::Error>,
                > {
                    return __cachefence_ret;
                }
                { db.user(tenant, id).await }
            },
        )
        .await;
    __cachefence_served
}
/// The cache entry of `get_user`: its key, and `peek`, `set`, `invalidate`.
///
/// Key: `` user:<tenant>:<id> ``
pub fn get_user_entry(tenant: &str, id: u64) -> ::cachefence::Entry<User> {
    let mut __cachefence_key = ::cachefence::__private::KeyWriter::new(
        "user:<tenant>:<id>",
    );
    ::cachefence::__private::KeyWriter::part_after(
        &mut __cachefence_key,
        "user:",
        &tenant,
    );
    ::cachefence::__private::KeyWriter::part_after(&mut __cachefence_key, ":", &id);
    ::cachefence::__private::KeyWriter::enclosing(
        &mut __cachefence_key,
        || {},
        "::get_user::{{closure}}::{{closure}}::{{closure}}",
    );
    ::cachefence::__private::Call::installed(__cachefence_key)
        .ttl(::cachefence::__private::Duration::new(60, 0))
        .beta(2.0)
        .into_entry()
}
