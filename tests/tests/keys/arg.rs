//! Arguments of one value each.

use std::borrow::Cow;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroI16, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use cachefence::KeyPart;
use uuid::Uuid;

use crate::dice::Dice;
use crate::{read, text};

/// A type of which arguments are made up.
pub(crate) trait Arg: KeyPart + Clone + PartialEq + Debug {
    /// Any value; those that are likely to be mistaken for others more often.
    fn roll(dice: &mut Dice) -> Self;

    /// Another value, as close as can be.
    fn nudge(&mut self, dice: &mut Dice);

    /// The value that is written so.
    fn read(written: &str) -> Option<Self>;

    /// Adds the strings in it, in the order in which they are written.
    fn texts<'a>(&'a mut self, _: &mut Vec<&'a mut String>) {}
}

macro_rules! integers {
    ($($ty:ty),*) => {$(
        impl Arg for $ty {
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_lossless)]
            fn roll(dice: &mut Dice) -> Self {
                let small = dice.index(130) as $ty;
                match dice.index(4) {
                    0 => small,
                    1 => <$ty>::MAX.wrapping_sub(small),
                    2 => <$ty>::MIN.wrapping_add(small),
                    _ => (dice.bits() as $ty) | ((dice.bits() as $ty) << (<$ty>::BITS / 2)),
                }
            }

            fn nudge(&mut self, dice: &mut Dice) {
                *self = match dice.index(4) {
                    0 => self.wrapping_add(1),
                    1 => self.wrapping_mul(10),
                    2 => *self / 10,
                    _ => self.wrapping_neg(),
                };
            }

            fn read(written: &str) -> Option<Self> {
                written.parse().ok()
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

/// Arguments that are made from others: `$make` is given one and `$base` is taken of one.
macro_rules! made_of {
    ($($ty:ty: $of:ty, $make:expr, $base:expr;)*) => {$(
        impl Arg for $ty {
            fn roll(dice: &mut Dice) -> Self {
                $make(<$of>::roll(dice))
            }

            fn nudge(&mut self, dice: &mut Dice) {
                let mut base: $of = $base(&*self);
                base.nudge(dice);
                *self = $make(base);
            }

            fn read(written: &str) -> Option<Self> {
                written.parse().ok()
            }
        }
    )*};
}

made_of! {
    bool: u8, |n| n % 2 == 1, |b: &bool| u8::from(*b);
    NonZeroI16: i16, |n| NonZeroI16::new(n).unwrap_or(NonZeroI16::MIN), |n: &NonZeroI16| n.get();
    NonZeroU64: u64, |n| NonZeroU64::new(n).unwrap_or(NonZeroU64::MAX), |n: &NonZeroU64| n.get();
    Uuid: u128, Uuid::from_u128, Uuid::as_u128;
}

impl Arg for IpAddr {
    fn roll(dice: &mut Dice) -> Self {
        if dice.one_in(2) {
            Self::V4(Ipv4Addr::from(u32::roll(dice)))
        } else {
            Self::V6(Ipv6Addr::from(u128::roll(dice)))
        }
    }

    fn nudge(&mut self, dice: &mut Dice) {
        *self = match (*self, dice.index(3)) {
            (Self::V4(ip), 0) => Self::V6(ip.to_ipv6_mapped()),
            (Self::V4(ip), 1) => Self::V6(Ipv6Addr::from(u128::from(ip.to_bits()))),
            (Self::V6(ip), 0) => Self::V6(Ipv6Addr::from(ip.to_bits().rotate_left(16))),
            _ => Self::roll(dice),
        };
    }

    fn read(written: &str) -> Option<Self> {
        read::text(written)?.parse().ok()
    }
}

impl Arg for Duration {
    fn roll(dice: &mut Dice) -> Self {
        Self::new(u64::roll(dice), dice.pick(&[0, 1, 10, 500_000_000, 999_999_999]))
    }

    fn nudge(&mut self, dice: &mut Dice) {
        let (mut secs, mut nanos) = (self.as_secs(), self.subsec_nanos());
        match dice.index(3) {
            0 => secs.nudge(dice),
            1 => nanos /= 10,
            _ => nanos = (nanos + 1) % 1_000_000_000,
        }
        *self = Self::new(secs, nanos);
    }

    fn read(written: &str) -> Option<Self> {
        let (secs, nanos) = written.split_once('.').unwrap_or((written, "000000000"));
        let nanos = (nanos.len() == 9).then(|| nanos.parse().ok())??;
        Some(Self::new(secs.parse().ok()?, nanos))
    }
}

impl Arg for char {
    fn roll(dice: &mut Dice) -> Self {
        dice.pick(text::CHARS)
    }

    fn nudge(&mut self, dice: &mut Dice) {
        *self = Self::roll(dice);
    }

    fn read(written: &str) -> Option<Self> {
        let text = read::text(written)?;
        let mut chars = text.chars();
        chars.next().filter(|_| chars.next().is_none())
    }
}

impl Arg for String {
    fn roll(dice: &mut Dice) -> Self {
        text::roll(dice)
    }

    fn nudge(&mut self, dice: &mut Dice) {
        text::nudge(self, dice);
    }

    fn read(written: &str) -> Option<Self> {
        read::text(written)
    }

    fn texts<'a>(&'a mut self, texts: &mut Vec<&'a mut String>) {
        texts.push(self);
    }
}

macro_rules! strings {
    ($($ty:ty),*) => {$(
        impl Arg for $ty {
            fn roll(dice: &mut Dice) -> Self {
                text::roll(dice).into()
            }

            fn nudge(&mut self, dice: &mut Dice) {
                let mut text = self.to_string();
                text::nudge(&mut text, dice);
                *self = text.into();
            }

            fn read(written: &str) -> Option<Self> {
                read::text(written).map(Into::into)
            }
        }
    )*};
}

strings!(Arc<str>, Box<str>, Cow<'static, str>);
