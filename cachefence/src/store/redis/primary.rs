//! The primary that sentinels name: where it is, as far as this process knows.
//!
//! An attempt to connect goes to the address that is known, or asks all sentinels at once (`votes`). The server then has
//! to say itself that it is a primary (`ROLE`).
//!
//! A primary that was replaced goes on to take commands for seconds, and what it takes is lost. So a *switch*, at which
//! another address becomes known, closes every connection that was made before (`switches` has how a switch is heard
//! of).

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use redis::{ConnectionAddr, ErrorKind, RedisConnectionInfo, ServerErrorKind, Value};
use tokio::sync::watch;
use tokio::time::Instant;

use super::credentials::Provider;
use super::dial::{NodeDialer, Purpose, Role, runtime};
use super::dialed::Dialed;
use super::failure::{Failure, FailureKind};
use super::sentinel::Sentinel;
use super::tls::Connector;
use super::whereabouts::{Switch, Whereabouts};
use crate::error::InvalidOption;
use crate::observe::Observers;
use crate::race::{First, race};
use crate::sync::lock;
use crate::time::in_time_from;

/// How many addresses an attempt to connect may go to: the one that is known, the one that the sentinels name, and
/// one more, because each may be replaced meanwhile.
const MOST_ADDRESSES: usize = 3;

/// Makes connections to the primary that sentinels know by one name. `Display` is the primary, for messages.
pub(super) struct Primary {
    pub(super) name: String,
    pub(super) sentinels: Vec<Arc<Sentinel>>,
    pub(super) access: Access,
    pub(super) observers: Arc<Observers>,
    known: Mutex<Whereabouts>,
    /// The generation, for attempts to connect that a switch makes pointless.
    switches: watch::Sender<u64>,
    renew: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// How connections to the primary are made, wherever it is.
pub(super) struct Access {
    pub(super) login: RedisConnectionInfo,
    pub(super) credentials: Option<Provider>,
    pub(super) tls: Option<Connector>,
    pub(super) limit: Duration,
}

impl Primary {
    pub(super) fn new(
        name: String,
        sentinels: Vec<NodeDialer>,
        access: Access,
        observers: Arc<Observers>,
    ) -> Arc<Self> {
        let sentinel = |dialer| Arc::new(Sentinel::new(dialer, name.clone()));
        let sentinels = sentinels.into_iter().map(sentinel).collect();
        let (known, switches, renew) = (Mutex::default(), watch::Sender::new(0), OnceLock::new());
        Arc::new(Self { name, sentinels, access, observers, known, switches, renew })
    }

    /// The primary by its name, wherever it is.
    pub(super) fn title(&self) -> String {
        format!("the primary `{}`", self.name)
    }

    /// How long an attempt to connect may take.
    pub(super) fn limit(&self) -> Duration {
        self.access.limit
    }

    /// Has `renew` called after each switch.
    pub(super) fn on_switch(&self, renew: impl Fn() + Send + Sync + 'static) {
        // Set once, by the links of the one server that has this dialer.
        let _ = self.renew.set(Box::new(renew));
    }

    /// Makes a connection to the primary.
    pub(super) async fn dial(&self, purpose: Purpose) -> Result<Dialed, Failure> {
        runtime()?;
        let begun = Instant::now();
        let mut failed: Option<(ConnectionAddr, Failure)> = None;
        for _ in 0..MOST_ADDRESSES {
            if failed.is_some() && begun.elapsed() >= self.limit() {
                break;
            }
            let (address, generation) = self.find(begun).await?;
            // The sentinels do not know of another one yet.
            if let Some((_, failure)) = failed.take_if(|(before, _)| *before == address) {
                return Err(failure);
            }
            match self.connect(&address, generation, begun, purpose.clone()).await {
                Ok(Some(dialed)) => return Ok(dialed),
                Ok(None) => {}
                Err(failure) => {
                    // Any other failure is none of another server's, such as that of the closure for credentials.
                    if failure.is_unreachable() {
                        self.doubt(Some(&address));
                    }
                    failed = Some((address, failure));
                }
            }
        }
        Err(failed.map_or_else(
            || {
                let message = format!("{self} was replaced while connections to it were made");
                Failure::new(FailureKind::NotReady, message)
            },
            |(_, failure)| failure,
        ))
    }

    /// Where the primary is, and in which generation. The sentinels are asked if that is not known, or in doubt.
    async fn find(&self, begun: Instant) -> Result<(ConnectionAddr, u64), Failure> {
        let before = {
            let known = self.known();
            if let Some(address) = known.candidate() {
                return Ok((address.clone(), known.generation()));
            }
            known.address().cloned()
        };
        let asked = self.ask(begun).await;
        let mut known = self.known();
        known.note_asked(before.as_ref());
        match (known.address(), asked) {
            // Without its sentinels a primary is where it was, for all that is known. It has to say that it is one.
            (Some(address), _) => Ok((address.clone(), known.generation())),
            (None, Err(failure)) => Err(failure),
            (None, Ok(())) => {
                let message = "no sentinel has told the primary".to_owned();
                Err(Failure::new(FailureKind::NotReady, message))
            }
        }
    }

    /// Connects to `address`, where the primary is in this `generation`; `None` as soon as there is another switch.
    async fn connect(
        &self,
        address: &ConnectionAddr,
        generation: u64,
        begun: Instant,
        purpose: Purpose,
    ) -> Result<Option<Dialed>, Failure> {
        let mut seen = self.switches.subscribe();
        let switched = pin!(seen.wait_for(|now| *now > generation));
        let made = pin!(async {
            let node = self.node(address)?;
            let dialed = node.dial(begun, purpose).await?;
            if !self.known().note_made(dialed.driver(), generation) {
                return Ok(None);
            }
            self.check_role(&node, begun, &dialed).await?;
            Ok(Some(dialed))
        });
        match race(made, switched).await {
            First::A(made) => made,
            First::B(_) => Ok(None),
        }
    }

    /// Has the server at `node` say that it is a primary.
    async fn check_role(
        &self,
        node: &NodeDialer,
        begun: Instant,
        dialed: &Dialed,
    ) -> Result<(), Failure> {
        let role = redis::cmd("ROLE");
        let mut asked = dialed.clone();
        let answer = pin!(role.query_async::<Value>(&mut *asked));
        match in_time_from(begun, self.limit(), answer).await {
            Some(Ok(Value::Array(role))) if is_primary(&role) => Ok(()),
            Some(Ok(_)) => Err(Failure::new(
                FailureKind::NotReady,
                format!(
                    "Redis at {node} is a replica, although the sentinels name it: a failover may be under way"
                ),
            )),
            // A server that refuses to tell is taken for what the sentinels say that it is.
            Some(Err(error)) if is_refused(error.kind()) => Ok(()),
            Some(Err(error)) => Err(node.refused_command(error, dialed.password())),
            None => Err(Failure::timeout(node, self.limit())),
        }
    }

    fn node(&self, address: &ConnectionAddr) -> Result<NodeDialer, Failure> {
        let Access { login, credentials, tls, limit } = &self.access;
        let unusable = |error: InvalidOption| {
            let message =
                format!("the address of the primary `{}` is unusable: {error}", self.name);
            Failure::new(FailureKind::Failed, message)
        };
        let tls = match (tls, address) {
            (Some(tls), ConnectionAddr::Tcp(host, _)) => Some(tls.to(host).map_err(unusable)?),
            _ => None,
        };
        Ok(NodeDialer {
            address: address.clone(),
            role: Role::Primary(self.name.clone()),
            login: login.clone(),
            credentials: credentials.clone(),
            tls,
            limit: *limit,
        })
    }

    /// Doubts that the primary is at `address`, or where it is believed to be: the sentinels are asked before the next
    /// connection is made.
    pub(super) fn doubt(&self, address: Option<&ConnectionAddr>) {
        self.known().doubt(address);
    }

    /// Takes in that the primary is at `new` now, if it was at `old`. `false` if it was not.
    pub(super) fn learn_from(&self, old: &ConnectionAddr, new: ConnectionAddr) -> bool {
        let known = self.known();
        let is_known = known.address() == Some(old);
        if is_known {
            self.learn_in(known, new);
        }
        is_known
    }

    /// Takes in that the primary is at `address`. If that is another one than before, all connections are closed.
    pub(super) fn learn(&self, address: ConnectionAddr) {
        self.learn_in(self.known(), address);
    }

    /// As [`learn`](Self::learn), for the answer to a question of this `generation`: it is old if there was a switch
    /// since.
    pub(super) fn learn_answer(&self, address: ConnectionAddr, generation: u64) {
        let known = self.known();
        if known.generation() == generation {
            self.learn_in(known, address);
        }
    }

    fn learn_in(&self, mut known: MutexGuard<'_, Whereabouts>, address: ConnectionAddr) {
        let switch = known.learn(address);
        drop(known);
        let Some(Switch { before, now, generation, made }) = switch else { return };
        made.iter().filter_map(Weak::upgrade).for_each(|driver| driver.close());
        if let Some(renew) = self.renew.get() {
            renew();
        }
        // Two switches may come here in the other order.
        self.switches.send_if_modified(|latest| {
            let is_later = generation > *latest;
            *latest = generation.max(*latest);
            is_later
        });
        self.observers.primary_changed(&self.name, &before.to_string(), &now.to_string());
    }

    /// The address that the last switch has left, if that was just now, and the generation.
    pub(super) fn left(&self) -> (Option<ConnectionAddr>, u64) {
        let known = self.known();
        (known.just_left().cloned(), known.generation())
    }

    /// Where the primary is believed to be.
    pub(super) fn address(&self) -> Option<ConnectionAddr> {
        self.known().address().cloned()
    }

    fn known(&self) -> MutexGuard<'_, Whereabouts> {
        lock(&self.known)
    }
}

impl fmt::Display for Primary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.address() {
            Some(address) => write!(f, "{address} (the primary `{name}`)"),
            None => write!(f, "the primary `{name}`"),
        }
    }
}

/// Whether `role` is what a primary answers to `ROLE`.
fn is_primary(role: &[Value]) -> bool {
    matches!(role.first(), Some(Value::BulkString(role)) if role == b"master")
}

/// Whether a server that answers so does not let this user ask, or does not know the command.
fn is_refused(kind: ErrorKind) -> bool {
    use ServerErrorKind::{NoPerm, ResponseError};
    matches!(kind, ErrorKind::Server(NoPerm | ResponseError))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> ConnectionAddr {
        ConnectionAddr::Tcp("127.0.0.1".to_owned(), port)
    }

    /// The primary `main`, of which no sentinel can be asked.
    fn primary() -> Arc<Primary> {
        let login = RedisConnectionInfo::default();
        let access = Access { login, credentials: None, tls: None, limit: Duration::from_secs(1) };
        let observers = Arc::new(Observers::new(String::new(), Vec::new()));
        Primary::new("main".to_owned(), Vec::new(), access, observers)
    }

    #[tokio::test]
    async fn only_a_switch_from_the_known_primary_is_believed_at_once() {
        let primary = primary();
        assert_eq!(primary.to_string(), "the primary `main`");
        primary.switched(&address(1), address(2)).await;
        assert_eq!(primary.to_string(), "127.0.0.1:2 (the primary `main`)");
        for (old, new, known) in [(1, 2, 2), (3, 1, 2), (2, 3, 3), (1, 2, 3), (3, 2, 2)] {
            primary.switched(&address(old), address(new)).await;
            assert_eq!(primary.address(), Some(address(known)), "{old} to {new}");
        }
        assert_eq!(primary.title(), "the primary `main`");
    }

    #[test]
    fn links_are_renewed_by_a_switch_alone() {
        let (primary, renewed) = (primary(), Arc::new(Mutex::new(0)));
        let renew = Arc::clone(&renewed);
        primary.on_switch(move || *lock(&renew) += 1);
        for (port, times) in [(1, 0), (1, 0), (2, 1), (2, 1), (1, 2)] {
            primary.learn(address(port));
            assert_eq!(*lock(&renewed), times, "{port}");
        }
    }

    #[test]
    fn an_answer_that_was_asked_for_before_a_switch_is_old() {
        let primary = primary();
        primary.learn_answer(address(1), 0);
        let (_, before) = primary.left();
        primary.learn(address(2));
        primary.learn_answer(address(1), before);
        assert_eq!(primary.address(), Some(address(2)));
        let (left, now) = primary.left();
        assert_eq!(left, Some(address(1)));
        primary.learn_answer(address(3), now);
        assert_eq!(primary.address(), Some(address(3)));
    }

    #[tokio::test]
    async fn without_its_sentinels_a_primary_is_where_it_was() {
        let primary = primary();
        assert!(primary.find(Instant::now()).await.is_err(), "there is no sentinel");
        primary.learn(address(1));
        primary.doubt(None);
        assert_eq!(primary.find(Instant::now()).await.unwrap(), (address(1), 0));
    }

    /// A connection that a switch has closed may be made anew before those who connect are told of the switch.
    #[tokio::test]
    async fn an_attempt_that_begins_during_a_switch_is_not_ended_by_it() {
        let primary = primary();
        primary.learn(address(1));
        primary.known().learn(address(2)).unwrap();
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (begun, purpose, nobody) =
            (Instant::now(), Purpose::commands(), address(nobody.port()));
        let made = primary.connect(&nobody, 1, begun, purpose);
        let refused = made.await.err().expect("an attempt was made, and refused");
        assert!(refused.is_unreachable(), "{}", refused.error);
    }
}
