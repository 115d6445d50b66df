//! The types of `time`.
//!
//! A moment is written as the time since the Unix epoch, which is all that its equality looks at: the same moment with another
//! offset is equal. The moment in UTC would not do, because near the first and the last year there may be none.

use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime, Weekday};

use super::calendar::{self, Clock, DateAndClock};
use super::seconds;
use crate::key::{KeyPart, PartWriter};

fn date(date: Date) -> calendar::Date {
    let (year, month, day) = date.to_calendar_date();
    calendar::Date { year, month: u8::from(month).into(), day: day.into() }
}

fn clock(time: Time) -> Clock {
    let (hour, minute, second, nano) = time.as_hms_nano();
    Clock { hour: hour.into(), minute: minute.into(), second: second.into(), nano }
}

/// As in ISO 8601: `2024-02-29`.
impl KeyPart for Date {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.display(&date(*self));
    }
}

/// As in ISO 8601, with all nine decimals or none, and escaped: `12%3A30%3A00`.
impl KeyPart for Time {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.display(&clock(*self));
    }
}

/// As in ISO 8601: the date, `T` and the time, `2024-02-29T12%3A30%3A00`.
impl KeyPart for PrimitiveDateTime {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.display(&DateAndClock(date(self.date()), clock(self.time())));
    }
}

/// In seconds since the Unix epoch, whatever the offset.
impl KeyPart for OffsetDateTime {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        seconds::write_since_epoch(self.unix_timestamp(), self.nanosecond(), part);
    }
}

/// In seconds since the Unix epoch.
impl KeyPart for UtcDateTime {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        seconds::write_since_epoch(self.unix_timestamp(), self.nanosecond(), part);
    }
}

/// In seconds, as the `Duration` of the standard library is written: `-90`, `0.250000000`.
impl KeyPart for Duration {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        let (secs, nanos) = (self.whole_seconds(), self.subsec_nanoseconds());
        seconds::write(self.is_negative(), secs.unsigned_abs(), nanos.unsigned_abs(), part);
    }
}

/// By its name: `Monday`.
impl KeyPart for Weekday {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.display(self);
    }
}

/// By its name: `January`.
impl KeyPart for Month {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.display(self);
    }
}

#[cfg(test)]
mod tests {
    use time::UtcOffset;

    use super::*;
    use crate::key::provided::tests::render;

    fn at(year: i32, hour: u8, offset_hours: i8) -> OffsetDateTime {
        let offset = UtcOffset::from_hms(offset_hours, 0, 0).unwrap();
        let date = Date::from_calendar_date(year, Month::December, 31).unwrap();
        date.with_hms(hour, 0, 0).unwrap().assume_offset(offset)
    }

    #[test]
    fn dates_and_times_are_spelled_as_in_iso_8601() {
        let date = Date::from_calendar_date(2024, Month::February, 29).unwrap();
        assert_eq!(render(&date), "2024-02-29");
        assert_eq!(render(&date.with_hms(4, 5, 6).unwrap()), "2024-02-29T04%3A05%3A06");
        assert_eq!(render(&Time::from_hms_nano(4, 5, 6, 7).unwrap()), "04%3A05%3A06.000000007");
        assert_eq!(render(&Weekday::Monday), "Monday");
        assert_eq!(render(&Month::January), "January");
    }

    #[test]
    fn years_before_the_first_have_a_sign() {
        assert_eq!(render(&at(-44, 0, 0).date()), "-0044-12-31");
        assert_eq!(render(&at(0, 0, 0).date()), "0000-12-31");
    }

    #[test]
    fn one_moment_with_two_offsets_is_one_part() {
        assert_eq!(at(2024, 12, 0), at(2024, 14, 2));
        assert_eq!(render(&at(2024, 12, 0)), "1735646400");
        assert_eq!(render(&at(2024, 14, 2)), "1735646400");
        assert_eq!(render(&UtcDateTime::from(at(2024, 14, 2))), "1735646400");
        assert_ne!(render(&at(2024, 12, 1)), "1735646400");
    }

    #[test]
    fn a_moment_that_has_no_date_in_utc_is_written_like_any_other() {
        assert_eq!(at(9999, 23, -3).checked_to_offset(UtcOffset::UTC), None);
        assert_eq!(render(&at(9999, 23, -3)), "253402308000");
        assert_eq!(render(&at(9999, 22, -4)), "253402308000");
    }

    #[test]
    fn moments_before_the_epoch_are_negative() {
        let moment = |nanos| render(&OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap());
        assert_eq!(moment(-1_000_000_000), "-1");
        assert_eq!(moment(-750_000_000), "-0.750000000");
        assert_eq!(moment(-1_500_000_000), "-1.500000000");
        assert_eq!(moment(1), "0.000000001");
    }

    #[test]
    fn differences_are_seconds() {
        assert_eq!(render(&Duration::milliseconds(-250)), "-0.250000000");
        assert_eq!(render(&Duration::seconds(-90)), "-90");
        assert_eq!(render(&Duration::MIN), "-9223372036854775808.999999999");
    }
}
