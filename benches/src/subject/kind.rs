//! The subjects by name.

/// Which subject a worker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The raw client: the floor of the rows on Redis.
    Floor,
    /// cachefence on Redis, by the engine.
    Ours,
    /// cachefence on Redis, by the attribute.
    OursAttribute,
    /// cachefence on Redis, with refreshes in tasks of their own.
    OursBackground,
    /// The raw client's own connection to a Redis Cluster.
    ClusterFloor,
    /// cachefence on a Redis Cluster, by the engine.
    OursCluster,
    /// `cached`'s attribute on Redis.
    Cached,
    /// `hitbox` on Redis.
    Hitbox,
    /// The Python package, in a process of Python.
    Python,
    /// `quick_cache` and a decode: the floor of the rows in memory.
    Quick,
    /// cachefence in memory, by the engine.
    OursMemory,
    /// cachefence in memory, by the attribute.
    OursMemoryAttribute,
    /// `cached`'s attribute in memory, one load at a time for each key.
    CachedMemory,
    /// `moka` in memory.
    Moka,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Floor,
        Self::Ours,
        Self::OursAttribute,
        Self::OursBackground,
        Self::ClusterFloor,
        Self::OursCluster,
        Self::Cached,
        Self::Hitbox,
        Self::Python,
        Self::Quick,
        Self::OursMemory,
        Self::OursMemoryAttribute,
        Self::CachedMemory,
        Self::Moka,
    ];

    /// The name of this subject on a worker's command line.
    pub fn argument(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Ours => "ours",
            Self::OursAttribute => "ours-attribute",
            Self::OursBackground => "ours-background",
            Self::ClusterFloor => "cluster-floor",
            Self::OursCluster => "ours-cluster",
            Self::Cached => "cached",
            Self::Hitbox => "hitbox",
            Self::Python => "python",
            Self::Quick => "quick",
            Self::OursMemory => "ours-memory",
            Self::OursMemoryAttribute => "ours-memory-attribute",
            Self::CachedMemory => "cached-memory",
            Self::Moka => "moka",
        }
    }

    /// The kind with this name on the command line.
    pub fn of_argument(argument: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.argument() == argument)
    }

    /// The name of this subject in a table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Floor => "redis-rs, GET + serde_json",
            Self::Ours => "cachefence, Redis",
            Self::OursAttribute => "cachefence, Redis, attribute",
            Self::OursBackground => "cachefence, Redis, detached",
            Self::ClusterFloor => "redis-rs, ClusterConnection",
            Self::OursCluster => "cachefence, Redis Cluster",
            Self::Cached => "cached, Redis attribute",
            Self::Hitbox => "hitbox, Redis",
            Self::Python => "cachefence 0.1.0 (Python)",
            Self::Quick => "quick_cache + serde_json",
            Self::OursMemory => "cachefence, memory",
            Self::OursMemoryAttribute => "cachefence, memory, attribute",
            Self::CachedMemory => "cached, memory attribute",
            Self::Moka => "moka try_get_with",
        }
    }

    /// A remark that a reader needs to compare this subject with the others.
    pub fn note(self) -> &'static str {
        match self {
            Self::Floor => "naive cache-aside: nothing beside GET, load, SET",
            Self::Cached => {
                "MessagePack (its only codec); on Redis the attribute refuses `sync_writes`"
            }
            Self::Hitbox => "JsonFormat, BroadcastConcurrencyManager; one load per process",
            Self::Python => "asyncio, redis-py, json",
            Self::Quick => "bytes, decoded at every hit; no ttl",
            Self::CachedMemory => "`sync_writes = \"by_key\"`; clones the value, decodes nothing",
            Self::Moka => "clones the value, decodes nothing",
            _ => "",
        }
    }

    /// Whether this subject is a peer: neither cachefence nor a floor.
    pub fn is_a_peer(self) -> bool {
        matches!(self, Self::Cached | Self::Hitbox | Self::Python | Self::CachedMemory | Self::Moka)
    }

    /// Whether this subject keeps its values in Redis.
    pub fn on_redis(self) -> bool {
        !matches!(
            self,
            Self::Quick
                | Self::OursMemory
                | Self::OursMemoryAttribute
                | Self::CachedMemory
                | Self::Moka
        )
    }
}
