//! Arguments that hold others.

use std::collections::BTreeMap;

use crate::arg::Arg;
use crate::dice::Dice;
use crate::read;

impl<T: Arg> Arg for Option<T> {
    fn roll(dice: &mut Dice) -> Self {
        (!dice.one_in(3)).then(|| T::roll(dice))
    }

    fn nudge(&mut self, dice: &mut Dice) {
        match self {
            Some(value) if !dice.one_in(4) => value.nudge(dice),
            _ => *self = Self::roll(dice),
        }
    }

    fn read(written: &str) -> Option<Self> {
        match written.strip_prefix('~') {
            Some("") => Some(None),
            // A `~` is written before another one alone.
            Some(inner) if !inner.starts_with('~') => None,
            Some(inner) => T::read(inner).map(Some),
            None => T::read(written).map(Some),
        }
    }

    fn texts<'a>(&'a mut self, texts: &mut Vec<&'a mut String>) {
        if let Some(value) = self {
            value.texts(texts);
        }
    }
}

impl<T: Arg> Arg for Vec<T> {
    fn roll(dice: &mut Dice) -> Self {
        (0..dice.index(4)).map(|_| T::roll(dice)).collect()
    }

    fn nudge(&mut self, dice: &mut Dice) {
        let at = dice.index(self.len() + 1);
        match (dice.index(4), self.get_mut(at)) {
            (0, _) => self.insert(at, T::roll(dice)),
            (1, Some(_)) => _ = self.remove(at),
            (2, Some(_)) => self.rotate_left(at),
            (_, Some(element)) => element.nudge(dice),
            (_, None) => *self = Self::roll(dice),
        }
    }

    fn read(written: &str) -> Option<Self> {
        read::elements(written)?.into_iter().map(T::read).collect()
    }

    fn texts<'a>(&'a mut self, texts: &mut Vec<&'a mut String>) {
        for element in self {
            element.texts(texts);
        }
    }
}

impl<T: Arg, const N: usize> Arg for [T; N] {
    fn roll(dice: &mut Dice) -> Self {
        std::array::from_fn(|_| T::roll(dice))
    }

    fn nudge(&mut self, dice: &mut Dice) {
        let at = dice.index(N.max(1));
        match self.get_mut(at) {
            Some(_) if dice.one_in(4) => self.rotate_left(at),
            Some(element) => element.nudge(dice),
            None => {}
        }
    }

    fn read(written: &str) -> Option<Self> {
        Vec::read(written)?.try_into().ok()
    }

    fn texts<'a>(&'a mut self, texts: &mut Vec<&'a mut String>) {
        for element in self {
            element.texts(texts);
        }
    }
}

impl<K: Arg + Ord, V: Arg> Arg for BTreeMap<K, V> {
    fn roll(dice: &mut Dice) -> Self {
        (0..dice.index(4)).map(|_| Arg::roll(dice)).collect()
    }

    fn nudge(&mut self, dice: &mut Dice) {
        let mut pairs: Vec<(K, V)> = std::mem::take(self).into_iter().collect();
        pairs.nudge(dice);
        *self = pairs.into_iter().collect();
    }

    fn read(written: &str) -> Option<Self> {
        Some(Vec::read(written)?.into_iter().collect())
    }

    fn texts<'a>(&'a mut self, texts: &mut Vec<&'a mut String>) {
        for value in self.values_mut() {
            value.texts(texts);
        }
    }
}
