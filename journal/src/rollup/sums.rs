//! Tokens and costs added up without an error, or not at all.

use crate::event::{Decimal, Number, Numbers, Tokens};

/// Sums over spans. Whatever the order in which they are added up, they are those that a snapshot
/// tells: nothing below 0 is in them, and nothing that has no exact sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpanSums([Decimal; COUNT]);

impl SpanSums {
    /// Adds a span's numbers; `None` if the sum would not be exact, and is not to be used.
    pub(crate) fn add(&mut self, numbers: Numbers) -> Option<()> {
        if numbers.is_empty() {
            return Some(());
        }
        let tokens = numbers.tokens.unwrap_or_default();
        let added = [
            numbers.cost.unwrap_or_default(),
            tokens.input,
            tokens.output,
            tokens.reasoning,
            tokens.cache_read,
            tokens.cache_write,
        ];
        for (sum, number) in self.0.iter_mut().zip(added) {
            let number = number.normalised();
            let is_negative = number.as_f64() < 0.0;
            sum.add(Decimal::of(number).filter(|_| !is_negative)?)?;
        }
        Some(())
    }

    /// Adds what other spans add up to; as [`add`](SpanSums::add).
    pub(crate) fn merge(&mut self, other: SpanSums) -> Option<()> {
        let mut sums = self.0.iter_mut().zip(other.0);
        sums.try_for_each(|(sum, other)| sum.add(other))
    }

    pub(crate) fn cost(&self) -> Number {
        self.0[0].to_number()
    }

    pub(crate) fn tokens(&self) -> Tokens {
        let [_, input, output, reasoning, cache_read, cache_write] = self.0;
        Tokens {
            input: input.to_number(),
            output: output.to_number(),
            reasoning: reasoning.to_number(),
            cache_read: cache_read.to_number(),
            cache_write: cache_write.to_number(),
        }
    }

    /// Units and scale of each, up to the last that is not 0.
    pub(super) fn to_parts(self) -> Option<Vec<(u128, u8)>> {
        let is_none = |sum: &Decimal| *sum == Decimal::default();
        let len = self.0.iter().rposition(|sum| !is_none(sum));
        let sums = self.0.iter().take(len.map_or(0, |last| last + 1));
        let parts = sums.map(|sum| {
            let (units, scale) = sum.parts();
            Some((u128::try_from(units).ok()?, u8::try_from(scale).ok()?))
        });
        parts.collect()
    }

    pub(super) fn from_parts(parts: &[(u128, u8)]) -> Option<SpanSums> {
        let mut sums = SpanSums::default();
        if parts.len() > COUNT {
            return None;
        }
        for (sum, (units, scale)) in sums.0.iter_mut().zip(parts) {
            *sum = Decimal::new(i128::try_from(*units).ok()?, u32::from(*scale))?;
        }
        Some(sums)
    }
}

/// The cost and five parts of tokens.
const COUNT: usize = 6;
