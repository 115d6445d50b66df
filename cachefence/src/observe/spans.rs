//! The spans of `tracing`: one for each load, and one for each call that waits for a load. Without the
//! feature `tracing` they are nothing.

#[cfg(feature = "tracing")]
pub(crate) use self::with_tracing::{CallerSpan, Entered, LoadSpan, WaitSpan};
#[cfg(not(feature = "tracing"))]
pub(crate) use self::without_tracing::{CallerSpan, Entered, LoadSpan, WaitSpan};

#[cfg(feature = "tracing")]
mod with_tracing {
    use std::sync::Arc;

    use tracing::Span;
    pub(crate) use tracing::span::Entered;

    use crate::observe::BypassReason;

    /// The span of a load; `None` where nobody listens. It is behind a pointer because each caller that waits
    /// has room for it.
    #[derive(Clone)]
    pub(crate) struct LoadSpan(Option<Arc<Span>>);

    impl LoadSpan {
        pub(crate) fn begin(cache: &str, template: &str, bypass: Option<BypassReason>) -> Self {
            let bypass = bypass.map(BypassReason::as_str);
            let span = tracing::info_span!("load", cache, template, bypass);
            Self((!span.is_disabled()).then(|| Arc::new(span)))
        }

        /// The span of a load that another process ran.
        pub(crate) const fn none() -> Self {
            Self(None)
        }

        /// Until the guard is dropped, this thread is in the span.
        pub(crate) fn enter(&self) -> Option<Entered<'_>> {
            self.0.as_deref().map(Span::enter)
        }

        pub(crate) fn within(&self, work: &mut dyn FnMut() -> bool) -> bool {
            match &self.0 {
                Some(span) => span.in_scope(work),
                None => work(),
            }
        }
    }

    /// The span that a caller is in, for a task that works in its place.
    pub(crate) struct CallerSpan(Span);

    impl CallerSpan {
        pub(crate) fn current() -> Self {
            Self(Span::current())
        }

        pub(crate) fn within(&self, work: &mut dyn FnMut()) {
            self.0.in_scope(work);
        }
    }

    /// The span of a call that waits for a load, until it is dropped; `None` where nobody listens.
    pub(crate) struct WaitSpan(Option<Box<Span>>);

    impl WaitSpan {
        pub(crate) fn begin(cache: &str, template: &str) -> Self {
            let span = tracing::info_span!("wait", cache, template);
            Self((!span.is_disabled()).then(|| Box::new(span)))
        }

        /// The call is served by `load`.
        pub(crate) fn follows_from(&self, LoadSpan(load): &LoadSpan) {
            if let (Some(wait), Some(load)) = (&self.0, load) {
                wait.follows_from(load.as_ref());
            }
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod without_tracing {
    use crate::observe::BypassReason;

    /// No span can be entered.
    pub(crate) enum Entered<'a> {
        #[allow(dead_code)] // never made
        Never(std::convert::Infallible, std::marker::PhantomData<&'a ()>),
    }

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
        pub(crate) fn enter(&self) -> Option<Entered<'_>> {
            None
        }

        #[allow(clippy::unused_self)] // as with the feature
        pub(crate) fn within(&self, work: &mut dyn FnMut() -> bool) -> bool {
            work()
        }
    }

    pub(crate) struct CallerSpan;

    impl CallerSpan {
        pub(crate) fn current() -> Self {
            Self
        }

        #[allow(clippy::unused_self)] // as with the feature
        pub(crate) fn within(&self, work: &mut dyn FnMut()) {
            work();
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
