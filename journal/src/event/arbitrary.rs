//! Events for tests: one of each kind with every field set, one with none, and random ones.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    Action, Channel, Counter, Crash, Custom, Event, Level, Line, Log, Map, Model, Number, OtlpKind,
    SessionEnd, SessionStart, SessionStatus, SessionUpdate, SpanEnd, SpanFields, SpanKind,
    SpanLink, SpanStart, SpanStatus, SpanUpdate, Text, Tokens, Value,
};
use crate::seq::{Address, Generation, RunId, Seq};
use crate::time::Timestamp;

/// One event of each kind, with every field set.
pub(crate) fn full() -> Vec<Event<'static>> {
    let mut rng = Rng::new(1);
    rng.full = true;
    (0..KINDS).map(|kind| rng.event(kind)).collect()
}

/// One event of each kind, with no optional field set.
pub(crate) fn bare() -> Vec<Event<'static>> {
    let span_start = || SpanStart {
        span: "s".into(),
        parent: None,
        kind: SpanKind::SPAN,
        name: "n".into(),
        started_at: None,
        trace_id: None,
        otlp_kind: None,
        fields: SpanFields::default(),
    };
    let span_end = || SpanEnd {
        span: "s".into(),
        ..SpanEnd::default()
    };
    let actions = [
        Action::SessionStart(SessionStart::default()),
        Action::SessionUpdate(SessionUpdate::default()),
        Action::SessionEnd(SessionEnd {
            status: SessionStatus::Completed,
            error: None,
        }),
        Action::SpanStart(span_start()),
        Action::SpanUpdate(SpanUpdate {
            span: "s".into(),
            ..SpanUpdate::default()
        }),
        Action::SpanEnd(span_end()),
        Action::Span(span_start(), Box::new(span_end())),
        Action::Text(Text {
            span: "s".into(),
            channel: Channel::OUTPUT,
            offset: None,
            text: "".into(),
        }),
        Action::Log(Log {
            span: None,
            event_name: None,
            level: Level::INFO,
            message: Value::Null,
            attributes: Map::new(),
        }),
        Action::Link(SpanLink::default()),
        Action::Counter(Counter {
            name: "c".into(),
            value: Number::ZERO,
            unit: None,
            span: None,
        }),
        Action::Crash(Crash::default()),
        Action::Custom(Custom {
            name: "c".into(),
            data: Value::Null,
        }),
        Action::Line(Line::default()),
    ];
    let events = actions.into_iter();
    events
        .map(|action| Event::new(action).in_session("ses_1"))
        .collect()
}

/// How many kinds of events [`Rng::event`] makes.
pub(crate) const KINDS: u64 = 13;

/// A small generator of random numbers and events; the same seed gives the same ones.
pub(crate) struct Rng {
    state: u64,
    full: bool,
}

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng {
            state: seed.wrapping_mul(crate::hash::GOLDEN) | 1,
            full: false,
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn below_len(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a length fits");
        usize::try_from(self.below(end)).expect("it is below a length")
    }

    /// Any event there is, as its JSON form gives it back.
    pub(crate) fn any_event(&mut self) -> Event<'static> {
        let kind = self.below(KINDS + 1);
        if kind == KINDS {
            let payload = Bytes::from(self.bytes());
            let kind = u8::try_from(30 + self.below(226)).expect("at most 255");
            return Event::new(Action::Unknown { kind, payload }).in_session(self.id());
        }
        self.event(kind)
    }

    pub(crate) fn event(&mut self, kind: u64) -> Event<'static> {
        let action = match kind {
            0 => self.session_start(),
            1 => Action::SessionUpdate(SessionUpdate {
                name: self.option(Rng::text),
                metadata: self.map(2),
            }),
            2 => Action::SessionEnd(SessionEnd {
                status: [SessionStatus::Error, SessionStatus::Completed][self.below_len(2)],
                error: self.option(Rng::text),
            }),
            3 => Action::SpanStart(self.span_start()),
            4 => self.span_update(),
            5 => Action::SpanEnd(self.span_end()),
            6 => self.whole_span(),
            7 => Action::Text(Text {
                span: self.id(),
                channel: Channel(self.text()),
                offset: self.option(Rng::next),
                text: self.text(),
            }),
            8 => Action::Log(Log {
                span: self.option(Rng::id),
                event_name: self.option(Rng::text),
                level: Level(u8::try_from(self.below(256)).expect("below 256")),
                message: self.value(2),
                attributes: self.map(2),
            }),
            9 => Action::Link(SpanLink {
                span: self.option(Rng::id),
                to_trace_id: self.option(Rng::id),
                to_session: self.option(Rng::id),
                to_span: self.option(Rng::id),
                attributes: self.map(2),
            }),
            10 => Action::Counter(Counter {
                name: self.text(),
                value: self.number(),
                unit: self.option(Rng::text),
                span: self.option(Rng::id),
            }),
            11 => Action::Crash(Crash {
                reason: self.option(Rng::text),
                location: self.option(Rng::text),
            }),
            _ => Action::Custom(Custom {
                name: self.text(),
                data: self.value(3),
            }),
        };
        let mut event = Event::new(action).in_session(self.id());
        event.at = self.option(Rng::time);
        if self.full || self.below(4) == 0 {
            event.extra = self.map(2);
        }
        event
    }

    fn session_start(&mut self) -> Action<'static> {
        Action::SessionStart(SessionStart {
            trace_id: self.option(Rng::id),
            name: self.option(Rng::text),
            span: self.option(Rng::id),
            parent_session: self.option(Rng::id),
            forked_at: self.option(|rng| Address {
                run: RunId {
                    generation: Generation(u32::try_from(rng.below(1 << 32)).expect("below")),
                    random: rng.next(),
                },
                seq: Seq::FIRST,
            }),
            metadata: self.map(3),
        })
    }

    fn span_start(&mut self) -> SpanStart<'static> {
        SpanStart {
            span: self.id(),
            parent: self.option(Rng::id),
            kind: SpanKind(self.text()),
            name: self.text(),
            started_at: self.option(Rng::time),
            trace_id: self.option(Rng::id),
            otlp_kind: self.option(|rng| OtlpKind(u8::try_from(rng.below(6)).expect("below 6"))),
            fields: self.fields(),
        }
    }

    fn span_update(&mut self) -> Action<'static> {
        Action::SpanUpdate(SpanUpdate {
            span: self.id(),
            name: self.option(Rng::text),
            status: self.option(Rng::status),
            status_message: self.option(Rng::text),
            fields: self.fields(),
        })
    }

    fn span_end(&mut self) -> SpanEnd<'static> {
        SpanEnd {
            span: self.id(),
            status: self.status(),
            status_message: self.option(Rng::text),
            ended_at: self.option(Rng::time),
            ended_by_drop: self.full || self.below(2) == 0,
            fields: self.fields(),
        }
    }

    /// Fields are split between start and end the way the JSON form is read.
    fn whole_span(&mut self) -> Action<'static> {
        let mut start = self.span_start();
        let mut end = self.span_end();
        end.span = start.span.clone();
        let all = &mut start.fields;
        end.fields = SpanFields {
            output: all.output.take(),
            tokens: all.tokens.take(),
            cost: all.cost.take(),
            finish_reason: all.finish_reason.take(),
            ..SpanFields::default()
        };
        Action::Span(start, Box::new(end))
    }

    fn fields(&mut self) -> SpanFields<'static> {
        SpanFields {
            input: self.option(Rng::not_null),
            output: self.option(Rng::not_null),
            model: self.option(Rng::model),
            call_id: self.option(Rng::id),
            tokens: self.option(Rng::tokens),
            cost: self.option(Rng::number),
            finish_reason: self.option(Rng::text),
            attributes: self.map(2),
        }
    }

    fn model(&mut self) -> Model<'static> {
        Model {
            model_id: self.option(Rng::text),
            provider_id: self.option(Rng::text),
            variant: self.option(Rng::text),
        }
    }

    fn tokens(&mut self) -> Tokens {
        Tokens {
            input: self.number(),
            output: self.number(),
            reasoning: self.number(),
            cache_read: self.number(),
            cache_write: self.number(),
        }
    }

    fn status(&mut self) -> SpanStatus {
        [SpanStatus::Unset, SpanStatus::Ok, SpanStatus::Error][self.below_len(3)]
    }

    fn option<T>(&mut self, make: impl FnOnce(&mut Rng) -> T) -> Option<T> {
        (self.full || self.below(2) == 0).then(|| make(self))
    }

    fn time(&mut self) -> Timestamp {
        match self.below(4) {
            0 => Timestamp::from_unix_milliseconds(1_700_000_000_000),
            1 => Timestamp::new(-62_135_596_800, 1),
            2 => Timestamp::new(i64::MAX, 999_999_999),
            _ => Timestamp::new(
                1_700_000_000,
                u32::try_from(self.below(1 << 30)).expect("below"),
            ),
        }
    }

    fn id(&mut self) -> Cow<'static, str> {
        match self.below(4) {
            0 => format!("{:016x}", self.next()).into(),
            1 => format!("{:016x}{:016x}", self.next(), self.next()).into(),
            2 => "G1".into(),
            _ => format!("toolu_{}", self.below(100)).into(),
        }
    }

    fn text(&mut self) -> Cow<'static, str> {
        const PIECES: [&str; 8] = [
            "",
            "a",
            "\n",
            "\"\\",
            "日本",
            "\u{1f600}",
            "\u{0}\u{7f}",
            "chat",
        ];
        let count = self.below(4);
        (0..count)
            .map(|_| PIECES[self.below_len(PIECES.len())])
            .collect()
    }

    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let count = self.below(20);
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    fn number(&mut self) -> Number {
        match self.below(4) {
            0 => Number::F64(0.005),
            1 => Number::F64(-1e300 * 0.1),
            2 => Number::I64(i64::MIN),
            _ => Number::from(self.below(5000)),
        }
        .normalised()
    }

    fn not_null(&mut self) -> Value<'static> {
        match self.value(3) {
            Value::Null => Value::Bool(true),
            value => value,
        }
    }

    /// A value that nests at most `left` deep.
    pub(crate) fn value(&mut self, left: u8) -> Value<'static> {
        let choices = if left == 0 { 8 } else { 10 };
        match self.below(choices) {
            0 => Value::Null,
            1 => Value::Bool(true),
            2 => Value::I64(i64::MIN + i64::try_from(self.below(1 << 40)).expect("below")),
            3 => Value::U64(u64::MAX - self.below(1 << 40)),
            4 => Value::F64(f64::from_bits(self.next() << 11)),
            5 => Value::Bytes(self.bytes().into()),
            6 | 7 => Value::String(self.text()),
            8 => {
                let count = self.below(4);
                Value::List((0..count).map(|_| self.value(left - 1)).collect())
            }
            _ => Value::Map(self.map(left)),
        }
        .finite()
    }

    fn map(&mut self, left: u8) -> Map<'static> {
        let count = self.below(4) + u64::from(self.full);
        let names = (0..count)
            .map(|n| format!("k{n}{}", self.text()))
            .collect::<Vec<_>>();
        names
            .into_iter()
            .map(|name| (name, self.value(left.saturating_sub(1))))
            .collect()
    }
}

impl Value<'static> {
    fn finite(self) -> Value<'static> {
        match self {
            Value::F64(value) if !value.is_finite() => Value::F64(-0.0),
            value => value,
        }
    }
}
