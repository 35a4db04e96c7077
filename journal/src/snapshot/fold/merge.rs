//! What events say of a span, put together: later ones win, empty ones never overwrite.

use std::borrow::Cow;

use crate::event::{Model, Number, SpanFields, Tokens, Value};

/// Takes in everything but the attributes.
pub(super) fn merge<'a>(into: &mut SpanFields<'a>, from: SpanFields<'a>) {
    merge_value(&mut into.input, from.input);
    merge_value(&mut into.output, from.output);
    merge_text(&mut into.call_id, from.call_id);
    merge_text(&mut into.finish_reason, from.finish_reason);
    if let Some(model) = from.model {
        merge_model(into.model.get_or_insert_default(), model);
    }
    if let Some(tokens) = &from.tokens {
        into.tokens = Some(finite_tokens(tokens));
    }
    if let Some(cost) = from.cost {
        into.cost = Some(cost.normalised());
    }
}

/// A text that says something replaces what is there.
pub(super) fn merge_text<'a>(into: &mut Option<Cow<'a, str>>, from: Option<Cow<'a, str>>) {
    if let Some(text) = from.filter(|text| !text.is_empty()) {
        *into = Some(text);
    }
}

/// Whether a number of tokens or a cost is below zero.
pub(super) fn has_negative(fields: &SpanFields<'_>) -> bool {
    let parts = |tokens: &Tokens| {
        [
            tokens.input,
            tokens.output,
            tokens.reasoning,
            tokens.cache_read,
            tokens.cache_write,
        ]
    };
    let tokens = fields.tokens.iter().flat_map(parts);
    tokens
        .chain(fields.cost)
        .any(|number| number.as_f64() < 0.0)
}

fn merge_value<'a>(into: &mut Option<Value<'a>>, from: Option<Value<'a>>) {
    let Some(value) = from.filter(|value| !value.is_null()) else {
        return;
    };
    if into.is_none() || !value.is_blank() {
        *into = Some(value);
    }
}

fn merge_model<'a>(into: &mut Model<'a>, from: Model<'a>) {
    merge_text(&mut into.model_id, from.model_id);
    merge_text(&mut into.provider_id, from.provider_id);
    merge_text(&mut into.variant, from.variant);
}

fn finite_tokens(tokens: &Tokens) -> Tokens {
    let finite = Number::normalised;
    Tokens {
        input: finite(tokens.input),
        output: finite(tokens.output),
        reasoning: finite(tokens.reasoning),
        cache_read: finite(tokens.cache_read),
        cache_write: finite(tokens.cache_write),
    }
}
