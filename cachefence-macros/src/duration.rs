//! Durations as people write them: `60`, `0.5`, `"1h30m"`.

use std::fmt;
use std::time::Duration;

/// The units of a human string, from large to small, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 24 * 60 * 60 * 1000), ("h", 60 * 60 * 1000), ("m", 60 * 1000), ("s", 1000), ("ms", 1)];

/// Why a text is no duration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// There is nothing but space.
    Empty,
    /// A term does not start with a whole number.
    NoNumber(String),
    /// A number has no unit.
    NoUnit(String),
    /// A number has a fraction.
    Fraction(String),
    /// A unit is not known.
    UnknownUnit(String),
    /// A unit comes twice, or after a smaller one.
    Order(String),
    /// The sum exceeds what a `Duration` of whole milliseconds holds.
    TooLong,
    /// A number of seconds is negative.
    Negative,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HOW: &str =
            "write whole numbers with a unit, as in `\"5m\"`, `\"1h30m\"`, `\"250ms\"`, `\"2d\"`";
        match self {
            Self::Empty => write!(f, "an empty duration: {HOW}"),
            Self::NoNumber(rest) => write!(f, "no whole number at `{rest}`: {HOW}"),
            Self::NoUnit(number) => write!(f, "`{number}` has no unit: {HOW}"),
            Self::Fraction(number) => write!(f, "`{number}` is not a whole number: {HOW}"),
            Self::UnknownUnit(term) => write!(
                f,
                "`{term}` has a unit that is not known; the units are `d`, `h`, `m`, `s`, `ms`: {HOW}"
            ),
            Self::Order(term) => write!(
                f,
                "`{term}` follows a unit that is not larger: write each unit once, the largest first, as in `\"1h30m\"`"
            ),
            Self::TooLong => f.write_str("this duration is too long"),
            Self::Negative => f.write_str("a duration cannot be negative"),
        }
    }
}

/// Reads a human string: one or more whole numbers with a unit, the largest unit first, such as `1h30m`.
///
/// Space between and around the terms is ignored.
///
/// # Errors
///
/// The first [`Mistake`] in the text.
pub(crate) fn from_text(text: &str) -> Result<Duration, Mistake> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(Mistake::Empty);
    }
    let mut units = UNITS.iter();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = split_while(rest, |char| char.is_ascii_digit());
        if number.is_empty() {
            return Err(Mistake::NoNumber(rest.to_owned()));
        }
        let (unit, after) = split_while(after, char::is_alphabetic);
        let term = || format!("{number}{unit}");
        if unit.is_empty() {
            let (fraction, _) = split_while(after, |char| char == '.' || char.is_ascii_digit());
            let number = format!("{number}{fraction}");
            let is_whole = fraction.is_empty();
            return Err(if is_whole { Mistake::NoUnit(number) } else { Mistake::Fraction(number) });
        }
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(Mistake::UnknownUnit(term()));
        }
        // The iterator goes on from the last unit, so it finds only smaller ones.
        let Some((_, factor)) = units.find(|(name, _)| *name == unit) else {
            return Err(Mistake::Order(term()));
        };
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*factor))
            .and_then(|millis| millis.checked_add(total))
            .ok_or(Mistake::TooLong)?;
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(total))
}

/// Reads a number of seconds that may have a fraction.
///
/// # Errors
///
/// A [`Mistake`] if the number is negative, infinite, or too large.
pub(crate) fn from_seconds(seconds: f64) -> Result<Duration, Mistake> {
    if seconds < 0.0 {
        return Err(Mistake::Negative);
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| Mistake::TooLong)
}

/// Splits off the leading characters for which `belongs` holds.
fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|char| !belongs(char)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn human_strings() {
        let seconds = Duration::from_secs;
        assert_eq!(from_text("5m"), Ok(seconds(300)));
        assert_eq!(from_text("1h30m"), Ok(seconds(5400)));
        assert_eq!(from_text(" 1h 30m "), Ok(seconds(5400)));
        assert_eq!(from_text("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(from_text("2d"), Ok(seconds(172_800)));
        assert_eq!(from_text("1d2h3m4s5ms"), Ok(Duration::from_millis(93_784_005)));
        assert_eq!(from_text("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn mistakes_in_human_strings() {
        assert_eq!(from_text(""), Err(Mistake::Empty));
        assert_eq!(from_text("  "), Err(Mistake::Empty));
        assert_eq!(from_text("60"), Err(Mistake::NoUnit("60".to_owned())));
        assert_eq!(from_text("5x"), Err(Mistake::UnknownUnit("5x".to_owned())));
        assert_eq!(from_text("5M"), Err(Mistake::UnknownUnit("5M".to_owned())));
        assert_eq!(from_text("m"), Err(Mistake::NoNumber("m".to_owned())));
        assert_eq!(from_text("-5m"), Err(Mistake::NoNumber("-5m".to_owned())));
        assert_eq!(from_text("1.5h"), Err(Mistake::Fraction("1.5".to_owned())));
        assert_eq!(from_text("5m5m"), Err(Mistake::Order("5m".to_owned())));
        assert_eq!(from_text("5m1h"), Err(Mistake::Order("1h".to_owned())));
        assert_eq!(from_text("٣m"), Err(Mistake::NoNumber("٣m".to_owned())));
        assert_eq!(from_text("999999999999d"), Err(Mistake::TooLong));
        assert_eq!(from_text("99999999999999999999s"), Err(Mistake::TooLong));
    }

    #[test]
    fn seconds_with_a_fraction() {
        assert_eq!(from_seconds(0.5), Ok(Duration::from_millis(500)));
        assert_eq!(from_seconds(-0.5), Err(Mistake::Negative));
        assert_eq!(from_seconds(1e300), Err(Mistake::TooLong));
        assert_eq!(from_seconds(f64::INFINITY), Err(Mistake::TooLong));
    }
}
