//! Dates and times of day, spelled as in ISO 8601: `2024-02-29`, `2024-02-29T12:30:00`, whose colons are
//! escaped as in any text.

use std::fmt;

/// A date. A year outside of 0 to 9999 has its sign: `-0044-03-15`, `+10000-01-01`.
pub(super) struct Date {
    pub(super) year: i32,
    pub(super) month: u32,
    pub(super) day: u32,
}

/// A time of day, with all nine decimals or none: `12:30:00`, `12:30:00.250000000`.
///
/// With `nano` of a whole second or more, as `chrono` has them in a leap second, there are ten digits behind the point, so that it
/// is written like no other time: `23:59:59.1000000000`. `60` seconds would not do, because `chrono` allows a leap second
/// anywhere.
pub(super) struct Clock {
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) nano: u32,
}

/// A date and a time of day.
pub(super) struct DateAndClock(pub(super) Date, pub(super) Clock);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day } = self;
        match year {
            0..=9999 => write!(f, "{year:04}-{month:02}-{day:02}"),
            year => write!(f, "{year:+05}-{month:02}-{day:02}"),
        }
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hour, minute, second, nano } = self;
        write!(f, "{hour:02}:{minute:02}:{second:02}")?;
        match nano {
            0 => Ok(()),
            nano => write!(f, ".{nano:09}"),
        }
    }
}

impl fmt::Display for DateAndClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.0, self.1)
    }
}
