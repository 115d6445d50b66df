//! The servers of a store: one, or the nodes of a cluster.

use std::borrow::Cow;
use std::sync::Arc;

use redis::ConnectionAddr;

use super::batch::Gathering;
use super::cluster::{Cluster, Hop};
use super::dial::NodeDialer;
use super::dialer::Dialer;
use super::failure::Failure;
use super::server::{Common, Server};
use crate::error::InvalidOption;
use crate::key::Key;
use crate::store::{Health, Status};

/// The servers of a store.
pub(super) enum Servers {
    One(Arc<Server>),
    Cluster(Arc<Cluster>),
}

impl Servers {
    pub(super) fn one(dialer: impl Into<Dialer>, common: &Common) -> Self {
        Self::One(Arc::new(Server::new(dialer, common, Gathering::OneCommand)))
    }

    /// The nodes of the cluster that the `seeds` belong to.
    pub(super) fn cluster(seeds: Vec<NodeDialer>, common: Common) -> Result<Self, InvalidOption> {
        check_seeds(&seeds)?;
        Ok(Self::Cluster(Arc::new(Cluster::new(seeds, common)?)))
    }

    /// The server that holds `key`, as far as is known; does no I/O.
    pub(super) fn of(&self, key: &Key) -> Cow<'_, Arc<Server>> {
        match self {
            Self::One(server) => Cow::Borrowed(server),
            Self::Cluster(cluster) => Cow::Owned(cluster.of(key)),
        }
    }

    /// Every server that is known.
    pub(super) fn all(&self) -> Vec<Arc<Server>> {
        match self {
            Self::One(server) => vec![Arc::clone(server)],
            Self::Cluster(cluster) => cluster.nodes(),
        }
    }

    /// The keys, grouped by the server that holds them.
    pub(super) fn by_server<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a Key>,
    ) -> Vec<(Arc<Server>, Vec<&'a Key>)> {
        let mut groups: Vec<(Arc<Server>, Vec<&Key>)> = Vec::new();
        for key in keys {
            let server = self.of(key);
            match groups.iter_mut().find(|(other, _)| Arc::ptr_eq(other, &server)) {
                Some((_, of_server)) => of_server.push(key),
                None => groups.push((server.into_owned(), vec![key])),
            }
        }
        groups
    }

    /// Takes in the `failure` of an operation that `asked` was asked, and returns the node that it names, if it names
    /// one.
    pub(super) fn next_hop(&self, asked: &Arc<Server>, failure: &Failure) -> Option<Hop> {
        match self {
            Self::One(_) => None,
            Self::Cluster(cluster) => cluster.next_hop(asked, failure),
        }
    }

    /// The status of all servers together: a store whose servers are all down is down.
    pub(super) fn status(&self) -> Status {
        let each: Vec<Status> = self.all().iter().map(|server| server.status()).collect();
        let all = |is_so: fn(&Status) -> bool| each.iter().all(is_so);
        let health = if all(|one| one.health == Health::Down) {
            Health::Down
        } else if all(|one| one.health == Health::Up) {
            Health::Up
        } else {
            Health::Degraded
        };
        Status {
            health,
            scripts: all(|one| one.scripts),
            pushes: all(|one| one.pushes),
            writes: all(|one| one.writes),
            near: all(|one| one.near),
        }
    }
}

/// Refuses URLs that cannot be those of nodes of one cluster.
fn check_seeds(seeds: &[NodeDialer]) -> Result<(), InvalidOption> {
    let login = |seed: &NodeDialer| {
        let (user, password) = (seed.login.username(), seed.login.password());
        (user.map(str::to_owned), password.map(str::to_owned))
    };
    let differ = |pair: &[NodeDialer]| login(&pair[0]) != login(&pair[1]);
    let problem = if seeds.iter().any(|seed| matches!(seed.address, ConnectionAddr::Unix(_))) {
        "is a cluster with a socket in a URL, and its nodes name one another by host and port: write `redis://host:port`"
    } else if seeds.iter().any(|seed| seed.login.db() != 0) {
        "is a cluster with a database in a URL, and has database 0 only: leave it out"
    } else if seeds.windows(2).any(|pair| pair[0].tls.is_some() != pair[1].tls.is_some()) {
        "is a cluster with two schemes in its URLs, and all nodes have one: write `redis://`, or `rediss://`, in all \
         of them"
    } else if seeds.windows(2).any(differ) {
        "is a cluster with two users or passwords in its URLs, and all nodes have one: write the same in all of them"
    } else {
        return Ok(());
    };
    Err(InvalidOption::new("redis", problem))
}
