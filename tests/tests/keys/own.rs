//! Types of a user's own, in the ways that the documentation shows.

use std::fmt;

use cachefence::{KeyPart, PartWriter};

use crate::arg::Arg;
use crate::dice::Dice;
use crate::read;

/// By its field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UserId(pub(crate) Option<String>);

impl KeyPart for UserId {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        self.0.write_part(part);
    }
}

/// By several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    pub(crate) query: String,
    pub(crate) number: u32,
}

impl KeyPart for Page {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        (&self.query, self.number).write_part(part);
    }
}

/// By its `Display`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version(i64, String);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} & {}", self.0, self.1)
    }
}

impl KeyPart for Version {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.display(self);
    }
}

impl Arg for UserId {
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

impl Arg for Page {
    fn roll(dice: &mut Dice) -> Self {
        Self { query: Arg::roll(dice), number: Arg::roll(dice) }
    }

    fn nudge(&mut self, dice: &mut Dice) {
        if dice.one_in(2) { self.query.nudge(dice) } else { self.number.nudge(dice) }
    }

    fn read(written: &str) -> Option<Self> {
        let (query, number) = Arg::read(written)?;
        Some(Self { query, number })
    }

    fn texts<'a>(&'a mut self, texts: &mut Vec<&'a mut String>) {
        self.query.texts(texts);
    }
}

impl Arg for Version {
    fn roll(dice: &mut Dice) -> Self {
        Self(Arg::roll(dice), Arg::roll(dice))
    }

    fn nudge(&mut self, dice: &mut Dice) {
        if dice.one_in(2) { self.0.nudge(dice) } else { self.1.nudge(dice) }
    }

    fn read(written: &str) -> Option<Self> {
        let text = read::text(written)?;
        let (number, name) = text.split_once(" & ")?;
        Some(Self(number.parse().ok()?, name.to_owned()))
    }

    fn texts<'a>(&'a mut self, texts: &mut Vec<&'a mut String>) {
        self.1.texts(texts);
    }
}
