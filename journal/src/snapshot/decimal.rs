//! Sums of numbers as people wrote them: 0.1 + 0.2 is 0.3 here.

use crate::event::Number;

/// A sum of numbers by their decimal digits, so that costs add up as on a bill, in any order.
///
/// Where the digits do not fit, it goes on as a float.
#[derive(Clone, Debug)]
pub(super) struct DecimalSum {
    /// In units of ten to the power of `-scale`.
    units: i128,
    scale: u32,
    /// What did not fit.
    rest: f64,
}

impl DecimalSum {
    fn add(&mut self, number: Number) {
        let added = match number {
            Number::I64(value) => self.add_units(i128::from(value), 0),
            Number::F64(value) if value.is_finite() => {
                parse(value).and_then(|(units, scale)| self.add_units(units, scale))
            }
            Number::F64(_) => Some(()),
        };
        if added.is_none() {
            self.rest += number.as_f64();
        }
    }

    fn add_units(&mut self, units: i128, scale: u32) -> Option<()> {
        let common = scale.max(self.scale);
        let own = at_scale(self.units, self.scale, common)?;
        self.units = own.checked_add(at_scale(units, scale, common)?)?;
        self.scale = common;
        Some(())
    }

    /// The sum; at the ends of what a float holds it stays there.
    pub(super) fn finish(self) -> Number {
        let is_whole = self.scale == 0 && self.rest == 0.0;
        if let (true, Ok(whole)) = (is_whole, i64::try_from(self.units)) {
            return Number::I64(whole);
        }
        let text = format!("{}e-{}", self.units, self.scale);
        let sum: f64 = text.parse().unwrap_or(0.0);
        Number::from((sum + self.rest).clamp(f64::MIN, f64::MAX))
    }
}

impl FromIterator<Number> for DecimalSum {
    fn from_iter<I: IntoIterator<Item = Number>>(numbers: I) -> DecimalSum {
        let mut sum = DecimalSum {
            units: 0,
            scale: 0,
            rest: 0.0,
        };
        for number in numbers {
            sum.add(number);
        }
        sum
    }
}

/// Decimal places beyond which a float is added as a float.
const SCALE_MAX: u32 = 30;

/// The shortest digits that read back as `value`, and how many of them follow the point.
fn parse(value: f64) -> Option<(i128, u32)> {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e')?;
    let exponent: i64 = exponent.parse().ok()?;
    let fraction_len = digits
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let units: i128 = digits.replace('.', "").parse().ok()?;
    let scale = i64::try_from(fraction_len).ok()? - exponent;
    if scale < 0 {
        let power = u32::try_from(-scale)
            .ok()
            .filter(|power| *power <= SCALE_MAX)?;
        return Some((units.checked_mul(10_i128.checked_pow(power)?)?, 0));
    }
    let scale = u32::try_from(scale)
        .ok()
        .filter(|scale| *scale <= SCALE_MAX)?;
    Some((units, scale))
}

fn at_scale(units: i128, from: u32, to: u32) -> Option<i128> {
    units.checked_mul(10_i128.checked_pow(to.checked_sub(from)?)?)
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
    fn extremes_neither_panic_nor_become_infinite() {
        assert_eq!(sum(&[f64::MAX, f64::MAX]), Number::F64(f64::MAX));
        assert_eq!(sum(&[f64::MIN_POSITIVE]), Number::F64(f64::MIN_POSITIVE));
        assert_eq!(sum(&[1e300, 1.0, -1e300]).as_f64(), 1.0);
        let whole = [Number::I64(i64::MAX), Number::I64(i64::MAX)];
        let sum = whole.into_iter().collect::<DecimalSum>().finish();
        assert_eq!(sum.as_f64(), 18_446_744_073_709_551_614.0);
    }
}
