//! The spans of `tracing`: one for each load, and one for each call that waits for a load. Without the
//! feature `tracing` they are nothing.

#[cfg(feature = "tracing")]
pub(crate) use self::with_tracing::{LoadSpan, WaitSpan};
#[cfg(not(feature = "tracing"))]
pub(crate) use self::without_tracing::{LoadSpan, WaitSpan};

#[cfg(feature = "tracing")]
mod with_tracing {
    use tracing::Span;

    use crate::observe::BypassReason;

    /// The span of a load.
    #[derive(Clone)]
    pub(crate) struct LoadSpan(Span);

    impl LoadSpan {
        pub(crate) fn begin(cache: &str, template: &str, bypass: Option<BypassReason>) -> Self {
            let span = tracing::info_span!("load", cache, template, bypass = tracing::field::Empty);
            if let Some(reason) = bypass {
                span.record("bypass", reason.as_str());
            }
            Self(span)
        }

        /// The span of a load that another process ran.
        pub(crate) const fn none() -> Self {
            Self(Span::none())
        }

        pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
            self.0.in_scope(work)
        }
    }

    /// The span of a call that waits for a load, until it is dropped.
    pub(crate) struct WaitSpan(Span);

    impl WaitSpan {
        pub(crate) fn begin(cache: &str, template: &str) -> Self {
            Self(tracing::info_span!("wait", cache, template))
        }

        /// The call is served by `load`.
        pub(crate) fn follows_from(&self, LoadSpan(load): &LoadSpan) {
            self.0.follows_from(load);
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod without_tracing {
    use crate::observe::BypassReason;

    #[derive(Clone)]
    pub(crate) struct LoadSpan;

    impl LoadSpan {
        pub(crate) fn begin(_: &str, _: &str, _: Option<BypassReason>) -> Self {
            Self
        }

        pub(crate) const fn none() -> Self {
            Self
        }

        #[allow(clippy::unused_self)] // as with the feature
        pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
            work()
        }
    }

    pub(crate) struct WaitSpan;

    impl WaitSpan {
        pub(crate) fn begin(_: &str, _: &str) -> Self {
            Self
        }

        #[allow(clippy::unused_self)] // as with the feature
        pub(crate) fn follows_from(&self, _: &LoadSpan) {}
    }
}
