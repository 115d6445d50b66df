//! Which combinations are checked: together they have every pair of pieces that can stand together, in about as few as that takes.

use std::collections::HashSet;

use crate::axes::{
    ARGUMENTS, ATTRIBUTES, ERRORS, GENERICS, LINTS, OPTIONS, PLACES, RECEIVERS, RETURNS,
    VISIBILITIES,
};
use crate::dice::Dice;
use crate::shape::Shape;

/// How many pieces each axis has.
const SIZES: [usize; 10] = [
    PLACES.len(),
    RECEIVERS.len(),
    ARGUMENTS.len(),
    GENERICS.len(),
    RETURNS.len(),
    ERRORS.len(),
    ATTRIBUTES.len(),
    LINTS.len(),
    VISIBILITIES.len(),
    OPTIONS.len(),
];

/// A piece of each axis.
type Pieces = [usize; 10];

/// Two axes, and a piece of each.
type Pair = (usize, usize, usize, usize);

/// How many combinations are thrown for each that is taken.
const THROWS: usize = 300;

/// The combinations, those with the most new pairs first; the same at every run.
pub(crate) fn shapes() -> Vec<Shape> {
    let mut dice = Dice::new(17);
    let mut seen: HashSet<Pair> = HashSet::new();
    let mut shapes = Vec::new();
    loop {
        let thrown = (0..THROWS).map(|_| possible(&mut dice));
        let news = |pieces: &Pieces| pairs(pieces).filter(|pair| !seen.contains(pair)).count();
        let best = thrown.map(|pieces| (news(&pieces), pieces)).max_by_key(|(new, _)| *new);
        let Some((1.., pieces)) = best else { return shapes };
        seen.extend(pairs(&pieces));
        shapes.push(shape(&pieces));
    }
}

/// A combination of which there can be a plain function.
fn possible(dice: &mut Dice) -> Pieces {
    loop {
        let pieces = SIZES.map(|size| dice.index(size));
        if shape(&pieces).is_possible() {
            return pieces;
        }
    }
}

fn pairs(pieces: &Pieces) -> impl Iterator<Item = Pair> {
    (0..pieces.len())
        .flat_map(move |one| (0..one).map(move |other| (one, pieces[one], other, pieces[other])))
}

fn shape(pieces: &Pieces) -> Shape {
    let [
        place,
        receiver,
        arguments,
        generics,
        returns,
        error,
        attributes,
        lints,
        visibility,
        options,
    ] = *pieces;
    Shape {
        place: PLACES[place],
        receiver: &RECEIVERS[receiver],
        arguments: &ARGUMENTS[arguments],
        generics: &GENERICS[generics],
        returns: &RETURNS[returns],
        error: &ERRORS[error],
        attributes: ATTRIBUTES[attributes],
        lints: LINTS[lints],
        visibility: VISIBILITIES[visibility],
        options: OPTIONS[options],
    }
}
