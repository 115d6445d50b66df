//! The values of options: a literal is checked here, any other expression is left to the compiler.

use std::ops::RangeInclusive;
use std::time::Duration;

use proc_macro2::{Ident, Span};
use syn::parse::ParseStream;
use syn::{Error, Expr, ExprLit, ExprUnary, Lit, LitFloat, LitInt, LitStr, Result, Token, UnOp};

use crate::duration;

/// A setting of the call: `ttl = 60` becomes `.ttl(..)`.
pub(crate) struct Setting {
    /// The option's name as written, for its span; the runtime's method has the same.
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

/// What a setting is set to.
pub(crate) enum Value {
    /// A literal time.
    Duration(Duration),
    /// A literal number.
    Number(f64),
    /// An expression over the arguments.
    Expr(Expr),
}

impl Setting {
    /// The value, if it is an expression that may read arguments; the closure of `ttl_of` captures nothing.
    pub(crate) fn expr_over_arguments(&self) -> Option<&Expr> {
        self.value.expr().filter(|_| self.name != "ttl_of")
    }
}

impl Value {
    /// The expression, which may name arguments; a literal names none.
    pub(crate) fn expr(&self) -> Option<&Expr> {
        match self {
            Self::Expr(expr) => Some(expr),
            Self::Duration(_) | Self::Number(_) => None,
        }
    }
}

/// The shortest ttl and lease: Redis counts in whole milliseconds.
pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);

/// The longest of all times. The runtime has the same bounds, in its `bounds.rs`, for what is no literal.
pub(crate) const LONGEST: Duration = Duration::from_millis(1 << 53);

/// The bounds of most times.
pub(crate) const TIME: RangeInclusive<Duration> = MILLISECOND..=LONGEST;

/// The bounds of a time that may be zero.
pub(crate) const WAIT: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;

/// The bounds of a stale window.
pub(crate) const WINDOW: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_millis(1 << 52);

/// Reads `= expression`.
pub(crate) fn assigned(input: ParseStream<'_>) -> Result<Expr> {
    input.parse::<Token![=]>()?;
    let mut expr: Expr = input.parse()?;
    // `macro_rules` puts an expression that it captured as `$value:expr` into an invisible group.
    while let Expr::Group(group) = expr {
        expr = *group.expr;
    }
    Ok(expr)
}

/// Reads `= "text"`.
pub(crate) fn string(input: ParseStream<'_>) -> Result<LitStr> {
    let expr = assigned(input)?;
    match literal(&expr) {
        Some(Lit::Str(text)) => Ok(text.clone()),
        _ => Err(Error::new_spanned(
            expr,
            "the key is a string literal: it is checked against the function's arguments at compile time",
        )),
    }
}

/// Reads `= true` or `= false`.
pub(crate) fn boolean(input: ParseStream<'_>) -> Result<bool> {
    let expr = assigned(input)?;
    match literal(&expr) {
        Some(Lit::Bool(value)) => Ok(value.value),
        _ => Err(Error::new_spanned(expr, "write `true` or `false`")),
    }
}

/// Reads `= n`, a whole number.
pub(crate) fn version(input: ParseStream<'_>) -> Result<u64> {
    let expr = assigned(input)?;
    let number = match literal(&expr) {
        Some(Lit::Int(number)) if number.suffix().is_empty() => number.base10_parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| {
        let message = "the version is a whole number, not negative, that stands in the key: write it out, as in `version = 2`";
        Error::new_spanned(expr, message)
    })
}

/// Reads `= time`: seconds, a human string, or an expression; a literal that is out of `bounds` is refused.
pub(crate) fn time(input: ParseStream<'_>, bounds: &RangeInclusive<Duration>) -> Result<Value> {
    let expr = assigned(input)?;
    let Some(literal) = signed_literal(&expr) else {
        return Ok(Value::Expr(expr));
    };
    let refuse = |message: &str| Error::new_spanned(&expr, message);
    let duration = match literal {
        (Sign::Plus, Lit::Str(text)) => duration::from_text(&text.value()),
        (Sign::Plus, Lit::Int(seconds)) => {
            bare(seconds.suffix(), seconds.span())?;
            // Read as an integer, because `f64` would round a large number.
            Ok(Duration::from_secs(integer(seconds)?))
        }
        (Sign::Minus, Lit::Int(_)) => Err(duration::Mistake::Negative),
        (sign, Lit::Float(seconds)) => {
            bare(seconds.suffix(), seconds.span())?;
            duration::from_seconds(sign.of(float(seconds)?))
        }
        _ => {
            return Err(refuse(
                "write seconds (`60`, `0.5`), a string (`\"5m\"`), or an expression of type `Duration`",
            ));
        }
    }
    .map_err(|mistake| refuse(&mistake.to_string()))?;
    if duration > *bounds.end() {
        let power = bounds.end().as_millis().ilog2();
        return Err(refuse(&format!("this time is too long: the longest here is 2^{power} ms")));
    }
    if duration < *bounds.start() {
        let message = if duration.is_zero() {
            "this cannot be 0"
        } else {
            "this is below the shortest time of 1 ms"
        };
        return Err(refuse(message));
    }
    Ok(Value::Duration(duration))
}

/// Reads `= number`: a literal that is not negative, or an expression.
pub(crate) fn number(input: ParseStream<'_>) -> Result<Value> {
    let expr = assigned(input)?;
    let (sign, value) = match signed_literal(&expr) {
        None if is_not_finite(&expr) => {
            return Err(Error::new_spanned(expr, "this has to be a finite number"));
        }
        None => return Ok(Value::Expr(expr)),
        Some((sign, Lit::Int(number))) if matches!(number.suffix(), "" | "f64") => {
            (sign, finite(number.base10_parse()?, number.span())?)
        }
        Some((sign, Lit::Float(number))) if matches!(number.suffix(), "" | "f64") => {
            (sign, float(number)?)
        }
        Some(_) => {
            let message = "write a number, such as `2.0`, or an expression of type `f64`";
            return Err(Error::new_spanned(expr, message));
        }
    };
    let value: f64 = sign.of(value);
    if value < 0.0 {
        return Err(Error::new_spanned(expr, "this cannot be negative"));
    }
    Ok(Value::Number(value))
}

/// Reads `= number` from 0 to 1.
pub(crate) fn share(input: ParseStream<'_>) -> Result<Value> {
    let at = input.fork();
    let value = number(input)?;
    match value {
        Value::Number(share) if share > 1.0 => {
            Err(Error::new_spanned(assigned(&at)?, "this is a share: at most 1"))
        }
        value => Ok(value),
    }
}

/// Reads `= |value: &User| ..`, or the path of a function.
pub(crate) fn function(input: ParseStream<'_>) -> Result<Value> {
    let expr = assigned(input)?;
    match &expr {
        Expr::Closure(closure) if closure.inputs.len() != 1 || closure.asyncness.is_some() => {
            Err(Error::new_spanned(&expr, TAKES_THE_VALUE))
        }
        Expr::Closure(_) | Expr::Path(_) | Expr::Macro(_) | Expr::Paren(_) => Ok(Value::Expr(expr)),
        _ => Err(Error::new_spanned(&expr, TAKES_THE_VALUE)),
    }
}

const TAKES_THE_VALUE: &str = "write a function of the value that gives a `Duration`, as in `ttl_of = |user: &User| user.ttl`";

/// Whether the expression is one of the constants such as `f64::NAN`.
fn is_not_finite(expr: &Expr) -> bool {
    const CONSTANTS: [&str; 3] = ["NAN", "INFINITY", "NEG_INFINITY"];
    let expr = match expr {
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => expr,
        expr => expr,
    };
    match expr {
        Expr::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|last| CONSTANTS.iter().any(|name| last.ident == name)),
        _ => false,
    }
}

/// The sign before a literal.
#[derive(Clone, Copy)]
enum Sign {
    Plus,
    Minus,
}

impl Sign {
    fn of(self, number: f64) -> f64 {
        match self {
            Self::Plus => number,
            Self::Minus => -number,
        }
    }
}

/// The literal that the expression consists of.
fn literal(expr: &Expr) -> Option<&Lit> {
    match expr {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

/// The literal that the expression consists of, and its sign.
fn signed_literal(expr: &Expr) -> Option<(Sign, &Lit)> {
    match expr {
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => {
            Some((Sign::Minus, literal(expr)?))
        }
        _ => Some((Sign::Plus, literal(expr)?)),
    }
}

/// Reads a whole number of seconds.
fn integer(literal: &LitInt) -> Result<u64> {
    literal.base10_parse().map_err(|_| Error::new(literal.span(), duration::Mistake::TooLong))
}

/// Reads a float, which must be finite: `1e999` parses as infinity.
fn float(literal: &LitFloat) -> Result<f64> {
    finite(literal.base10_parse()?, literal.span())
}

fn finite(value: f64, span: Span) -> Result<f64> {
    if value.is_finite() { Ok(value) } else { Err(Error::new(span, "this number is too large")) }
}

/// Refuses a suffix: `60s` is an integer literal to the lexer.
fn bare(suffix: &str, span: Span) -> Result<()> {
    if suffix.is_empty() {
        return Ok(());
    }
    let message = format!(
        "no suffix `{suffix}` here: a bare number is in seconds, other units stand in a string, as in `\"5m\"`"
    );
    Err(Error::new(span, message))
}
