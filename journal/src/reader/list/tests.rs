//! A list tells of each session what its snapshot does, wherever it has that from.

use std::borrow::Cow;
use std::cmp::Reverse;

use super::super::Reader;
use super::*;
use crate::event::arbitrary::Rng;
use crate::event::system::{Clocks, RunClose, RunOpen};
use crate::event::{
    Action, Channel, Counter, Crash, Event, Level, Log, Map, Number, SessionEnd, SessionStart,
    SessionStatus, SessionUpdate, SpanEnd, SpanFields, SpanKind, SpanLink, SpanStart, SpanStatus,
    SpanUpdate, Text, Tokens, Value, codec,
};
use crate::format::RecordKind;
use crate::recovery::{MemoryStorage, SegmentBuilder, segment_name};
use crate::time::Timestamp;

/// Ids that come up again and again, and those that mean the root.
const IDS: [&str; 7] = ["a", "b", "c", "root", "r2", "", "00f067aa0ba902b7"];
const SESSIONS: u32 = 3;

/// A journal in the making, from one seed.
struct Author {
    random: Rng,
    clock: i64,
    /// How many spans were made that no other has the id of.
    made: u64,
    /// Once in so many spans an id comes up that others have, too.
    reuse_once_in: u64,
    /// The last of the spans made that are open.
    open: Vec<String>,
}

impl Author {
    fn once_in(&mut self, times: u64) -> bool {
        self.random.below(times) == 0
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.clock += 1;
        match self.random.below(12) {
            0 => None,
            1 => Some(Timestamp::new(self.clock - 50, 7)),
            _ => Some(Timestamp::new(self.clock, 0)),
        }
    }

    fn text(&mut self) -> Option<String> {
        let texts = [None, Some(""), Some("x"), Some("some words")];
        texts[self.random.below_len(4)].map(str::to_owned)
    }

    fn number(&mut self) -> Number {
        match self.random.below(400) {
            0 => Number::I64(-3),
            1 => Number::F64(1e300),
            2 => Number::F64(1e-40),
            3 => Number::I64(i64::MAX),
            4..100 => Number::F64(0.005),
            100..150 => Number::F64(0.25),
            n => Number::from(n),
        }
    }

    fn fields(&mut self) -> SpanFields<'static> {
        let mut fields = SpanFields::default();
        if self.once_in(2) {
            fields.tokens = Some(Tokens {
                input: self.number(),
                output: self.number(),
                ..Tokens::default()
            });
        }
        if self.once_in(2) {
            fields.cost = Some(self.number());
        }
        fields.output = Some(Value::from("something that no list shows"));
        fields
    }

    /// The id of a span that is new, open, or any there is.
    fn span(&mut self, is_new: bool) -> String {
        if self.once_in(self.reuse_once_in) {
            return IDS[self.random.below_len(IDS.len())].to_owned();
        }
        match self.open.last() {
            Some(open) if !is_new => open.clone(),
            _ => {
                self.made += 1;
                let id = format!("span {}", self.made);
                self.open.push(id.clone());
                id
            }
        }
    }

    fn start(&mut self, span: String) -> SpanStart<'static> {
        SpanStart {
            span: span.into(),
            parent: None,
            kind: SpanKind::TOOL,
            name: "tool".into(),
            started_at: self.time().filter(|at| at.seconds() % 3 == 0),
            trace_id: None,
            otlp_kind: None,
            fields: self.fields(),
        }
    }

    fn end(&mut self, span: String) -> SpanEnd<'static> {
        if !self.once_in(8) {
            self.open.retain(|open| *open != span);
        }
        SpanEnd {
            span: span.into(),
            status: SpanStatus::Ok,
            ended_at: self.time().filter(|at| at.seconds() % 3 == 0),
            fields: self.fields(),
            ..SpanEnd::default()
        }
    }

    fn metadata(&mut self) -> Map<'static> {
        let title = match self.random.below(6) {
            0 => Value::from(""),
            1 => Value::from(5),
            2 => Value::List(Vec::new()),
            3 => Value::from("a title"),
            4 => Value::from("another title"),
            _ => return Map::from([("cwd", "/home")]),
        };
        Map(vec![
            (Cow::from("title").into(), title),
            (Cow::from("x").into(), Value::from(1)),
        ])
    }

    /// What is said of the session as a whole.
    fn turn(&mut self) -> Action<'static> {
        let root = IDS[self.random.below_len(IDS.len())];
        match self.random.below(6) {
            0 | 1 => Action::SessionStart(SessionStart {
                span: Some(root.into()).filter(|_| self.once_in(3)),
                metadata: self.metadata(),
                ..SessionStart::default()
            }),
            2 | 3 => Action::SessionUpdate(SessionUpdate {
                name: None,
                metadata: self.metadata(),
            }),
            4 => Action::SessionEnd(SessionEnd {
                status: match self.once_in(2) {
                    true => SessionStatus::Completed,
                    false => SessionStatus::Error,
                },
                error: self.text().map(Into::into),
            }),
            _ => Action::Crash(Crash {
                reason: self.text().map(Into::into),
                location: self.text().map(Into::into),
            }),
        }
    }

    fn action(&mut self) -> Action<'static> {
        match self.random.below(24) {
            0..2 => self.turn(),
            2..8 => {
                let span = self.span(true);
                Action::SpanStart(self.start(span))
            }
            8..13 => {
                let span = self.span(false);
                Action::SpanEnd(self.end(span))
            }
            13..16 => {
                let span = self.span(true);
                let start = self.start(span.clone());
                Action::Span(start, Box::new(self.end(span)))
            }
            16 => Action::SpanUpdate(SpanUpdate {
                span: self.span(false).into(),
                fields: self.fields(),
                ..SpanUpdate::default()
            }),
            17 => Action::SpanUpdate(SpanUpdate {
                span: self.span(false).into(),
                status: Some(SpanStatus::Error),
                ..SpanUpdate::default()
            }),
            18 => Action::Link(SpanLink {
                span: Some(self.span(false).into()),
                ..SpanLink::default()
            }),
            19 => Action::Counter(Counter {
                name: "n".into(),
                value: self.number(),
                unit: None,
                span: Some("nowhere".into()),
            }),
            20 => Action::Log(Log {
                span: Some(self.span(false).into()).filter(|_| self.made.is_multiple_of(2)),
                event_name: None,
                level: Level::INFO,
                message: Value::Null,
                attributes: Map::new(),
            }),
            _ => Action::Text(Text {
                span: self.span(false).into(),
                channel: Channel::OUTPUT,
                offset: None,
                text: "text".into(),
            }),
        }
    }

    /// Adds a record of any kind.
    fn record(&mut self, builder: &mut SegmentBuilder, sessions: u32) {
        let session = 1 + u32::try_from(self.random.below(u64::from(sessions))).unwrap();
        match self.random.below(60) {
            0 => {
                builder.raw(session, b"mine");
            }
            1 => {
                builder.frame(RecordKind(90), session, b"a kind of later");
            }
            2 => {
                builder.frame(RecordKind::SPAN_END, session, &[0xff, 7]);
            }
            3 => {
                builder.mark(builder.next_seq() - 1);
            }
            _ => {
                let mut event = Event::new(self.action()).in_session("any");
                event.at = self.time();
                let mut payload = Vec::new();
                let kind = codec::encode(&event, &mut payload).unwrap();
                builder.frame(kind, session, &payload);
            }
        }
    }

    fn opening(&mut self, generation: u32) -> RunOpen<'static> {
        let earlier = (1..generation).filter(|_| self.once_in(3));
        RunOpen {
            generation,
            random: 0,
            boot_id: "".into(),
            pid: 1,
            process_start: 0,
            host: "".into(),
            pid_namespace: 0,
            file_system: 0,
            device: 0,
            inode: 0,
            program: "".into(),
            program_version: "".into(),
            library_version: "".into(),
            clocks: Clocks {
                wall_seconds: 900,
                wall_nanoseconds: 0,
                boot_nanoseconds: 0,
            },
            live_runs: earlier.map(|run| (run, 0xabc0 + u64::from(run))).collect(),
            resource: (&[][..]).into(),
            extras: Vec::new(),
        }
    }

    /// Writes a run: its segments, all but the last one sealed.
    fn run(&mut self, generation: u32, storage: &mut MemoryStorage) {
        let count = 1 + u32::try_from(self.random.below(4)).unwrap();
        let is_closed = self.once_in(2);
        let mut next_seq = 1;
        for number in 1..=count {
            let mut builder = SegmentBuilder::new(generation, number, next_seq, next_seq - 1);
            if number == 1 && !self.once_in(8) {
                let opening = self.opening(generation);
                builder.system(RecordKind::RUN_OPEN, &opening);
            }
            for index in 1..=SESSIONS {
                builder.declare(index, &format!("session {index}"));
            }
            let sessions = SESSIONS + u32::from(self.once_in(20));
            // The fourth index is one of the same session as the first one has.
            builder.declare(SESSIONS + 1, "session 1");
            for _ in 0..self.random.below(40) {
                self.record(&mut builder, sessions);
            }
            if self.once_in(6) {
                let mut payload = Vec::new();
                let reason = self.text().map(Into::into);
                let crash = Action::Crash(Crash {
                    reason,
                    location: None,
                });
                codec::encode(&Event::new(crash), &mut payload).unwrap();
                builder.frame(RecordKind::CRASH_NOTE, 0, &payload);
            }
            let is_last = number == count;
            if is_last && is_closed {
                let close = RunClose {
                    reason: "".into(),
                    durable_seq: builder.next_seq() - 1,
                    clocks: self.opening(1).clocks,
                    extras: Vec::new(),
                };
                builder.system(RecordKind::RUN_CLOSE, &close);
            }
            let bytes = match is_last && !is_closed {
                true => builder.file(),
                false => builder.sealed((!is_last).then_some(number + 1)),
            };
            // Now and then records are missing between two segments that are whole.
            let missing = 5 * u64::from(self.once_in(12));
            next_seq = builder.next_seq() + 1 + missing;
            storage.put(&builder, bytes);
        }
        if self.once_in(4) && !is_closed {
            storage.lock(generation);
        }
        self.damage(generation, count, storage);
    }

    fn damage(&mut self, generation: u32, count: u32, storage: &mut MemoryStorage) {
        let number = 1 + u32::try_from(self.random.below(u64::from(count))).unwrap();
        let name = segment_name(generation, number);
        match self.random.below(8) {
            0 => {
                let file = storage.files.get_mut(&name).unwrap();
                let at = self.random.below_len(file.len());
                file[at] ^= 1;
            }
            1 if count > 1 => {
                storage.files.remove(&name);
            }
            _ => {}
        }
    }
}

fn journal(seed: u64) -> MemoryStorage {
    let mut author = Author {
        random: Rng::new(seed),
        clock: 1000,
        made: 0,
        reuse_once_in: [4, 60, 100_000][usize::try_from(seed % 3).unwrap()],
        open: Vec::new(),
    };
    let mut storage = MemoryStorage::default();
    for generation in 1..=1 + u32::try_from(author.random.below(3)).unwrap() {
        author.run(generation, &mut storage);
        if author.once_in(3) {
            author.open.clear();
        }
    }
    storage
}

/// The list, and how many of its rows rollups told.
fn listed(storage: &MemoryStorage) -> (Vec<SessionSummary>, usize) {
    let shared: Arc<dyn Storage> = Arc::new(storage.clone());
    let view = JournalView::new(Arc::clone(&shared), ReadMode::Salvage, Depth::Rollups).unwrap();
    let mut fetcher = RecordFetcher::default();
    let told = view
        .sessions
        .iter()
        .filter_map(|one| of_rollups(&view, one, &mut fetcher).unwrap());
    let mut rows = Reader::options()
        .storage(shared)
        .summaries("")
        .unwrap()
        .sessions;
    // What a cache told is not to be told apart.
    rows.iter_mut().for_each(|row| row.verified = true);
    (rows, told.count())
}

/// Whether merged caches alone tell the list.
fn is_told_jointly(storage: &MemoryStorage) -> bool {
    let view = JournalView::new(Arc::new(storage.clone()), ReadMode::Salvage, Depth::Merged);
    let view = Arc::new(view.unwrap());
    view.is_merged() && summaries(&view, PARALLEL_MIN).unwrap().is_some()
}

/// The list as snapshots tell it that were made by reading everything.
fn snapshots_of(storage: &MemoryStorage) -> Vec<SessionSummary> {
    let reader = super::super::Reader::of_storage(Arc::new(storage.clone()), ReadMode::Salvage);
    let snapshots = reader.unwrap().sessions();
    let mut rows: Vec<SessionSummary> = snapshots
        .map(|snapshot| SessionSummary::from(&snapshot.unwrap()))
        .collect();
    rows.sort_by_key(|row| (Reverse(row.last_at), row.id.clone()));
    rows
}

#[test]
fn a_list_tells_what_snapshots_tell() {
    let (mut rows, mut told, mut lossy, mut merged) = (0, 0, 0, 0);
    for seed in 0..1_500 {
        let plain = journal(seed);
        let expected = snapshots_of(&plain);
        let (uncached, count) = listed(&plain);
        assert_eq!(uncached, expected, "seed {seed}");
        let mut storage = plain.clone();
        storage.add_caches();
        let (cached, cached_count) = listed(&storage);
        assert_eq!(cached, expected, "with caches, seed {seed}");
        assert_eq!(count, cached_count, "seed {seed}");
        storage.add_merged_caches();
        assert_eq!(listed(&storage).0, expected, "merged caches, seed {seed}");
        merged += u32::from(is_told_jointly(&storage));
        rows += expected.len();
        told += count;
        lossy += expected
            .iter()
            .filter(|row| row.loss != crate::Loss::None)
            .count();
    }
    // Else nothing would be compared but snapshots with themselves.
    assert!(
        told * 2 > rows && told < rows,
        "{told} of {rows} rows from rollups"
    );
    assert!(merged > 300, "{merged} of 1,500 lists from merged caches");
    assert!(
        lossy * 8 > rows,
        "{lossy} of {rows} sessions lost something"
    );
}

/// A sealed segment of one session, with its cache.
fn finished(lines: &[Action<'static>]) -> (MemoryStorage, SegmentBuilder) {
    let (storage, mut builders) = all_finished(&[lines]);
    (storage, builders.remove(0))
}

/// Sealed segments of one session, with their caches.
fn all_finished(segments: &[&[Action<'static>]]) -> (MemoryStorage, Vec<SegmentBuilder>) {
    let mut storage = MemoryStorage::default();
    let mut builders = Vec::new();
    let (mut next_seq, mut second) = (1, 1000);
    for (number, lines) in (1..).zip(segments) {
        let mut builder = SegmentBuilder::new(1, number, next_seq, next_seq - 1);
        builder.declare(1, "s");
        for action in *lines {
            let event = Event::new(action.clone()).in_session("s");
            let mut payload = Vec::new();
            let kind = codec::encode(&event.at(Timestamp::new(second, 0)), &mut payload).unwrap();
            builder.frame(kind, 1, &payload);
            second += 1;
        }
        let is_last = usize::try_from(number).unwrap() == segments.len();
        storage.put(&builder, builder.sealed((!is_last).then_some(number + 1)));
        next_seq = builder.next_seq() + 1;
        builders.push(builder);
    }
    storage.add_caches();
    (storage, builders)
}

fn log(span: &'static str) -> Action<'static> {
    Action::Log(Log {
        span: Some(span.into()),
        event_name: None,
        level: Level::INFO,
        message: Value::Null,
        attributes: Map::new(),
    })
}

fn span(id: &'static str) -> Action<'static> {
    let mut author = Author {
        random: Rng::new(1),
        clock: 1000,
        made: 0,
        reuse_once_in: 1,
        open: Vec::new(),
    };
    let start = author.start(id.to_owned());
    Action::Span(start, Box::new(author.end(id.to_owned())))
}

#[test]
fn caches_are_believed_and_only_they_are_read() {
    let (mut storage, builder) = finished(&[span("one"), span("two")]);
    let (expected, told) = listed(&storage);
    assert_eq!((expected.len(), expected[0].spans, told), (1, 3, 1));
    let file = storage.files.get_mut(&segment_name(1, 1)).unwrap();
    file[builder.offsets[3] + 20] ^= 1;
    assert_eq!(listed(&storage).0, expected);
    assert_eq!(snapshots_of(&storage)[0].loss, crate::Loss::Damage);
    storage.files.retain(|name, _| !name.ends_with(".idx"));
    assert_eq!(listed(&storage).0, snapshots_of(&storage));
}

#[test]
fn a_wrong_cache_that_is_found_out_counts_for_no_session() {
    // The span with the negative cost has to be looked up, and is not there any more.
    let negative = SpanUpdate {
        span: "one".into(),
        fields: SpanFields {
            cost: Some(Number::I64(-1)),
            ..SpanFields::default()
        },
        ..SpanUpdate::default()
    };
    let (mut storage, builder) = finished(&[Action::SpanUpdate(negative), span("two")]);
    assert_eq!(listed(&storage).1, 0);
    let file = storage.files.get_mut(&segment_name(1, 1)).unwrap();
    file[builder.offsets[2] + 20] ^= 1;
    let (rows, _) = listed(&storage);
    assert_eq!(rows, snapshots_of(&storage));
    assert_eq!(rows[0].loss, crate::Loss::Damage);
}

/// Which segments are read for a list: what is not read can be damaged without being noticed.
fn read_for_list(segments: &[&[Action<'static>]]) -> Vec<bool> {
    let (mut storage, builders) = all_finished(segments);
    let (expected, told) = listed(&storage);
    assert_eq!((expected.len(), told), (1, 1));
    assert_eq!(expected, snapshots_of(&storage));
    let is_read = |(number, builder): (u32, &SegmentBuilder)| {
        let mut damaged = storage.clone();
        let file = damaged.files.get_mut(&segment_name(1, number)).unwrap();
        file[builder.offsets[2] + 20] ^= 1;
        let rows = listed(&damaged).0;
        let is_noticed = rows != expected;
        if is_noticed {
            assert_eq!(rows, snapshots_of(&damaged), "segment {number}");
        }
        is_noticed
    };
    let read = (1..).zip(&builders).map(is_read).collect();
    storage.files.retain(|name, _| !name.ends_with(".idx"));
    assert_eq!(listed(&storage), (expected, 1));
    read
}

#[test]
fn of_a_session_only_segments_are_read_whose_rollups_do_not_tell() {
    let cost = SpanUpdate {
        span: "one".into(),
        fields: SpanFields {
            cost: Some(Number::F64(0.5)),
            ..SpanFields::default()
        },
        ..SpanUpdate::default()
    };
    let update = Action::SpanUpdate(cost);
    let segments: [&[_]; 3] = [&[span("one")], &[update, span("two")], &[span("three")]];
    assert_eq!(read_for_list(&segments), [true, true, false]);
}

#[test]
fn a_word_about_a_span_that_ended_in_another_segment_makes_none_be_read() {
    let segments: [&[_]; 3] = [
        &[span("one"), log("two")],
        &[log("one"), span("two")],
        &[log("one"), log("nowhere")],
    ];
    assert_eq!(read_for_list(&segments), [false; 3]);
}

#[test]
fn ids_that_are_given_again_make_no_segment_be_read() {
    let again = [span("call_0"), span("call_0"), span("call_0"), span("x")];
    let segments: [&[_]; 3] = [&[span("call_0")], &again, &[span("call_0"), log("call_0")]];
    assert_eq!(read_for_list(&segments), [false; 3]);
    // One that is open when another one ends under its id is read about, wherever it is spoken of.
    let Action::Span(start, _) = span("call_0") else {
        panic!("a span");
    };
    let open: &[_] = &[Action::SpanStart(start)];
    let segments: [&[_]; 3] = [open, &[span("call_0")], &[span("x")]];
    assert_eq!(read_for_list(&segments), [true, true, false]);
}

/// Whether the merged cache of these segments tells the list, which is right in any case.
fn merged_tells(segments: &[&[Action<'static>]]) -> bool {
    let (mut storage, _) = all_finished(segments);
    storage.add_merged_caches();
    assert_eq!(listed(&storage).0, snapshots_of(&storage));
    is_told_jointly(&storage)
}

#[test]
fn what_two_segments_say_of_one_span_is_told_jointly_if_it_adds_up() {
    let update = |cost| {
        let cost = Some(Number::F64(cost));
        Action::SpanUpdate(SpanUpdate {
            span: "one".into(),
            fields: SpanFields {
                cost,
                ..SpanFields::default()
            },
            ..SpanUpdate::default()
        })
    };
    let Action::Span(start, end) = span("one") else {
        panic!("a span");
    };
    let (start, end) = (Action::SpanStart(start), Action::SpanEnd(*end));
    // It begins in one and ends in the other, or the other only mentions it.
    assert!(merged_tells(&[
        &[start.clone(), update(0.5)],
        &[update(0.25), end]
    ]));
    assert!(merged_tells(&[&[span("one")], &[log("one"), span("two")]]));
    assert!(merged_tells(&[&[log("one")], &[span("one"), span("two")]]));
    // Each of them has one of that id.
    assert!(merged_tells(&[&[span("one")], &[span("one"), span("two")]]));
    // It changes behind its end or before its beginning.
    assert!(!merged_tells(&[&[span("one")], &[update(0.5)]]));
    assert!(!merged_tells(&[&[update(0.5)], &[span("one")]]));
    assert!(!merged_tells(&[&[start], &[span("one")]]));
}
