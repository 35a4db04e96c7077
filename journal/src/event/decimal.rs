//! Sums of numbers as people wrote them: 0.1 + 0.2 is 0.3 here.

use std::io::Write;

use super::Number;

/// A sum of numbers by their decimal digits, so that costs add up as on a bill, in any order.
///
/// Where the digits do not fit, it goes on as a float.
#[derive(Clone, Debug, Default)]
pub(crate) struct DecimalSum {
    exact: Decimal,
    /// What did not fit.
    rest: f64,
}

/// A decimal number without an error.
///
/// A sum of several of them, none below 0, is the same in any order, if there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decimal {
    /// In units of ten to the power of `-scale`.
    units: i128,
    scale: u32,
}

impl Decimal {
    /// `units` of ten to the power of `-scale`; `None` if no sum has such a scale.
    pub(crate) fn new(units: i128, scale: u32) -> Option<Decimal> {
        (scale <= SCALE_MAX).then_some(Decimal { units, scale })
    }

    /// The number by the shortest digits that read back as it; `None` if they are too many.
    pub(crate) fn of(number: Number) -> Option<Decimal> {
        match number {
            Number::I64(value) => Some(Decimal {
                units: i128::from(value),
                scale: 0,
            }),
            Number::F64(value) if value.is_finite() => parse(value),
            Number::F64(_) => Some(Decimal::default()),
        }
    }

    /// `None`, and nothing is added, where the digits do not fit.
    pub(crate) fn add(&mut self, other: Decimal) -> Option<()> {
        let scale = other.scale.max(self.scale);
        let own = at_scale(*self, scale)?;
        self.units = own.checked_add(at_scale(other, scale)?)?;
        self.scale = scale;
        Some(())
    }

    /// Units and scale.
    pub(crate) fn parts(self) -> (i128, u32) {
        (self.units, self.scale)
    }

    /// The nearest number.
    pub(crate) fn to_number(self) -> Number {
        let sum = DecimalSum {
            exact: self,
            rest: 0.0,
        };
        sum.finish()
    }
}

impl DecimalSum {
    pub(crate) fn add(&mut self, number: Number) {
        let added = Decimal::of(number).and_then(|number| self.exact.add(number));
        if added.is_none() {
            self.rest += number.as_f64();
        }
    }

    /// The sum; at the ends of what a float holds it stays there.
    pub(crate) fn finish(self) -> Number {
        let (units, scale) = self.exact.parts();
        let is_whole = scale == 0 && self.rest == 0.0;
        if let (true, Ok(whole)) = (is_whole, i64::try_from(units)) {
            return Number::I64(whole);
        }
        let text = format!("{units}e-{scale}");
        let sum: f64 = text.parse().unwrap_or(0.0);
        Number::from((sum + self.rest).clamp(f64::MIN, f64::MAX))
    }
}

impl FromIterator<Number> for DecimalSum {
    fn from_iter<I: IntoIterator<Item = Number>>(numbers: I) -> DecimalSum {
        let mut sum = DecimalSum::default();
        for number in numbers {
            sum.add(number);
        }
        sum
    }
}

/// Decimal places beyond which a float is added as a float.
const SCALE_MAX: u32 = 30;

/// Bytes of the longest of them: a sign, 17 digits, a point and an exponent like `e-308`.
const SHORTEST_LEN_MAX: usize = 24;

/// The shortest digits that read back as `value`.
fn parse(value: f64) -> Option<Decimal> {
    let mut text = [0; SHORTEST_LEN_MAX];
    let mut left = text.as_mut_slice();
    write!(left, "{value:e}").ok()?;
    let len = SHORTEST_LEN_MAX - left.len();
    let text = std::str::from_utf8(text.get(..len)?).ok()?;
    let (digits, exponent) = text.split_once('e')?;
    let exponent: i64 = exponent.parse().ok()?;
    let fraction_len = digits
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let shown = digits.bytes().filter(u8::is_ascii_digit);
    let units = shown.fold(0, |units, digit| units * 10 + i128::from(digit - b'0'));
    let units = if digits.starts_with('-') {
        -units
    } else {
        units
    };
    let scale = i64::try_from(fraction_len).ok()? - exponent;
    if scale < 0 {
        let power = u32::try_from(-scale)
            .ok()
            .filter(|power| *power <= SCALE_MAX)?;
        let units = units.checked_mul(10_i128.checked_pow(power)?)?;
        return Some(Decimal { units, scale: 0 });
    }
    let scale = u32::try_from(scale)
        .ok()
        .filter(|scale| *scale <= SCALE_MAX)?;
    Some(Decimal { units, scale })
}

/// The units of a number at a scale that is not smaller than its own.
fn at_scale(number: Decimal, scale: u32) -> Option<i128> {
    let power = scale.checked_sub(number.scale)?;
    if power == 0 {
        return Some(number.units);
    }
    number.units.checked_mul(10_i128.checked_pow(power)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(numbers: &[f64]) -> Number {
        let numbers = numbers.iter().map(|number| Number::from(*number));
        numbers.collect::<DecimalSum>().finish()
    }

    #[test]
    fn cents_add_up() {
        assert_eq!(sum(&[0.1, 0.2]), Number::F64(0.3));
        assert_eq!(sum(&[0.005, 0.004]), Number::F64(0.009));
        assert_eq!(sum(&[0.25, 0.75]), Number::I64(1));
        assert_eq!(sum(&[-0.5, 0.25]), Number::F64(-0.25));
        assert_eq!(sum(&[]), Number::I64(0));
    }

    #[test]
    fn order_does_not_matter() {
        let numbers: Vec<f64> = (0..1000).map(|i| f64::from(i) * 0.001).collect();
        let backwards: Vec<f64> = numbers.iter().rev().copied().collect();
        assert_eq!(sum(&numbers), sum(&backwards));
        assert_eq!(sum(&numbers), Number::F64(499.5));
    }

    #[test]
    fn the_digits_are_those_that_are_shown() {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        let made = std::iter::repeat_with(|| {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            // Any float, and one of those that people write.
            let cents = f64::from(u32::try_from(bits >> 44).unwrap()) / 1000.0;
            [f64::from_bits(bits), cents, -cents]
        });
        let ends = [
            -f64::MIN_POSITIVE,
            -2.225_073_858_507_201e-308,
            f64::MIN,
            -0.0,
        ];
        for value in made.take(20_000).flatten().chain(ends) {
            let Some(Decimal { units, scale }) = Decimal::of(Number::F64(value)) else {
                continue;
            };
            let expected = if value.is_finite() { value } else { 0.0 };
            assert_eq!(format!("{units}e-{scale}").parse(), Ok(expected), "{value}");
        }
        assert_eq!(Decimal::of(Number::F64(-1.25e-3)), Decimal::new(-125, 5));
        assert_eq!(
            Decimal::of(Number::F64(25e20)),
            Decimal::new(25 * 10_i128.pow(20), 0)
        );
        for value in ends {
            assert!(format!("{value:e}").len() <= SHORTEST_LEN_MAX);
        }
    }

    #[test]
    fn extremes_neither_panic_nor_become_infinite() {
        assert_eq!(sum(&[f64::MAX, f64::MAX]), Number::F64(f64::MAX));
        assert_eq!(sum(&[f64::MIN_POSITIVE]), Number::F64(f64::MIN_POSITIVE));
        assert_eq!(sum(&[1e300, 1.0, -1e300]).as_f64(), 1.0);
        let whole = [Number::I64(i64::MAX), Number::I64(i64::MAX)];
        let sum = whole.into_iter().collect::<DecimalSum>().finish();
        assert_eq!(sum.as_f64(), 18_446_744_073_709_551_614.0);
    }
}
