//! The whereabouts of a primary, as far as this process knows, with the connections that were made to it.
//!
//! Nobody is asked in here, and nothing is closed: that is up to `primary`.

use std::mem;
use std::sync::Weak;
use std::time::Duration;

use redis::ConnectionAddr;
use tokio::time::Instant;

use super::dialed::Driver;

/// How long the server that a switch has left counts as the one that late sentinels name. Sentinels tell one another of
/// a switch every two seconds.
const LATE: Duration = Duration::from_secs(10);

/// How long after the sentinels have named the server that is in doubt they are not asked again for another connection:
/// what they tell by themselves comes sooner.
const PAUSE: Duration = Duration::from_millis(250);

/// Where a primary is.
#[derive(Default)]
pub(super) struct Whereabouts {
    address: Option<ConnectionAddr>,
    /// Whether the sentinels are to be asked before the next connection is made.
    is_doubtful: bool,
    /// When the sentinels were last asked in vain: they named the server that is in doubt.
    asked_in_vain: Option<Instant>,
    /// The address that the last switch has left, and when.
    left: Option<(ConnectionAddr, Instant)>,
    /// How many switches there were.
    generation: u64,
    /// The connections that were made since the last switch.
    made: Vec<Weak<Driver>>,
}

/// Another address has become that of the primary.
pub(super) struct Switch {
    pub(super) before: ConnectionAddr,
    pub(super) now: ConnectionAddr,
    /// How many switches there were, with this one.
    pub(super) generation: u64,
    /// The connections that were made before.
    pub(super) made: Vec<Weak<Driver>>,
}

impl Whereabouts {
    /// Where the primary is believed to be.
    pub(super) fn address(&self) -> Option<&ConnectionAddr> {
        self.address.as_ref()
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The address to connect to; `None` if the sentinels are to be asked now.
    pub(super) fn candidate(&self) -> Option<&ConnectionAddr> {
        let was_just_asked = self.asked_in_vain.is_some_and(|asked| asked.elapsed() < PAUSE);
        self.address().filter(|_| !self.is_doubtful || was_just_asked)
    }

    /// Doubts that the primary is at `address`, or where it is believed to be.
    pub(super) fn doubt(&mut self, address: Option<&ConnectionAddr>) {
        if address.is_none() || self.address() == address {
            self.is_doubtful = true;
        }
    }

    /// Notes that the sentinels were asked, when the primary was believed to be at `before`.
    pub(super) fn note_asked(&mut self, before: Option<&ConnectionAddr>) {
        self.asked_in_vain = (self.address() == before).then(Instant::now);
    }

    /// Takes in that the primary is at `now`. Returns a switch if it was at another address before.
    pub(super) fn learn(&mut self, now: ConnectionAddr) -> Option<Switch> {
        self.is_doubtful = false;
        if self.address.as_ref() == Some(&now) {
            return None;
        }
        let before = self.address.replace(now.clone())?;
        self.left = Some((before.clone(), Instant::now()));
        self.generation += 1;
        let made = mem::take(&mut self.made);
        Some(Switch { before, now, generation: self.generation, made })
    }

    /// The address that the last switch has left, if that was just now.
    pub(super) fn just_left(&self) -> Option<&ConnectionAddr> {
        let (address, when) = self.left.as_ref()?;
        (when.elapsed() < LATE).then_some(address)
    }

    /// Notes a connection of a `generation`, for the next switch to close. `false` if there was one already.
    pub(super) fn note_made(&mut self, connection: Weak<Driver>, generation: u64) -> bool {
        let is_current = self.generation == generation;
        if is_current {
            self.made.retain(|driver| driver.strong_count() > 0);
            self.made.push(connection);
        }
        is_current
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn address(port: u16) -> ConnectionAddr {
        ConnectionAddr::Tcp("127.0.0.1".to_owned(), port)
    }

    fn at(port: u16) -> Whereabouts {
        let mut primary = Whereabouts::default();
        assert!(primary.learn(address(port)).is_none(), "the first address is no switch");
        primary
    }

    #[test]
    fn a_doubt_about_another_address_is_none() {
        let mut primary = at(1);
        primary.doubt(Some(&address(2)));
        assert_eq!(primary.candidate(), Some(&address(1)));
        primary.doubt(Some(&address(1)));
        assert_eq!(primary.candidate(), None);
        assert!(primary.learn(address(1)).is_none());
        assert_eq!(primary.candidate(), Some(&address(1)));
        primary.doubt(None);
        assert_eq!(primary.candidate(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_doubt_is_asked_about_at_once_and_then_every_250_ms() {
        let mut primary = at(1);
        primary.note_asked(None);
        primary.doubt(None);
        assert_eq!(primary.candidate(), None, "the sentinels have named another than before");
        primary.note_asked(Some(&address(1)));
        assert_eq!(primary.candidate(), Some(&address(1)));
        advance(PAUSE).await;
        assert_eq!(primary.candidate(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_that_was_left_is_no_other_than_any_after_a_while() {
        let mut primary = at(1);
        let switch = primary.learn(address(2)).unwrap();
        assert_eq!((switch.before, switch.now, switch.generation), (address(1), address(2), 1));
        assert_eq!(primary.just_left(), Some(&address(1)));
        advance(LATE).await;
        assert_eq!(primary.just_left(), None);
    }

    #[test]
    fn a_connection_of_an_older_generation_is_not_noted() {
        let mut primary = at(1);
        assert!(primary.note_made(Weak::new(), 0));
        primary.learn(address(2)).unwrap();
        assert!(!primary.note_made(Weak::new(), 0));
        assert!(primary.note_made(Weak::new(), 1));
    }
}
