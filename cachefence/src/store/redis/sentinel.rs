//! One sentinel: asked where the primary is, and listened to.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::AtomicBool;

use redis::{ConnectionAddr, ErrorKind, PushInfo, PushKind, RedisError, ServerErrorKind, Value};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use super::dial::{NodeDialer, Purpose};
use super::dialed::Dialed;
use super::failure::{Failure, FailureKind};
use super::words::said_with_code;
use crate::time::in_time_from;

/// The channel on which a sentinel tells that another server is the primary now.
const CHANNEL: &str = "+switch-master";

/// A sentinel that watches a primary.
pub(super) struct Sentinel {
    dialer: NodeDialer,
    /// The name by which the sentinel knows the primary.
    name: String,
    /// Whether the subscription is lost, as far as is known.
    pub(super) is_lost: AtomicBool,
}

/// A connection on which a sentinel tells of switches.
pub(super) struct Subscription {
    connection: Dialed,
    news: UnboundedReceiver<News>,
}

/// News from a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// Another server is the primary now.
    Switch { old: ConnectionAddr, new: ConnectionAddr },
    /// The connection has ended.
    Lost,
}

impl Sentinel {
    pub(super) fn new(dialer: NodeDialer, name: String) -> Self {
        Self { dialer, name, is_lost: AtomicBool::new(false) }
    }

    /// Asks where the primary is, on a connection that is made for that.
    pub(super) async fn ask(&self) -> Result<ConnectionAddr, Failure> {
        let begun = Instant::now();
        let connection = self.dialer.dial(begun, Purpose::commands()).await?;
        self.ask_over(begun, &connection).await
    }

    /// As [`ask`](Self::ask), over a `connection` that was begun, or is asked, at `begun`.
    pub(super) async fn ask_over(
        &self,
        begun: Instant,
        connection: &Dialed,
    ) -> Result<ConnectionAddr, Failure> {
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
        let mut asked = connection.clone();
        let answer = pin!(ask.query_async::<Option<(String, u16)>>(&mut *asked));
        let answer = in_time_from(begun, self.dialer.limit(), answer).await;
        match answer {
            Some(Ok(Some((host, port)))) => Ok(ConnectionAddr::Tcp(host, port)),
            Some(Ok(None)) => Err(self.failed(
                FailureKind::Failed,
                &format!(
                    "watches no primary of the name `{}`: give the name that `sentinel monitor` in its configuration \
                     gives it",
                    self.name
                ),
            )),
            Some(Err(error)) => Err(self.refused(
                error,
                connection.password(),
                ("ask for the primary", "+sentinel|get-master-addr-by-name"),
            )),
            None => Err(Failure::timeout(&self.dialer, self.dialer.limit())),
        }
    }

    /// Asks to be told of switches.
    pub(super) async fn subscribe(&self) -> Result<Subscription, Failure> {
        let begun = Instant::now();
        let (tell, news) = unbounded_channel();
        let name = self.name.clone();
        let purpose = Purpose::pushes(move |info| {
            if let Some(news) = News::of(info, &name) {
                // Nobody listens any more once the subscription was let go.
                let _ = tell.send(news);
            }
        });
        let connection = self.dialer.dial(begun, purpose).await?;
        let mut shared = connection.clone();
        let subscribed = pin!(shared.subscribe(CHANNEL));
        match in_time_from(begun, self.dialer.limit(), subscribed).await {
            Some(Ok(())) => Ok(Subscription { connection, news }),
            Some(Err(error)) => Err(self.refused(
                error,
                connection.password(),
                ("be told of failovers", "+subscribe &+switch-master"),
            )),
            None => Err(Failure::timeout(&self.dialer, self.dialer.limit())),
        }
    }

    /// The failure of a sentinel whose connection has ended.
    pub(super) fn lost(&self) -> Failure {
        Failure::lost(&self.dialer)
    }

    /// Why the sentinel did not do what it was asked `to`, for which its user needs the rules.
    fn refused(&self, error: RedisError, password: &str, (to, rules): (&str, &str)) -> Failure {
        let words = said_with_code(&error, password);
        let is_forbidden = error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm);
        let failure = self.dialer.refused_command(error, password);
        let why = if is_forbidden {
            format!(
                "does not let this user {to}: {words}; add `{rules}` to the rules of the user (ACL SETUSER)"
            )
        } else if failure.kind == FailureKind::Unsupported {
            format!(
                "is no sentinel: {words}; a sentinel listens at port 26379 unless its configuration gives another"
            )
        } else {
            return failure;
        };
        self.failed(failure.kind, &why)
    }

    fn failed(&self, kind: FailureKind, why: &str) -> Failure {
        Failure::new(kind, format!("Redis at {} {why}", self.dialer))
    }
}

impl fmt::Display for Sentinel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dialer.fmt(f)
    }
}

impl Subscription {
    pub(super) fn connection(&self) -> Dialed {
        self.connection.clone()
    }

    /// Waits for the next news.
    pub(super) async fn next(&mut self) -> News {
        self.news.recv().await.unwrap_or(News::Lost)
    }
}

impl News {
    /// The news in a push, if it brings any of the primary of this `name`.
    fn of(info: &PushInfo, name: &str) -> Option<Self> {
        match (&info.kind, info.data.as_slice()) {
            (PushKind::Disconnection, _) => Some(Self::Lost),
            (PushKind::Message, [_, Value::BulkString(text)]) => {
                Self::read(std::str::from_utf8(text).ok()?, name)
            }
            _ => None,
        }
    }

    /// Reads `name old-host old-port new-host new-port`.
    fn read(text: &str, name: &str) -> Option<Self> {
        let address =
            |host: &str, port: &str| Some(ConnectionAddr::Tcp(host.to_owned(), port.parse().ok()?));
        let words: Vec<&str> = text.split(' ').collect();
        match words.as_slice() {
            [of, old, old_port, new, new_port] if *of == name => {
                Some(Self::Switch { old: address(old, old_port)?, new: address(new, new_port)? })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, port: u16) -> ConnectionAddr {
        ConnectionAddr::Tcp(host.to_owned(), port)
    }

    #[test]
    fn a_switch_is_read() {
        let read = |text| News::read(text, "main");
        let switch = News::Switch { old: address("10.0.0.1", 1), new: address("::2", 65_535) };
        assert_eq!(read("main 10.0.0.1 1 ::2 65535"), Some(switch));
        for other in [
            "",
            "main",
            "main2 10.0.0.1 1 10.0.0.2 2",
            "main 10.0.0.1 1 10.0.0.2",
            "main 10.0.0.1 1 10.0.0.2 2 3",
            "main 10.0.0.1 1 10.0.0.2 65536",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn only_messages_and_the_end_are_news() {
        let push = |kind, data: &[&str]| {
            let data =
                data.iter().map(|text| Value::BulkString(text.as_bytes().to_vec())).collect();
            News::of(&PushInfo { kind, data }, "main")
        };
        assert!(push(PushKind::Message, &[CHANNEL, "main a 1 b 2"]).is_some());
        assert_eq!(push(PushKind::Disconnection, &[]), Some(News::Lost));
        assert_eq!(push(PushKind::Subscribe, &[CHANNEL, "main a 1 b 2"]), None);
        assert_eq!(push(PushKind::Message, &[CHANNEL, "other a 1 b 2"]), None);
    }
}
