//! When an event happened, read from its payload without decoding the rest.

use serde::Deserialize;

use super::body;
use super::field::{At, Id};
use crate::format::RecordKind;
use crate::time::Timestamp;

/// When what the event says happened, if it says so, else when it was recorded.
pub(crate) fn activity(kind: RecordKind, payload: &[u8]) -> Option<Timestamp> {
    match kind {
        RecordKind::SESSION_START => {
            let (_, at): (Id<'_>, Option<At>) = front(payload)?;
            time(at)
        }
        RecordKind::SPAN_START => {
            let head: StartHead<'_> = front(payload)?;
            time(head.5).or_else(|| time(head.0))
        }
        RecordKind::SPAN_END => {
            let head: EndHead<'_> = front(payload)?;
            time(head.4).or_else(|| time(head.0))
        }
        RecordKind::SPAN => {
            let span: body::Span<'_> = front(payload)?;
            let ended_at = time(span.finish.ended_at);
            let happened = ended_at.map(|ended_at| {
                let started_at = time(span.begin.started_at);
                started_at.map_or(ended_at, |at| at.max(ended_at))
            });
            happened.or_else(|| time(span.at))
        }
        RecordKind::CRASH_NOTE
        | RecordKind::SESSION_UPDATE
        | RecordKind::SESSION_END
        | RecordKind::SPAN_UPDATE
        | RecordKind::TEXT
        | RecordKind::LOG
        | RecordKind::LINK
        | RecordKind::COUNTER
        | RecordKind::CUSTOM => time(front(payload)?),
        _ => None,
    }
}

/// The front of a span start: at, span, parent, kind, name, started at.
type StartHead<'a> = (
    Option<At>,
    Id<'a>,
    Option<Id<'a>>,
    &'a str,
    &'a str,
    Option<At>,
);

/// The front of a span end: at, span, status, status message, ended at.
type EndHead<'a> = (
    Option<At>,
    Id<'a>,
    body::SpanStatus,
    Option<&'a str>,
    Option<At>,
);

fn front<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Option<T> {
    let (front, _) = postcard::take_from_bytes(payload).ok()?;
    Some(front)
}

fn time(at: Option<At>) -> Option<Timestamp> {
    at.and_then(At::into_time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Action, Event, codec, samples};

    #[test]
    fn the_time_is_that_of_the_decoded_event() {
        for event in samples::full().into_iter().chain(samples::bare()) {
            let mut payload = Vec::new();
            let Ok(kind) = codec::encode(&event, &mut payload) else {
                continue;
            };
            assert_eq!(activity(kind, &payload), expected(&event), "{event:?}");
        }
    }

    fn expected(event: &Event<'_>) -> Option<Timestamp> {
        let happened = match &event.action {
            Action::SpanStart(start) => start.started_at,
            Action::SpanEnd(end) => end.ended_at,
            Action::Span(start, end) => end
                .ended_at
                .map(|ended| start.started_at.map_or(ended, |at| at.max(ended))),
            _ => None,
        };
        happened.or(event.at)
    }
}
