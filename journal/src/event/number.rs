//! Numbers of things, and the conversions between integers and floats.

use std::iter::Sum;
use std::ops::Add;

/// A number of things: an integer where it is one, else a float; never NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    I64(i64),
    /// Any other finite number.
    F64(f64),
}

impl Number {
    /// Nothing.
    pub const ZERO: Number = Number::I64(0);

    /// The number as a float, rounded to the nearest one.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Number::I64(value) => nearest_f64(i128::from(value)),
            Number::F64(value) => value,
        }
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.as_f64() == 0.0
    }

    /// The same number with NaN and infinities made 0 and whole floats made integers.
    #[must_use]
    pub(crate) fn normalised(self) -> Number {
        match self {
            Number::I64(_) => self,
            Number::F64(value) => value.into(),
        }
    }
}

impl Default for Number {
    fn default() -> Number {
        Number::ZERO
    }
}

impl From<f64> for Number {
    /// NaN and infinities are 0; whole numbers become integers where they fit.
    fn from(value: f64) -> Number {
        if !value.is_finite() {
            return Number::ZERO;
        }
        exact_i64(value).map_or(Number::F64(value), Number::I64)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Number {
        Number::I64(value)
    }
}

impl From<i32> for Number {
    fn from(value: i32) -> Number {
        Number::I64(i64::from(value))
    }
}

impl From<u32> for Number {
    fn from(value: u32) -> Number {
        Number::I64(i64::from(value))
    }
}

impl From<u64> for Number {
    /// Above `i64::MAX` the nearest float.
    fn from(value: u64) -> Number {
        match i64::try_from(value) {
            Ok(value) => Number::I64(value),
            Err(_) => Number::F64(nearest_f64(i128::from(value))),
        }
    }
}

impl From<usize> for Number {
    fn from(value: usize) -> Number {
        Number::from(u64::try_from(value).unwrap_or(u64::MAX))
    }
}

impl Add for Number {
    type Output = Number;

    /// Integers add up exactly while the sum fits, else the nearest float; past the largest float
    /// the sum stays there.
    fn add(self, other: Number) -> Number {
        if let (Number::I64(left), Number::I64(right)) = (self, other) {
            return match left.checked_add(right) {
                Some(sum) => Number::I64(sum),
                None => Number::F64(nearest_f64(i128::from(left) + i128::from(right))),
            };
        }
        let sum = self.as_f64() + other.as_f64();
        Number::from(sum.clamp(f64::MIN, f64::MAX))
    }
}

impl Sum for Number {
    fn sum<I: Iterator<Item = Number>>(numbers: I) -> Number {
        numbers.fold(Number::ZERO, Add::add)
    }
}

/// The float nearest to an integer.
#[expect(
    clippy::as_conversions,
    reason = "floats have no From<i128>; rounding is wanted"
)]
pub(crate) fn nearest_f64(value: i128) -> f64 {
    value as f64
}

/// The integer a float is, if it is one that fits.
#[expect(
    clippy::as_conversions,
    reason = "integers have no TryFrom<f64>; the range is checked"
)]
pub(crate) fn exact_i64(value: f64) -> Option<i64> {
    let is_exact = (-TWO_TO_63..TWO_TO_63).contains(&value) && value.fract() == 0.0;
    is_exact.then_some(value as i64)
}

/// The integer at or below a float; NaN is 0, and what does not fit stays at the end of the range.
#[expect(
    clippy::as_conversions,
    reason = "integers have no TryFrom<f64>; saturation is wanted"
)]
pub(crate) fn floor_i128(value: f64) -> i128 {
    value.floor() as i128
}

pub(super) const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_become_integers_where_they_are_ones() {
        assert_eq!(Number::from(3.0), Number::I64(3));
        assert_eq!(Number::from(-0.0), Number::I64(0));
        assert_eq!(Number::from(0.5), Number::F64(0.5));
        assert_eq!(Number::from(TWO_TO_63), Number::F64(TWO_TO_63));
        assert_eq!(Number::from(-TWO_TO_63), Number::I64(i64::MIN));
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Number::from(odd), Number::ZERO);
        }
    }

    #[test]
    fn sums_never_wrap_or_become_infinite() {
        let sum = Number::I64(i64::MAX) + Number::I64(1);
        assert_eq!(sum, Number::F64(TWO_TO_63));
        let largest = Number::F64(f64::MAX);
        assert_eq!(largest + largest, largest);
        let all = [Number::I64(1), Number::F64(0.5), Number::F64(0.5)];
        assert_eq!(all.into_iter().sum::<Number>(), Number::I64(2));
    }
}
