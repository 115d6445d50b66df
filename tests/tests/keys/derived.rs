//! Types that derive their `KeyPart`, with names and fields that look like each other's.

use std::borrow::Cow;
use std::marker::PhantomData;

use cachefence::KeyPart;

use crate::arg::Arg;
use crate::dice::Dice;
use crate::read;

#[derive(Debug, Clone, PartialEq, KeyPart)]
pub(crate) struct Sku(pub(crate) Option<String>);

/// As `Sku`: one field is written.
#[derive(Debug, Clone, PartialEq, KeyPart)]
pub(crate) struct Id<T> {
    pub(crate) number: u64,
    pub(crate) of: PhantomData<T>,
}

/// The `T` of an `Id`, which has no `KeyPart`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order;

#[derive(Debug, Clone, PartialEq, KeyPart)]
pub(crate) struct Whole;

#[derive(Debug, Clone, PartialEq, KeyPart)]
pub(crate) struct Range<T>(pub(crate) T, pub(crate) T);

#[derive(Debug, Clone, PartialEq, KeyPart)]
pub(crate) struct Filter<'a, T, const N: usize>
where
    T: Clone,
{
    query: Cow<'a, str>,
    ranges: [Range<T>; N],
    r#type: Option<Kind>,
    whole: Whole,
}

/// Names alone, which are written as text is, and so escaped.
#[derive(Debug, Clone, Copy, PartialEq, KeyPart)]
pub(crate) enum Kind {
    A,
    Aa,
    B1,
    None,
    Ähnlich,
    #[allow(non_camel_case_types)]
    r#type,
}

/// Names of which one begins another, payloads, and itself.
#[derive(Debug, Clone, PartialEq, KeyPart)]
pub(crate) enum Tree<T> {
    A,
    Aa(),
    Aaa(T),
    B { left: T, right: String },
    Ba(T, String),
    C((T, String)),
    D(Option<Kind>),
    E(Vec<Self>),
}

/// Fields that are all written, after the name in front of them.
macro_rules! fields {
    (
        [$($parameter:ident),*] $ty:ty {
            $($name:literal: Self $(::$variant:ident)? { $($member:tt: $field:ident),* },)*
        }
    ) => {
        impl<$($parameter: Arg),*> Arg for $ty {
            fn roll(dice: &mut Dice) -> Self {
                let rolls: &[fn(&mut Dice) -> Self] =
                    &[$(|_dice| Self $(::$variant)? { $($member: Arg::roll(_dice)),* }),*];
                dice.pick(rolls)(dice)
            }

            fn nudge(&mut self, dice: &mut Dice) {
                match self {
                    $(Self $(::$variant)? { $($member: $field),* } => {
                        let nudges: &mut [&mut dyn FnMut(&mut Dice)] =
                            &mut [$(&mut |dice| $field.nudge(dice)),*];
                        let at = dice.index(nudges.len() + 1);
                        match nudges.get_mut(at) {
                            Some(nudge) => nudge(dice),
                            None => *self = Self::roll(dice),
                        }
                    })*
                }
            }

            fn read(written: &str) -> Option<Self> {
                let (name, fields) = written.split_at(written.find('(').unwrap_or(written.len()));
                let fields = if fields.is_empty() { Vec::new() } else { read::elements(fields)? };
                let mut fields = fields.into_iter();
                let value = match &*read::text(name)? {
                    $($name => Self $(::$variant)? { $($member: Arg::read(fields.next()?)?),* },)*
                    _ => return None,
                };
                fields.next().is_none().then_some(value)
            }

            fn texts<'a>(&'a mut self, _texts: &mut Vec<&'a mut String>) {
                match self {
                    $(Self $(::$variant)? { $($member: $field),* } => { $($field.texts(_texts);)* })*
                }
            }
        }
    };
}

fields! {
    [] Whole {
        "": Self {},
    }
}

fields! {
    [T] Range<T> {
        "": Self { 0: from, 1: to },
    }
}

fields! {
    [T] Filter<'static, T, 2> {
        "": Self { query: query, ranges: ranges, r#type: kind, whole: whole },
    }
}

fields! {
    [] Kind {
        "A": Self::A {},
        "Aa": Self::Aa {},
        "B1": Self::B1 {},
        "None": Self::None {},
        "Ähnlich": Self::Ähnlich {},
        "type": Self::r#type {},
    }
}

fields! {
    [T] Tree<T> {
        "A": Self::A {},
        "Aa": Self::Aa {},
        "Aaa": Self::Aaa { 0: value },
        "B": Self::B { left: left, right: right },
        "Ba": Self::Ba { 0: left, 1: right },
        "C": Self::C { 0: pair },
        "D": Self::D { 0: kind },
        "E": Self::E { 0: trees },
    }
}

impl Arg for Sku {
    fn roll(dice: &mut Dice) -> Self {
        Self(Arg::roll(dice))
    }

    fn nudge(&mut self, dice: &mut Dice) {
        self.0.nudge(dice);
    }

    fn read(written: &str) -> Option<Self> {
        Arg::read(written).map(Self)
    }

    fn texts<'a>(&'a mut self, texts: &mut Vec<&'a mut String>) {
        self.0.texts(texts);
    }
}

impl Arg for Id<Order> {
    fn roll(dice: &mut Dice) -> Self {
        Self { number: Arg::roll(dice), of: PhantomData }
    }

    fn nudge(&mut self, dice: &mut Dice) {
        self.number.nudge(dice);
    }

    fn read(written: &str) -> Option<Self> {
        Some(Self { number: Arg::read(written)?, of: PhantomData })
    }
}
