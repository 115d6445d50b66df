async fn load(&self, id: u64) -> Self::Row {
    let __cachefence_call = (|| {
        let mut __cachefence_key = ::cachefence::__private::KeyWriter::new("row:<id>");
        ::cachefence::__private::KeyWriter::part_after(
            &mut __cachefence_key,
            "row:",
            &id,
        );
        ::cachefence::__private::Call::installed(__cachefence_key)
            .ttl(::cachefence::__private::Duration::new(0, 500000000))
            .wait_for_lock(::cachefence::__private::Duration::new(0, 0))
    })();
    let __cachefence_kind = {
        use ::cachefence::__private::kind::{probes::*, NotKept as _};
        let __cachefence_probe = &&&::cachefence::__private::kind::Probe::<
            Self::Row,
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
                    Self::Row,
                > {
                    return __cachefence_ret;
                }
                { self.rows[id] }
            },
        )
        .await;
    __cachefence_served
}
