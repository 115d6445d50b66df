//! The types of `chrono`.
//!
//! A moment is written as the time since the Unix epoch, which is all that its equality looks at: the same moment with another
//! offset is equal.

use chrono::{
    DateTime, Datelike as _, Month, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone,
    Timelike as _, Weekday,
};

use super::calendar::{Clock, Date, DateAndClock};
use super::seconds;
use crate::key::{KeyPart, PartWriter};

fn date(date: NaiveDate) -> Date {
    Date { year: date.year(), month: date.month(), day: date.day() }
}

fn clock(time: NaiveTime) -> Clock {
    Clock {
        hour: time.hour(),
        minute: time.minute(),
        second: time.second(),
        nano: time.nanosecond(),
    }
}

/// As in ISO 8601: `2024-02-29`.
impl KeyPart for NaiveDate {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.display(&date(*self));
    }
}

/// As in ISO 8601, with all nine decimals or none, and escaped: `12%3A30%3A00`. A leap second has ten digits behind the point.
impl KeyPart for NaiveTime {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.display(&clock(*self));
    }
}

/// As in ISO 8601: the date, `T` and the time, `2024-02-29T12%3A30%3A00`.
impl KeyPart for NaiveDateTime {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.display(&DateAndClock(date(self.date()), clock(self.time())));
    }
}

/// In seconds since the Unix epoch, whatever the offset. A leap second has ten digits behind the point.
impl<Tz: TimeZone> KeyPart for DateTime<Tz> {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        seconds::write_since_epoch(self.timestamp(), self.timestamp_subsec_nanos(), part);
    }
}

/// In seconds, as a `Duration` is written: `-90`, `0.250000000`.
impl KeyPart for TimeDelta {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        let (secs, nanos) = (self.num_seconds(), self.subsec_nanos());
        seconds::write(secs < 0 || nanos < 0, secs.unsigned_abs(), nanos.unsigned_abs(), part);
    }
}

/// By its first three letters: `Mon`.
impl KeyPart for Weekday {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.display(self);
    }
}

/// By its name: `January`.
impl KeyPart for Month {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.text(self.name());
    }
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;
    use crate::key::provided::tests::render;

    fn at(text: &str) -> DateTime<FixedOffset> {
        text.parse().unwrap()
    }

    #[test]
    fn dates_and_times_are_spelled_as_in_iso_8601() {
        let date = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        assert_eq!(render(&date), "2024-02-29");
        assert_eq!(render(&date.and_hms_opt(4, 5, 6).unwrap()), "2024-02-29T04%3A05%3A06");
        let time = NaiveTime::from_hms_nano_opt(4, 5, 6, 7).unwrap();
        assert_eq!(render(&time), "04%3A05%3A06.000000007");
        assert_eq!(render(&Weekday::Mon), "Mon");
        assert_eq!(render(&Month::January), "January");
    }

    #[test]
    fn years_far_away_have_a_sign() {
        let year = |year| render(&NaiveDate::from_ymd_opt(year, 3, 15).unwrap());
        assert_eq!(year(0), "0000-03-15");
        assert_eq!(year(-44), "-0044-03-15");
        assert_eq!(year(9999), "9999-03-15");
        assert_eq!(year(10_000), "%2B10000-03-15");
    }

    #[test]
    fn one_moment_with_two_offsets_is_one_part() {
        assert_eq!(at("2024-02-29T12:00:00Z"), at("2024-02-29T14:30:00+02:30"));
        assert_eq!(render(&at("2024-02-29T12:00:00Z")), "1709208000");
        assert_eq!(render(&at("2024-02-29T14:30:00+02:30")), "1709208000");
        assert_ne!(render(&at("2024-02-29T12:00:00+01:00")), "1709208000");
    }

    #[test]
    fn moments_before_the_epoch_are_negative() {
        assert_eq!(render(&at("1969-12-31T23:59:59Z")), "-1");
        assert_eq!(render(&at("1969-12-31T23:59:59.25Z")), "-0.750000000");
        assert_eq!(render(&at("1969-12-31T23:59:58.5Z")), "-1.500000000");
        assert_eq!(render(&DateTime::<chrono::Utc>::MIN_UTC), "-8334601228800");
        assert_eq!(render(&DateTime::<chrono::Utc>::MAX_UTC), "8210266876799.999999999");
    }

    #[test]
    fn leap_seconds_stay_apart_from_the_seconds_after_them() {
        let leap = at("2016-12-31T23:59:60.5Z");
        assert_eq!(render(&leap), "1483228799.1500000000");
        assert_eq!(render(&leap.naive_utc()), "2016-12-31T23%3A59%3A59.1500000000");
        assert_ne!(render(&leap), render(&at("2017-01-01T00:00:00.5Z")));
        assert_ne!(render(&leap), render(&at("2016-12-31T23:59:59.15Z")));
        // `chrono` displays both of these as `04:05:07`.
        let time =
            |second, nano| NaiveTime::from_hms_opt(4, 5, second).unwrap().with_nanosecond(nano);
        assert_ne!(render(&time(6, 1_000_000_000)), render(&time(7, 0)));
        // Before the epoch.
        let old = at("1969-12-30T23:59:60.5Z");
        assert_eq!(render(&old), "-86401.1500000000");
    }

    #[test]
    fn differences_are_seconds() {
        assert_eq!(render(&TimeDelta::milliseconds(-250)), "-0.250000000");
        assert_eq!(render(&TimeDelta::seconds(-90)), "-90");
        assert_eq!(render(&TimeDelta::milliseconds(1500)), "1.500000000");
        assert_eq!(render(&TimeDelta::MIN), "-9223372036854775.807000000");
    }
}
