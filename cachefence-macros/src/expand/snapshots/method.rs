#[cfg(feature = "pages")]
#[must_use]
async fn r#match(mut self: Arc<Self>, mut page: (u8, u8), trace: T) -> Option<Page>
where
    T: Trace,
{
    #![allow(clippy::all)]
    let __cachefence_call = (|| {
        let mut __cachefence_key = fence::__private::KeyWriter::new(
            "{<self.org.id()>}:<page.0>",
        );
        fence::__private::KeyWriter::part_after(
            &mut __cachefence_key,
            "{",
            &self.org.id(),
        );
        fence::__private::KeyWriter::part_after(&mut __cachefence_key, "}:", &page.0);
        fence::__private::Call::new(
                match &(self.cache) {
                    __cachefence_chosen => fence::__private::cache(__cachefence_chosen),
                },
                __cachefence_key,
            )
            .ttl(self.ttl)
    })();
    let __cachefence_kind = {
        use fence::__private::kind::{
            probes::*, ByClone as _, CloneOne as _, NotKept as _,
        };
        let __cachefence_probe = &&&fence::__private::kind::Probe::<
            Option<Page>,
            fn(&()) -> Option<Page>,
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
                if let fence::__private::Option::Some(__cachefence_ret) = fence::__private::Option::None::<
                    Option<Page>,
                > {
                    return __cachefence_ret;
                }
                { self.page(page).await }
            },
        )
        .await;
    __cachefence_served
}
/// The cache entry of `match`: its key, and `peek`, `set`, `invalidate`.
///
/// Key: `` {<self.org.id()>}:<page.0> ``. Value: `` Option<Page> ``
#[cfg(feature = "pages")]
#[fence::__private::where_no_companion_can_stand::write_entry_equals_false]
fn match_entry(
    self: Arc<Self>,
    page: (u8, u8),
) -> fence::__private::held::EntryOf<fn(&'static ()) -> Option<Page>, false>
where
    T: Trace,
{
    let mut __cachefence_key = fence::__private::KeyWriter::new(
        "{<self.org.id()>}:<page.0>",
    );
    fence::__private::KeyWriter::part_after(&mut __cachefence_key, "{", &self.org.id());
    fence::__private::KeyWriter::part_after(&mut __cachefence_key, "}:", &page.0);
    fence::__private::Call::new(
            match &(self.cache) {
                __cachefence_chosen => fence::__private::cache(__cachefence_chosen),
            },
            __cachefence_key,
        )
        .ttl(self.ttl)
        .into_entry()
}
