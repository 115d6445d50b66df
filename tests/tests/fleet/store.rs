//! Where a fleet keeps its entries.

use cachefence_tests::{RedisCluster, RedisServer};

pub(crate) enum Store {
    Server(Box<RedisServer>),
    Cluster(RedisCluster),
}

impl Store {
    pub(crate) fn of(server: RedisServer) -> Self {
        Self::Server(Box::new(server))
    }

    pub(crate) fn with_scripts() -> Self {
        Self::of(RedisServer::start())
    }

    pub(crate) fn without_scripts() -> Self {
        Self::of(RedisServer::without_scripts())
    }

    pub(crate) fn cluster() -> Self {
        Self::Cluster(RedisCluster::builder().replicas(0).start())
    }

    /// [`Options::url`](cachefence_tests::fleet::Options::url).
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Server(server) => server.url(),
            Self::Cluster(cluster) => cluster.urls().join(" "),
        }
    }

    /// The server that holds what has this `name`.
    pub(crate) fn at(&self, name: &str) -> &RedisServer {
        match self {
            Self::Server(server) => server,
            Self::Cluster(cluster) => cluster.node(cluster.owner_of(name)),
        }
    }

    /// All servers.
    pub(crate) fn servers(&self) -> Vec<&RedisServer> {
        match self {
            Self::Server(server) => vec![server],
            Self::Cluster(cluster) => cluster.nodes().collect(),
        }
    }
}
