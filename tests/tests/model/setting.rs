//! `Entry::set`: seizes the lease, and stores.
//!
//! What is set was known before the seize, and no commit before that can be held against it: so it is as old
//! as the seize. For the same reason a refused store is not tried again here, as the real one is.

use crate::rules::Rules;
use crate::state::{Kind, Made, ProcessId, Setting, State, token_bit};

impl State {
    pub(crate) fn set(&mut self, rules: &Rules, process: ProcessId) {
        self.left.sets -= 1;
        let token = self.unused_token();
        if !rules.set_unfenced {
            self.seize(token);
        }
        self.setting = Some(Setting { process, token, version: self.database });
    }

    /// The store of a `set` arrives. Then the flight of its process is voided.
    pub(crate) fn end_set(&mut self, rules: &Rules) {
        if let Some(Setting { process, token, version }) = self.setting.take() {
            // It replaces whatever is there.
            let seen = self.server.entry.map(|entry| entry.id);
            let made = Made { version, kind: Kind::Value };
            self.fill_fenced(rules, token_bit(token), made, seen, !rules.set_unfenced);
            self.void(process);
        }
    }
}
