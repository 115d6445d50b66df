fn load<'life0, 'async_trait>(
    &'life0 self,
    id: u64,
) -> ::core::pin::Pin<
    Box<dyn ::core::future::Future<Output = Row> + ::core::marker::Send + 'async_trait>,
>
where
    'life0: 'async_trait,
    Self: 'async_trait,
{
    Box::pin(async move {
        let __cachefence_call = (|| {
            let mut __cachefence_key = ::cachefence::__private::KeyWriter::new(
                "row:<self.table>:<id>",
            );
            ::cachefence::__private::KeyWriter::part_after(
                &mut __cachefence_key,
                "row:",
                &self.table,
            );
            ::cachefence::__private::KeyWriter::part_after(
                &mut __cachefence_key,
                ":",
                &id,
            );
            ::cachefence::__private::Call::installed(__cachefence_key)
                .ttl(::cachefence::__private::Duration::new(60, 0))
        })();
        let __cachefence_kind = {
            use ::cachefence::__private::kind::{
                probes::*, ByClone as _, CloneOne as _, NotKept as _,
            };
            let __cachefence_probe = &&&::cachefence::__private::kind::Probe::<
                Row,
                fn(&()) -> Row,
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
                        Row,
                    > {
                        return __cachefence_ret;
                    }
                    {
                        let __self = self;
                        __self.rows.get(id).await
                    }
                },
            )
            .await;
        __cachefence_served
    })
}
