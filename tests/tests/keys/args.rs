//! Tuples: of a function's arguments, and as one argument.

use cachefence::__private::KeyWriter;

use crate::arg::Arg;
use crate::dice::Dice;
use crate::{read, text};

/// The arguments of one call.
pub(crate) trait Args: Clone + PartialEq + std::fmt::Debug {
    fn roll(dice: &mut Dice) -> Self;

    /// Others, as close as can be.
    fn nudge(&mut self, dice: &mut Dice);

    /// Those whose parts are written so.
    fn read(parts: &[&str]) -> Option<Self>;

    /// Writes them between `literals`, as the attribute does it.
    fn write(&self, literals: &[&str], key: &mut KeyWriter);
}

/// The texts next to each other in `texts`, one pair of them, with the border moved.
fn shift(mut texts: Vec<&mut String>, dice: &mut Dice) {
    if texts.len() < 2 {
        return;
    }
    let at = dice.index(texts.len() - 1);
    if let [left, right] = &mut texts[at..at + 2] {
        text::shift(left, right, dice);
    }
}

macro_rules! tuples {
    ($($len:literal: $($field:ident $index:tt),*;)*) => {$(
        impl<$($field: Arg),*> Args for ($($field,)*) {
            fn roll(dice: &mut Dice) -> Self {
                ($(<$field as Arg>::roll(dice),)*)
            }

            fn nudge(&mut self, dice: &mut Dice) {
                if dice.one_in(2) {
                    let mut texts = Vec::new();
                    $(self.$index.texts(&mut texts);)*
                    return shift(texts, dice);
                }
                let at = dice.index($len);
                $(if at == $index { self.$index.nudge(dice); })*
            }

            fn read(parts: &[&str]) -> Option<Self> {
                (parts.len() == $len).then_some(())?;
                Some(($($field::read(parts[$index])?,)*))
            }

            fn write(&self, literals: &[&str], key: &mut KeyWriter) {
                $(
                    if !literals[$index].is_empty() {
                        key.literal(literals[$index]);
                    }
                    key.part(&self.$index);
                )*
                if !literals[$len].is_empty() {
                    key.literal(literals[$len]);
                }
            }
        }

        impl<$($field: Arg),*> Arg for ($($field,)*) {
            fn roll(dice: &mut Dice) -> Self {
                Args::roll(dice)
            }

            fn nudge(&mut self, dice: &mut Dice) {
                Args::nudge(self, dice);
            }

            fn read(written: &str) -> Option<Self> {
                Args::read(&read::elements(written)?)
            }

            fn texts<'a>(&'a mut self, texts: &mut Vec<&'a mut String>) {
                $(self.$index.texts(texts);)*
            }
        }
    )*};
}

tuples! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
}
