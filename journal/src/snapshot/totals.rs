//! Sums over a session's spans.

use super::span::SpanSnapshot;
use crate::event::{DecimalSum, Number, SpanKind, SpanStatus, Tokens};

/// Sums over a session, always computed from its spans and records.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Totals {
    /// Records of the session, the library's own ones left out.
    pub records: u64,
    /// Spans, the root included.
    pub spans: u64,
    /// Spans that are generations, open and interrupted ones included.
    pub generations: u64,
    /// Spans that are tool calls, open and interrupted ones included.
    pub tools: u64,
    /// Spans that were interrupted.
    pub interrupted: u64,
    /// Spans that ended with an error.
    pub errors: u64,
    /// Tokens of all spans, part by part.
    pub tokens: Tokens,
    /// Tokens of all spans and all parts.
    pub tokens_total: Number,
    /// Cost of all spans.
    pub cost: Number,
}

impl Totals {
    pub(super) fn of(spans: &[SpanSnapshot<'_>], records: u64) -> Totals {
        let count = |is_counted: &dyn Fn(&SpanSnapshot<'_>) -> bool| {
            let count = spans.iter().filter(|span| is_counted(span)).count();
            u64::try_from(count).unwrap_or(u64::MAX)
        };
        let sum = |part: fn(&Tokens) -> Number| {
            let tokens = spans.iter().filter_map(|span| span.fields.tokens.as_ref());
            tokens.map(part).collect::<DecimalSum>().finish()
        };
        let tokens = Tokens {
            input: sum(|tokens| tokens.input),
            output: sum(|tokens| tokens.output),
            reasoning: sum(|tokens| tokens.reasoning),
            cache_read: sum(|tokens| tokens.cache_read),
            cache_write: sum(|tokens| tokens.cache_write),
        };
        let costs = spans.iter().filter_map(|span| span.fields.cost);
        Totals {
            records,
            spans: count(&|_| true),
            generations: count(&|span| span.kind == SpanKind::GENERATION),
            tools: count(&|span| span.kind == SpanKind::TOOL),
            interrupted: count(&|span| span.is_interrupted),
            errors: count(&|span| span.status == SpanStatus::Error),
            tokens,
            tokens_total: tokens_total(&tokens),
            cost: costs.collect::<DecimalSum>().finish(),
        }
    }
}

/// The sum of all parts, which are disjoint.
pub(crate) fn tokens_total(tokens: &Tokens) -> Number {
    let parts = [
        tokens.input,
        tokens.output,
        tokens.reasoning,
        tokens.cache_read,
        tokens.cache_write,
    ];
    parts.into_iter().collect::<DecimalSum>().finish()
}
