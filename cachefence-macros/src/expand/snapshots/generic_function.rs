pub(crate) async fn rows<'a, K: KeyPart, S, const N: usize>(
    Point { at, size }: Point<'a, K>,
    name: impl AsRef<str>,
    source: &'a mut S,
) -> [Row<'static>; N]
where
    S: Source<K>,
{
    let __cachefence_call = (|| {
        let mut __cachefence_key = ::cachefence::__private::KeyWriter::new(
            "<at>:<name.as_ref()>",
        );
        ::cachefence::__private::KeyWriter::part(&mut __cachefence_key, &at);
        ::cachefence::__private::KeyWriter::part_after(
            &mut __cachefence_key,
            ":",
            &name.as_ref(),
        );
        ::cachefence::__private::KeyWriter::enclosing(
            &mut __cachefence_key,
            || {},
            "::rows::{{closure}}::{{closure}}::{{closure}}",
        );
        ::cachefence::__private::Call::installed(__cachefence_key)
            .ttl(::cachefence::__private::Duration::new(5400, 0))
    })();
    let __cachefence_kind = {
        use ::cachefence::__private::kind::{probes::*, NotKept as _};
        let __cachefence_probe = &&&::cachefence::__private::kind::Probe::<
            [Row<'static>; N],
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
                    [Row<'static>; N],
                > {
                    return __cachefence_ret;
                }
                { source.rows(at, size).await }
            },
        )
        .await;
    __cachefence_served
}
/// The cache entry of `rows`: its key, and `peek`, `set`, `invalidate`.
///
/// Key: `` <at>:<name.as_ref()> ``
pub(crate) fn rows_entry<'a, K: KeyPart, const N: usize>(
    Point { at, size }: Point<'a, K>,
    name: impl AsRef<str>,
) -> ::cachefence::Entry<[Row<'static>; N]> {
    let _ = &size;
    let mut __cachefence_key = ::cachefence::__private::KeyWriter::new(
        "<at>:<name.as_ref()>",
    );
    ::cachefence::__private::KeyWriter::part(&mut __cachefence_key, &at);
    ::cachefence::__private::KeyWriter::part_after(
        &mut __cachefence_key,
        ":",
        &name.as_ref(),
    );
    ::cachefence::__private::KeyWriter::enclosing(
        &mut __cachefence_key,
        || {},
        "::rows::{{closure}}::{{closure}}::{{closure}}",
    );
    ::cachefence::__private::Call::installed(__cachefence_key)
        .ttl(::cachefence::__private::Duration::new(5400, 0))
        .into_entry()
}
