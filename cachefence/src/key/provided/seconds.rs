//! Lengths of time, and moments, which are written as the time since the Unix epoch.

use std::time::{Duration, SystemTime};

use crate::key::{KeyPart, PartWriter};

/// Writes seconds with all nine decimals or none: `60`, `0.250000000`.
///
/// With `nanos` of a whole second or more, as `chrono` has them in a leap second, there are ten digits behind the point, so that
/// it is written like no other moment: `1483228799.1000000000`.
pub(super) fn write(is_negative: bool, secs: u64, nanos: u32, part: &mut PartWriter<'_>) {
    let sign = if is_negative { "-" } else { "" };
    match nanos {
        0 => part.display(&format_args!("{sign}{secs}")),
        nanos => part.display(&format_args!("{sign}{secs}.{nanos:09}")),
    }
}

/// Writes the moment that is `nanos` later than `secs` seconds after the Unix epoch, or before it.
///
/// ```text
/// -1, 250_000_000   ->   -0.750000000
/// ```
#[cfg(any(feature = "chrono", feature = "time"))]
pub(super) fn write_since_epoch(secs: i64, nanos: u32, part: &mut PartWriter<'_>) {
    const SECOND: u32 = 1_000_000_000;
    match nanos {
        1..SECOND if secs < 0 => {
            write(true, secs.saturating_add(1).unsigned_abs(), SECOND - nanos, part);
        }
        _ => write(secs < 0, secs.unsigned_abs(), nanos, part),
    }
}

/// In seconds, with all nine decimals or none: `60`, `0.250000000`.
impl KeyPart for Duration {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        write(false, self.as_secs(), self.subsec_nanos(), part);
    }
}

/// In seconds since the Unix epoch, as a `Duration` is written; negative before it.
impl KeyPart for SystemTime {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        let (is_negative, since) = match self.duration_since(Self::UNIX_EPOCH) {
            Ok(after) => (false, after),
            Err(before) => (true, before.duration()),
        };
        write(is_negative, since.as_secs(), since.subsec_nanos(), part);
    }
}
