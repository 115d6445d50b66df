//! Moments, dates, times of day and lengths of time.

use std::time::{Duration, SystemTime};

use chrono::{
    DateTime, Datelike as _, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone,
    Timelike as _, Utc,
};
use time::{OffsetDateTime, PrimitiveDateTime, UtcDateTime, UtcOffset};

use crate::arg::Arg;
use crate::dice::Dice;
use crate::read;

const SECOND: u32 = 1_000_000_000;

/// Nanoseconds below a second, those that look like others more often.
fn nanos(dice: &mut Dice) -> u32 {
    dice.pick(&[0, 0, 1, 10, 100_000_000, 150_000_000, 500_000_000, 999_999_999])
}

/// A number of at most `most`, often one that is small.
fn near_zero(most: i64, dice: &mut Dice) -> i64 {
    let number = if dice.one_in(2) { i64::from(i8::roll(dice)) } else { i64::roll(dice) };
    number % (most + 1)
}

/// What is written as seconds: the whole ones, how many nanoseconds, and whether both are negative.
fn seconds(written: &str) -> Option<(bool, u64, u32)> {
    let (is_negative, written) = match written.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, written),
    };
    let (secs, nanos) = match written.split_once('.') {
        None => (written, 0),
        Some((secs, nanos)) if matches!(nanos.len(), 9 | 10) => (secs, nanos.parse().ok()?),
        Some(_) => return None,
    };
    Some((is_negative, secs.parse().ok()?, nanos))
}

/// The moment that is written so: seconds after the Unix epoch, or before it, and nanoseconds later.
fn moment(written: &str) -> Option<(i64, u32)> {
    let (is_negative, secs, nanos) = seconds(written)?;
    let secs = i64::try_from(secs).ok()?;
    Some(match nanos {
        // A leap second.
        SECOND.. => (if is_negative { -secs } else { secs }, nanos),
        _ if !is_negative => (secs, nanos),
        0 => (-secs, 0),
        nanos => (-secs - 1, SECOND - nanos),
    })
}

/// The three numbers of a date.
fn date(text: &str) -> Option<(i32, u8, u8)> {
    let mut numbers = text.rsplitn(3, '-');
    let (day, month, year) = (numbers.next()?, numbers.next()?, numbers.next()?);
    Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}

/// The four numbers of a time of day.
fn clock(text: &str) -> Option<(u8, u8, u8, u32)> {
    let (text, nanos) = match text.split_once('.') {
        None => (text, 0),
        Some((text, nanos)) if matches!(nanos.len(), 9 | 10) => (text, nanos.parse().ok()?),
        Some(_) => return None,
    };
    let numbers: Vec<u8> =
        text.split(':').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let &[hour, minute, second] = &numbers[..] else { return None };
    Some((hour, minute, second, nanos))
}

fn naive_date(text: &str) -> Option<NaiveDate> {
    let (year, month, day) = date(text)?;
    NaiveDate::from_ymd_opt(year, month.into(), day.into())
}

fn naive_time(text: &str) -> Option<NaiveTime> {
    let (hour, minute, second, nano) = clock(text)?;
    NaiveTime::from_hms_opt(hour.into(), minute.into(), second.into())?.with_nanosecond(nano)
}

fn time_date(text: &str) -> Option<time::Date> {
    let (year, month, day) = date(text)?;
    time::Date::from_calendar_date(year, time::Month::try_from(month).ok()?, day).ok()
}

fn time_time(text: &str) -> Option<time::Time> {
    let (hour, minute, second, nano) = clock(text)?;
    time::Time::from_hms_nano(hour, minute, second, nano).ok()
}

/// Arguments that are read from their written form without its escapes.
macro_rules! texts {
    ($($ty:ty: $roll:expr, $nudge:expr, $read:expr;)*) => {$(
        impl Arg for $ty {
            fn roll(dice: &mut Dice) -> Self {
                let roll: fn(&mut Dice) -> Option<Self> = $roll;
                loop {
                    if let Some(value) = roll(dice) {
                        return value;
                    }
                }
            }

            fn nudge(&mut self, dice: &mut Dice) {
                let nudge: fn(Self, &mut Dice) -> Option<Self> = $nudge;
                *self = nudge(*self, dice).unwrap_or_else(|| Self::roll(dice));
            }

            fn read(written: &str) -> Option<Self> {
                let read: fn(&str) -> Option<Self> = $read;
                read(&read::text(written)?)
            }
        }
    )*};
}

/// A length of time, by which moments are moved.
fn step(dice: &mut Dice) -> (i64, i32) {
    let secs = dice.pick(&[0, 0, 1, -1, 10, 60, 3600, 86_400, -31_536_000]);
    let nanos = dice.pick(&[0, 0, 1, -1, 100_000_000, 500_000_000, -999_999_999]);
    (secs, nanos)
}

fn delta((secs, nanos): (i64, i32)) -> TimeDelta {
    TimeDelta::seconds(secs) + TimeDelta::nanoseconds(nanos.into())
}

fn length((secs, nanos): (i64, i32)) -> time::Duration {
    time::Duration::seconds(secs) + time::Duration::nanoseconds(nanos.into())
}

/// The nanoseconds with or without a leap second's.
fn leap(nanos: u32, dice: &mut Dice) -> u32 {
    if dice.one_in(3) { (nanos + SECOND) % (2 * SECOND) } else { nanos }
}

texts! {
    SystemTime:
        |dice| {
            let since = Duration::new(u64::roll(dice) >> dice.index(64), nanos(dice));
            let epoch = Self::UNIX_EPOCH;
            if dice.one_in(2) { epoch.checked_add(since) } else { epoch.checked_sub(since) }
        },
        |time, dice| {
            let (secs, nanos) = step(dice);
            let by = Duration::new(secs.unsigned_abs(), nanos.unsigned_abs());
            if dice.one_in(2) { time.checked_add(by) } else { time.checked_sub(by) }
        },
        |text| {
            let (is_negative, secs, nanos) = seconds(text)?;
            let since = Duration::new(secs, nanos);
            let epoch = Self::UNIX_EPOCH;
            if is_negative { epoch.checked_sub(since) } else { epoch.checked_add(since) }
        };

    NaiveDate:
        |dice| {
            let year = near_zero(262_142, dice);
            Self::from_yo_opt(i32::try_from(year).ok()?, 1 + u32::from(u8::roll(dice)))
        },
        |date, dice| match dice.index(3) {
            0 => date.with_year(-date.year()),
            1 => date.with_year(date.year() * 10),
            _ => date.checked_add_signed(TimeDelta::days(dice.pick(&[1, -1, 31, -365]))),
        },
        naive_date;

    NaiveTime:
        |dice| {
            let time = Self::from_num_seconds_from_midnight_opt(u32::roll(dice) % 86_400, nanos(dice))?;
            time.with_nanosecond(leap(time.nanosecond(), dice))
        },
        |time, dice| match dice.index(2) {
            0 => time.with_nanosecond(leap(time.nanosecond(), dice)),
            _ => Some(time + delta(step(dice))),
        },
        naive_time;

    NaiveDateTime:
        |dice| Some(NaiveDate::roll(dice).and_time(NaiveTime::roll(dice))),
        |time, dice| match dice.index(3) {
            0 => time.with_nanosecond(leap(time.nanosecond(), dice)),
            1 => time.with_year(-time.year()),
            _ => time.checked_add_signed(delta(step(dice))),
        },
        |text| {
            let (date, time) = text.split_once('T')?;
            Some(naive_date(date)?.and_time(naive_time(time)?))
        };

    DateTime<Utc>:
        |dice| Some(NaiveDateTime::roll(dice).and_utc()),
        |time, dice| {
            let mut naive = time.naive_utc();
            naive.nudge(dice);
            Some(naive.and_utc())
        },
        |text| {
            let (secs, nanos) = moment(text)?;
            Self::from_timestamp(secs, 0)?.with_nanosecond(nanos)
        };

    DateTime<FixedOffset>:
        |dice| {
            let offset = FixedOffset::east_opt(dice.pick(&[0, 1, 3600, -12_600, 86_399]))?;
            Some(offset.from_utc_datetime(&NaiveDateTime::roll(dice)))
        },
        |time, dice| {
            let offset = FixedOffset::east_opt(dice.pick(&[0, 1, 3600, -12_600, 86_399]))?;
            let mut naive = time.naive_utc();
            if dice.one_in(2) {
                naive.nudge(dice);
            }
            Some(offset.from_utc_datetime(&naive))
        },
        |text| DateTime::<Utc>::read(text).map(|time| time.fixed_offset());

    TimeDelta:
        |dice| {
            let nanos = TimeDelta::nanoseconds(nanos(dice).into());
            Self::try_seconds(near_zero(i64::MAX - 1, dice) >> 10)?.checked_sub(&nanos)
        },
        |length, dice| match dice.index(2) {
            0 => Some(-length),
            _ => length.checked_add(&delta(step(dice))),
        },
        |text| {
            let (is_negative, secs, nanos) = seconds(text)?;
            let length = Self::new(i64::try_from(secs).ok()?, nanos)?;
            Some(if is_negative { -length } else { length })
        };

    chrono::Weekday:
        |dice| Self::try_from(u8::roll(dice) % 7).ok(),
        |_, _| None,
        |text| {
            let days = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];
            let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
            Some(days[names.iter().position(|name| *name == text)?])
        };

    chrono::Month:
        |dice| Self::try_from(1 + u8::roll(dice) % 12).ok(),
        |_, _| None,
        |text| Self::try_from(month(text)?).ok();

    time::Date:
        |dice| {
            let year = near_zero(9_999, dice);
            Self::from_ordinal_date(i32::try_from(year).ok()?, 1 + u16::from(u8::roll(dice))).ok()
        },
        |date, dice| match dice.index(3) {
            0 => date.replace_year(-date.year()).ok(),
            1 => date.replace_year(date.year() * 10).ok(),
            _ => date.checked_add(time::Duration::days(dice.pick(&[1, -1, 31, -365]))),
        },
        time_date;

    time::Time:
        |dice| {
            let [hour, minute, second] = [24, 60, 60].map(|most| u8::roll(dice) % most);
            Self::from_hms_nano(hour, minute, second, nanos(dice)).ok()
        },
        |time, dice| Some(time + length(step(dice))),
        time_time;

    PrimitiveDateTime:
        |dice| Some(Self::new(time::Date::roll(dice), time::Time::roll(dice))),
        |time, dice| match dice.index(2) {
            0 => time.replace_year(-time.year()).ok(),
            _ => time.checked_add(length(step(dice))),
        },
        |text| {
            let (date, time) = text.split_once('T')?;
            Some(Self::new(time_date(date)?, time_time(time)?))
        };

    OffsetDateTime:
        |dice| Some(PrimitiveDateTime::roll(dice).assume_offset(offset(dice))),
        |time, dice| match dice.index(2) {
            0 => time.checked_to_offset(offset(dice)),
            _ => time.checked_add(length(step(dice))),
        },
        // Those near the first and the last year have no date in UTC, but in one of these offsets.
        |text| {
            let (secs, nanos) = moment(text)?;
            let offsets = [0, 25, -25].map(|hours| UtcOffset::from_hms(hours, 0, 0));
            offsets.into_iter().find_map(|offset| {
                let offset = offset.ok()?;
                let local = secs + i64::from(offset.whole_seconds());
                let local = OffsetDateTime::from_unix_timestamp(local).ok()?;
                local.replace_nanosecond(nanos).ok().map(|local| local.replace_offset(offset))
            })
        };

    UtcDateTime:
        |dice| Some(PrimitiveDateTime::roll(dice).as_utc()),
        |time, dice| time.checked_add(length(step(dice))),
        |text| {
            let (secs, nanos) = moment(text)?;
            Self::from_unix_timestamp(secs).ok()?.replace_nanosecond(nanos).ok()
        };

    time::Duration:
        |dice| {
            let nanos = time::Duration::nanoseconds(nanos(dice).into());
            Self::seconds(i64::roll(dice)).checked_sub(nanos)
        },
        |length_, dice| match dice.index(2) {
            0 => length_.checked_mul(-1),
            _ => length_.checked_add(length(step(dice))),
        },
        |text| {
            let (is_negative, secs, nanos) = seconds(text)?;
            let (secs, nanos) = (i128::from(secs), i32::try_from(nanos).ok()?);
            let sign = if is_negative { -1 } else { 1 };
            Some(Self::new(i64::try_from(secs * i128::from(sign)).ok()?, nanos * sign))
        };

    time::Weekday:
        |dice| Some(Self::Monday.nth_next(u8::roll(dice))),
        |_, _| None,
        |text| text.parse().ok();

    time::Month:
        |dice| Self::try_from(1 + u8::roll(dice) % 12).ok(),
        |_, _| None,
        |text| Self::try_from(month(text)?).ok();
}

fn offset(dice: &mut Dice) -> UtcOffset {
    let (hours, minutes) = dice.pick(&[(0, 0), (0, 1), (1, 0), (-3, -30), (25, 0), (-25, -59)]);
    UtcOffset::from_hms(hours, minutes, 0).expect("an offset")
}

/// The number of a month, from 1.
fn month(name: &str) -> Option<u8> {
    let names = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let at = names.iter().position(|known| *known == name)?;
    u8::try_from(at + 1).ok()
}
