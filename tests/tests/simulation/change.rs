//! Changes of the database, and whether the cache has accepted them.

use std::sync::Arc;

use crate::journal::{What, Who};
use crate::oracle::Value;
use crate::world::World;

/// How the cache is told of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    Invalidate,
    Set,
}

/// A version that is committed, and that the cache is being told of.
pub(crate) struct Change {
    world: Arc<World>,
    who: Who,
    by: Telling,
    accepted: bool,
    pub(crate) value: Value,
}

impl Change {
    /// Commits a new version; not while one is being set, because `set` overwrites whatever is set or
    /// invalidated meanwhile. Once it has failed or was dropped it may not any more.
    pub(crate) fn commit(world: &Arc<World>, who: Who, key: usize, by: Telling) -> Option<Self> {
        let mut state = world.state();
        let row = &mut state.rows[key];
        match by {
            _ if row.setting => return None,
            Telling::Set if row.invalidating > 0 => return None,
            Telling::Set => row.setting = true,
            Telling::Invalidate => row.invalidating += 1,
        }
        row.version += 1;
        let version = row.version;
        state.stats.changes += 1;
        state.log(Some(key), What::Committed { who, version });
        let value = Value { key, version, ttl: world.plan.ttl };
        Some(Self { world: Arc::clone(world), who, by, accepted: false, value })
    }

    /// The cache has returned `Ok`.
    pub(crate) fn accepted(mut self) {
        self.accepted = true;
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        let Self { who, by, accepted, value: Value { key, version, .. }, .. } = *self;
        let mut state = self.world.state();
        state.stats.accepted += u64::from(accepted);
        let row = &mut state.rows[key];
        let how = match by {
            Telling::Invalidate => {
                row.invalidating -= 1;
                "invalidate"
            }
            Telling::Set => {
                row.setting = false;
                "set"
            }
        };
        if accepted {
            row.floor = row.floor.max(version);
        }
        state.log(Some(key), What::Told { who, how, version, accepted });
    }
}
