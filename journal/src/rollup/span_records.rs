//! Records of spans that say as little as a rollup needs.

use crate::event::{
    Action, Event, Numbers, SpanEnd, SpanFields, SpanKey, SpanKind, SpanStart, SpanUpdate,
};

/// The numbers that an update tells.
pub(super) fn numbers_of(event: &Event<'_>) -> Numbers {
    match &event.action {
        Action::SpanUpdate(update) => Numbers::of(&update.fields),
        _ => Numbers::default(),
    }
}

fn fields(numbers: Numbers) -> SpanFields<'static> {
    SpanFields {
        tokens: numbers.tokens,
        cost: numbers.cost,
        ..SpanFields::default()
    }
}

/// A start that tells these numbers.
pub(super) fn start(id: &SpanKey<'_>, numbers: Numbers) -> Event<'static> {
    Event::new(Action::SpanStart(SpanStart {
        span: id.to_text().into_owned().into(),
        parent: None,
        kind: SpanKind::new(""),
        name: "".into(),
        started_at: None,
        trace_id: None,
        otlp_kind: None,
        fields: fields(numbers),
    }))
}

/// An update that tells these numbers.
pub(super) fn update(id: &SpanKey<'_>, numbers: Numbers) -> Event<'static> {
    Event::new(Action::SpanUpdate(SpanUpdate {
        span: id.to_text().into_owned().into(),
        fields: fields(numbers),
        ..SpanUpdate::default()
    }))
}

/// An end that tells these numbers.
pub(super) fn end(id: &SpanKey<'_>, numbers: Numbers) -> Event<'static> {
    Event::new(Action::SpanEnd(SpanEnd {
        span: id.to_text().into_owned().into(),
        fields: fields(numbers),
        ..SpanEnd::default()
    }))
}
