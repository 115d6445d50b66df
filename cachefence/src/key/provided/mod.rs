//! The types that can stand in a key without further code: those of the standard library whose values
//! have one spelling each, `Uuid`, and the types of `chrono` and `time` by the features of these names.

#[cfg(any(feature = "chrono", feature = "time"))]
mod calendar;
#[cfg(feature = "chrono")]
mod chrono;
mod compound;
mod plain;
mod seconds;
#[cfg(feature = "time")]
mod time;

#[cfg(test)]
mod tests;
