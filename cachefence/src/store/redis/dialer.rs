//! The dialer of a server: to one address, or to whichever address its sentinels name.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::PushInfo;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::dial::{NodeDialer, Purpose};
use super::dialed::Dialed;
use super::failure::Failure;
use super::primary::Primary;

/// Makes connections to one server, each within a time limit of its own.
pub(super) enum Dialer {
    /// The server is always at this address.
    Node(NodeDialer),
    /// The server is the primary that sentinels name.
    Primary(Arc<Primary>),
}

impl Dialer {
    /// The server as messages name it: its address, as far as it is known.
    pub(super) fn address(&self) -> &(dyn fmt::Display + Send + Sync) {
        match self {
            Self::Node(node) => node,
            Self::Primary(primary) => &**primary,
        }
    }

    /// The name of the server, which stays the same when another server becomes the primary.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Node(node) => node.to_string(),
            Self::Primary(primary) => primary.title(),
        }
    }

    /// The dialer of a server whose address is always the same.
    pub(super) fn node(&self) -> Option<&NodeDialer> {
        match self {
            Self::Node(node) => Some(node),
            Self::Primary(_) => None,
        }
    }

    /// How long an attempt may take.
    pub(super) fn limit(&self) -> Duration {
        match self {
            Self::Node(node) => node.limit(),
            Self::Primary(primary) => primary.limit(),
        }
    }

    /// Makes a connection for commands.
    pub(super) async fn dial(&self) -> Result<Dialed, Failure> {
        self.attempt(Purpose::commands()).await
    }

    /// Makes a connection that speaks RESP3, on which the server can tell of changes; `push` takes that in.
    pub(super) async fn dial_for_pushes(
        &self,
        push: impl Fn(&PushInfo) + Send + Sync + 'static,
    ) -> Result<Dialed, Failure> {
        self.attempt(Purpose::pushes(push)).await
    }

    async fn attempt(&self, purpose: Purpose) -> Result<Dialed, Failure> {
        match self {
            Self::Node(node) => node.dial(Instant::now(), purpose).await,
            Self::Primary(primary) => primary.dial(purpose).await,
        }
    }

    /// Notes that a connection leads to the wrong server: the next one is made where the sentinels say then.
    pub(super) fn doubt(&self) {
        if let Self::Primary(primary) = self {
            primary.doubt(None);
        }
    }

    /// Has `renew` called when another server has become the primary. Every connection is closed by then.
    pub(super) fn on_switch(&self, renew: impl Fn() + Send + Sync + 'static) {
        if let Self::Primary(primary) = self {
            primary.on_switch(renew);
        }
    }

    /// The tasks that learn on `runtime` of another primary. They end when they are dropped.
    pub(super) fn watch(&self, runtime: &Handle) -> JoinSet<()> {
        match self {
            Self::Node(_) => JoinSet::new(),
            Self::Primary(primary) => primary.watch(runtime),
        }
    }
}

impl From<NodeDialer> for Dialer {
    fn from(node: NodeDialer) -> Self {
        Self::Node(node)
    }
}
