//! One line that says how far the work has come, for whoever watches it.

use std::io::{IsTerminal as _, Write as _};

/// A line on standard error that replaces itself; nothing at all where that is not a terminal.
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    visible: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { visible: std::io::stderr().is_terminal() }
    }

    pub(crate) fn show(self, text: &str) {
        if self.visible {
            // To the start of the line, and clear it. Nobody is told if nobody can be.
            let _ = write!(std::io::stderr(), "\r\x1b[2K{text}");
        }
    }

    pub(crate) fn clear(self) {
        self.show("");
    }
}
