//! Reading journals that were built frame by frame.

use super::*;
use crate::Seq;
use crate::error::DamageReason;
use crate::recovery::{Fate, MemoryStorage, Outcome, RunState, SegmentBuilder, segment_name};

fn reader(storage: &MemoryStorage, mode: ReadMode) -> Result<Reader> {
    Reader::with_caches(Arc::new(storage.clone()), mode)
}

/// Two sessions taking turns, in one run of two segments, with one durable record zeroed.
fn journal() -> MemoryStorage {
    let mut storage = MemoryStorage::default();
    let mut first = SegmentBuilder::new(1, 1, 1, 0);
    first.declare(1, "a").declare(2, "b");
    for number in 0..6 {
        first.raw(1 + number % 2, format!("record {number}").as_bytes());
    }
    first.raw(0, b"bare");
    let mut bytes = first.sealed(Some(2));
    bytes[first.offsets[5]..first.offsets[6]].fill(0);
    storage.put(&first, bytes);
    let mut second = SegmentBuilder::new(1, 2, first.next_seq() + 1, first.next_seq());
    second
        .raw(1, &[9; 20_000])
        .raw(3, b"undeclared")
        .raw(1, b"last");
    storage.put(&second, second.file());
    storage
}

/// Sequence numbers of records, and of gaps as negative numbers.
fn steps(records: Records) -> Vec<i64> {
    let number = |seq: Seq| i64::try_from(seq.get()).unwrap();
    records
        .map(|item| match item.unwrap() {
            Item::Record(record) => number(record.seq),
            Item::Gap(gap) => -number(gap.first),
        })
        .collect()
}

#[test]
fn a_session_is_read_without_the_others() {
    let reader = reader(&journal(), ReadMode::Salvage).unwrap();
    let undeclared = "unknown-00000001-000000000000abc1-3";
    assert_eq!(reader.ids().collect::<Vec<_>>(), ["a", "b", undeclared]);
    assert_eq!(steps(reader.session("a").records()), [4, -6, 8, 13, 15]);
    assert_eq!(steps(reader.session("b").records()), [5, -6, 7, 9]);
    assert_eq!(steps(reader.session(undeclared).records()), [-6, 14]);
    assert!(steps(reader.session("nobody").records()).is_empty());
    assert!(reader.session("a").is_known() && !reader.session("nobody").is_known());
    assert_eq!(reader.session("a").record_count(), 4);
    let payloads: Vec<Vec<u8>> = reader
        .session("a")
        .records()
        .filter_map(|item| match item.unwrap() {
            Item::Record(record) => Some(record.payload.to_vec()),
            Item::Gap(_) => None,
        })
        .collect();
    assert_eq!(payloads[0], b"record 0");
    assert_eq!(payloads[2], [9; 20_000]);
    assert_eq!(payloads[3], b"last");
}

#[test]
fn everything_comes_in_order_with_its_gaps() {
    let reader = reader(&journal(), ReadMode::Salvage).unwrap();
    let expected = [1, 2, 3, 4, 5, -6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    assert_eq!(steps(reader.records()).as_slice(), &expected[..]);
    let gap = reader.records().find_map(|item| match item.unwrap() {
        Item::Gap(gap) => Some(gap),
        Item::Record(_) => None,
    });
    let gap = gap.unwrap();
    assert_eq!((gap.first, gap.last), (Seq::new(6).unwrap(), Seq::new(6)));
    assert_eq!(
        (gap.fate, gap.reason),
        (Fate::Durable, DamageReason::ZeroRun)
    );
}

#[test]
fn prefix_stops_each_run_at_its_first_gap() {
    let reader = reader(&journal(), ReadMode::Prefix).unwrap();
    assert_eq!(steps(reader.records()), [1, 2, 3, 4, 5, -6]);
    assert_eq!(steps(reader.session("a").records()), [4, -6]);
}

#[test]
fn strict_takes_damage_for_an_error_and_a_torn_end_not() {
    let error = reader(&journal(), ReadMode::Strict).unwrap_err();
    assert_eq!(error.code(), "damage");
    let mut torn = SegmentBuilder::new(1, 1, 1, 0);
    torn.raw(1, b"whole");
    let mut file = torn.file();
    file[torn.bytes.len() + 3] = 0x80;
    let mut storage = MemoryStorage::default();
    storage.put(&torn, file);
    let reader = reader(&storage, ReadMode::Strict).unwrap();
    assert_eq!(reader.report().loss(), Loss::Tail);
    assert_eq!(
        reader.session("unknown-00000001-000000000000abc1-1").loss(),
        Loss::Tail
    );
}

#[test]
fn a_session_that_was_over_is_not_hurt_by_a_later_gap() {
    use crate::format::RecordKind;
    let mut builder = SegmentBuilder::new(1, 1, 1, 0);
    builder.declare(1, "over").declare(2, "open");
    builder
        .frame(RecordKind::SESSION_END, 1, b"")
        .raw(2, b"")
        .raw(2, b"lost")
        .mark(6);
    let mut file = builder.file();
    file[builder.offsets[5]] ^= 1;
    let mut storage = MemoryStorage::default();
    storage.put(&builder, file);
    let reader = reader(&storage, ReadMode::Salvage).unwrap();
    assert_eq!(reader.report().loss(), Loss::Damage);
    assert_eq!(reader.session("over").loss(), Loss::None);
    assert_eq!(reader.session("open").loss(), Loss::Damage);
}

#[test]
fn the_report_has_the_documented_shape() {
    let report = reader(&journal(), ReadMode::Salvage).unwrap().report();
    let file = |number| segment_name(1, number);
    let expected = serde_json::json!({
        "loss": "damage",
        "counts": {"recovered": 14, "lost_durable": 1, "lost_unwitnessed": 0, "retired": 0,
            "refused": 0},
        "tail_bytes": 0,
        "believed": 0,
        "contradicted": false,
        "segments": [
            {"file": file(1), "size": 8464, "ok_up_to": 8320, "records": 10, "first_seq": 1,
             "last_seq": 11, "state": "damaged"},
            {"file": file(2), "size": 28296, "ok_up_to": 28296, "records": 4, "first_seq": 12,
             "last_seq": 15, "state": "active"},
        ],
        "ranges": [
            {"file": file(1), "offset": 8320, "len": 24, "reason": "zero-run",
             "first_missing": 6, "last_missing": 6, "durable": true,
             "sessions": ["a", "b", "unknown-00000001-000000000000abc1-3"]},
        ],
        "runs": [
            {"run": "00000001-000000000000abc1", "generation": 1, "state": "crashed",
             "durable_seq": 11, "last_seq": 15, "refused": 0, "refusals": null},
        ],
        "sessions": [],
    });
    assert_eq!(serde_json::to_value(&report).unwrap(), expected);
    assert_eq!((report.missing(), report.outcome), (1, Outcome::Lost));
}

#[test]
fn what_is_no_journal_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let code = |path: &Path| Reader::open(path).unwrap_err().code();
    assert_eq!(
        Reader::open(dir.path()).unwrap().report().outcome,
        Outcome::Empty
    );
    assert_eq!(code(&dir.path().join("missing")), "io");
    let file = dir.path().join("notes.txt");
    std::fs::write(&file, "notes").unwrap();
    assert_eq!(code(&file), "io");
    assert_eq!(code(dir.path()), "not-a-journal");
}

#[test]
fn a_written_journal_reads_back_while_it_is_open_and_after() {
    use crate::{Journal, UserKind};
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::options().open(dir.path()).unwrap();
    let seq = journal
        .append_raw(UserKind::new(200).unwrap(), b"bare")
        .unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.report().outcome, Outcome::Sound);
    let bare = reader.records().find_map(|item| match item.unwrap() {
        Item::Record(record) if record.payload == b"bare"[..] => Some(record),
        _ => None,
    });
    let bare = bare.unwrap();
    assert_eq!((bare.seq, bare.session), (seq, None));
    assert_eq!(reader.report().runs[0].state, RunState::Live);
    journal.close().unwrap();
    let options = Reader::options().mode(ReadMode::Strict).verify(true);
    let report = options.report(dir.path()).unwrap();
    assert_eq!((report.sessions.len(), report.loss()), (0, Loss::None));
    assert_eq!(report.segments[0].state.as_str(), "sealed");
    assert_eq!(report.runs[0].state, RunState::Closed);
}

#[test]
fn a_crashed_session_comes_back_as_a_snapshot() {
    use crate::event::{Action, SessionStart, SpanFields, SpanStart, codec};
    use crate::{Event, SessionStatus, Timestamp};
    let mut builder = SegmentBuilder::new(1, 1, 1, 0);
    builder.declare(1, "one");
    let start = SessionStart {
        name: Some("work".into()),
        ..SessionStart::default()
    };
    let span = SpanStart {
        span: "s".into(),
        parent: None,
        kind: crate::SpanKind::TOOL,
        name: "step".into(),
        started_at: None,
        trace_id: None,
        otlp_kind: None,
        fields: SpanFields::default(),
    };
    for action in [Action::SessionStart(start), Action::SpanStart(span)] {
        let event = Event::new(action)
            .in_session("one")
            .at(Timestamp::new(5, 0));
        let mut payload = Vec::new();
        let kind = codec::encode(&event, &mut payload).unwrap();
        builder.frame(kind, 1, &payload);
    }
    let mut storage = builder.storage();
    let reader_of = |storage: &MemoryStorage| reader(storage, ReadMode::Salvage).unwrap();
    let snapshot = reader_of(&storage).snapshot("one").unwrap();
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    assert!(snapshot.span("s").unwrap().is_interrupted());
    assert_eq!(snapshot.loss(), Loss::None);
    // Without its declaration the session is known by its start.
    let file = storage.files.get_mut(&segment_name(1, 1)).unwrap();
    file[builder.offsets[1] + 4] ^= 1;
    assert_eq!(reader_of(&storage).ids().collect::<Vec<_>>(), ["one"]);
    storage.lock(1);
    let reader = reader_of(&storage);
    let mut report = reader.report();
    for snapshot in reader.sessions() {
        report.add_session(&snapshot.unwrap());
    }
    assert_eq!(report.sessions[0].status, SessionStatus::Running);
    let error = reader.snapshot("two").unwrap_err();
    assert_eq!(error.code(), "unknown-session");
}

#[test]
fn a_journal_that_is_being_written_never_looks_hurt() {
    use crate::{Journal, UserKind};
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::options()
        .segment_bytes_max(1 << 20)
        .open(dir.path())
        .unwrap();
    let writer = {
        let journal = journal.clone();
        std::thread::spawn(move || {
            let kind = UserKind::new(200).unwrap();
            for number in 0..40_000_u32 {
                journal
                    .append_raw(kind, number.to_le_bytes().repeat(40))
                    .unwrap();
            }
        })
    };
    let mut looks = 0;
    while !writer.is_finished() || looks == 0 {
        let written = journal
            .append_raw(UserKind::new(201).unwrap(), b"before")
            .unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        let report = reader.report();
        assert_eq!(report.loss(), Loss::None, "{report:?}");
        assert!(report.runs[0].last_seq >= Some(written), "{report:?}");
        looks += 1;
    }
    writer.join().unwrap();
    journal.close().unwrap();
    let report = Reader::open(dir.path()).unwrap().report();
    let last = report.runs[0].last_seq.unwrap().get();
    assert_eq!((report.loss(), report.counts.recovered), (Loss::None, last));
}

/// A journal of one finished segment with its cache.
fn cached_journal() -> (MemoryStorage, SegmentBuilder) {
    let mut storage = MemoryStorage::default();
    let mut builder = SegmentBuilder::new(1, 1, 1, 0);
    builder.declare(1, "a").declare(2, "b");
    for number in 0..6 {
        builder.raw(1 + number % 2, b"record");
    }
    storage.put(&builder, builder.sealed(None));
    storage.add_caches();
    (storage, builder)
}

#[test]
fn finished_segments_are_not_read_if_they_have_a_cache() {
    let (mut storage, builder) = cached_journal();
    // A record of the other session that cannot be read.
    let at = u64::try_from(builder.offsets[4]).unwrap();
    storage.bad = Some((at, at + 8));
    let quick = reader(&storage, ReadMode::Salvage).unwrap();
    assert_eq!(quick.ids().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(quick.session("a").record_count(), 3);
    let report = quick.report();
    assert_eq!((report.loss(), report.is_verified()), (Loss::None, false));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["segments"][0]["verified"], false);
    let strict = reader(&storage, ReadMode::Strict);
    assert!(matches!(strict, Err(Error::Damage { .. })), "{strict:?}");
}

#[test]
fn damage_that_a_cache_does_not_know_of_is_found_when_it_matters() {
    let (mut storage, builder) = cached_journal();
    let file = storage.files.get_mut(&segment_name(1, 1)).unwrap();
    file[builder.offsets[4] + 17] ^= 1;
    let reader = reader(&storage, ReadMode::Salvage).unwrap();
    assert_eq!(reader.snapshot("a").unwrap().loss(), Loss::None);
    let damaged = reader.snapshot("b").unwrap();
    assert_eq!(damaged.loss(), Loss::Damage);
    let report = reader.report();
    assert_eq!((report.loss(), report.is_verified()), (Loss::Damage, true));
    assert_eq!(steps(reader.records()), [1, 2, 3, 4, -5, 6, 7, 8, 9, 10]);
}

#[test]
fn sessions_made_ahead_come_in_order_and_whole() {
    let mut segment = SegmentBuilder::new(1, 1, 1, 0);
    for index in 1..=40 {
        segment.declare(index, &format!("session {index}"));
    }
    // Enough for other threads to be worth it, with sessions of very different lengths.
    for number in 0..2000u32 {
        let index = number % 40 + 1;
        segment.raw(index, &vec![7; usize::try_from(index * index * 8).unwrap()]);
    }
    let mut storage = MemoryStorage::default();
    storage.put(&segment, segment.sealed(None));
    storage.add_caches();
    let reader = reader(&storage, ReadMode::Salvage).unwrap();
    let prefetcher = prefetch::Prefetcher::start(&reader.view, 0..40);
    let processors = std::thread::available_parallelism().unwrap().get();
    assert_eq!(prefetcher.is_some(), processors > 1);
    let all: Vec<Snapshot> = reader.sessions().map(Result::unwrap).collect();
    assert_eq!(all.len(), 40);
    for (snapshot, id) in all.iter().zip(reader.ids()) {
        assert_eq!(snapshot, &reader.snapshot(id).unwrap());
        assert_eq!((snapshot.id(), snapshot.totals().records), (id, 50));
    }
    // A caller that stops half-way leaves no thread behind.
    assert_eq!(reader.sessions().take(3).count(), 3);
}

/// The snapshot of records that are read one by one, each of which goes away.
fn snapshot_of_passing(reader: &Reader, id: &str) -> Snapshot {
    let session = reader.view.session(id).unwrap();
    let mut fold = crate::snapshot::Fold::new(id);
    fold.begin_branch(reader.view.facts(session.branches[0].run).unwrap().clone());
    for item in reader.session(id).records() {
        let Item::Record(record) = item.unwrap() else {
            panic!("a gap");
        };
        match record.event().action {
            _ if record.kind.is_user() => {
                fold.raw_record(record.seq, record.kind, record.payload.len());
            }
            crate::event::Action::Unknown { .. } => fold.unknown_record(record.seq, record.kind),
            _ => fold.passing_record(record.seq, record.event()),
        }
    }
    fold.finish(Loss::None)
}

#[test]
fn a_snapshot_that_keeps_payloads_is_that_of_passing_records() {
    use crate::event::{arbitrary::Rng, codec};
    use crate::format::RecordKind;
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let mut segment = SegmentBuilder::new(1, 1, 1, 0);
        segment.declare(1, "a").declare(2, "b");
        for _ in 0..40 {
            let event = rng.any_event();
            let mut payload = Vec::new();
            let kind = match codec::encode(&event, &mut payload) {
                Ok(kind) => kind,
                Err(_) => RecordKind(130),
            };
            if rng.below(10) == 0 {
                // What cannot be decoded.
                payload.pop();
            }
            let index = u32::from(rng.below(3) == 0) + 1;
            segment.frame(kind, index, &payload);
            if rng.below(8) == 0 {
                // Too far to be read together.
                segment.raw(3 - index, &[1; 9000]);
            }
        }
        let reader = reader(&segment.storage(), ReadMode::Salvage).unwrap();
        for id in ["a", "b"] {
            // Words, as some of the numbers are none.
            let kept = format!("{:?}", reader.snapshot(id).unwrap());
            let copied = format!("{:?}", reader.snapshot(id).unwrap().clone());
            assert_eq!(kept, copied);
            let passing = snapshot_of_passing(&reader, id);
            assert_eq!(kept, format!("{passing:?}"), "seed {seed}");
        }
    }
}

/// Three finished segments with caches, a lost one between them, and one that was not finished.
fn journal_with_caches() -> (MemoryStorage, Vec<(String, SegmentBuilder)>) {
    let mut storage = MemoryStorage::default();
    let mut segments = Vec::<(String, SegmentBuilder)>::new();
    for number in [1, 2, 4, 5] {
        let first_seq = match segments.last() {
            Some((_, before)) => before.next_seq() + 1 + u64::from(number == 4) * 3,
            None => 1,
        };
        let mut builder = SegmentBuilder::new(1, number, first_seq, first_seq - 1);
        builder.declare(1, "a").declare(2, "b");
        for record in 0..4 {
            builder.raw(record % 3, &vec![7; 10 * usize::try_from(record).unwrap()]);
        }
        let bytes = match number {
            5 => builder.file(),
            _ => builder.sealed(Some(number + 1)),
        };
        storage.put(&builder, bytes);
        segments.push((segment_name(1, number), builder));
    }
    storage.add_caches();
    (storage, segments)
}

/// What is told of all records, with the words for those that cannot be read.
fn told(reader: &Reader) -> Vec<String> {
    reader.records().map(|item| format!("{item:?}")).collect()
}

#[test]
fn all_records_and_gaps_are_the_same_with_caches_and_without() {
    let (whole, segments) = journal_with_caches();
    let reader_of = |storage: &MemoryStorage| reader(storage, ReadMode::Salvage).unwrap();
    let quick = reader_of(&whole);
    assert_eq!(told(&quick).len(), 4 * 7 + 3 + 1);
    assert!(quick.view.known_verified().is_none());
    let mut surprises = 0;
    for (name, builder) in &segments {
        let places = builder.offsets.iter();
        // In each field of a frame, in its payload, and in what fills it up.
        for at in places.flat_map(|at| [0, 5, 9, 17, 26].map(|part| at + part)) {
            let mut storage = whole.clone();
            let Some(byte) = storage.files.get_mut(name).unwrap().get_mut(at) else {
                continue;
            };
            *byte ^= 1;
            let quick = reader_of(&storage);
            let verified = Reader::of_storage(Arc::new(storage), ReadMode::Salvage).unwrap();
            assert_eq!(told(&quick), told(&verified), "{name} at {at}");
            surprises += u32::from(quick.view.known_verified().is_some());
            let damage = [&quick, &verified].map(|reader| format!("{:?}", reader.report().ranges));
            assert_eq!(damage[0], damage[1], "{name} at {at}");
            // Once more, with what is known now.
            assert_eq!(told(&quick), told(&verified), "{name} at {at}");
        }
    }
    assert!(surprises > 50, "{surprises}");
}

/// The ranges of numbers that are accounted for, and how many records there are.
fn accounted(reader: &Reader) -> (Vec<(u64, u64)>, usize) {
    let mut ranges = Vec::<(u64, u64)>::new();
    let mut records = 0;
    for item in reader.records() {
        let (first, last) = match item.unwrap() {
            Item::Record(record) => (record.seq, Some(record.seq)),
            Item::Gap(gap) => (gap.first, gap.last),
        };
        records += usize::from(Some(first) == last);
        let last = last.map_or(u64::MAX, Seq::get);
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == first.get() => *end = last,
            _ => ranges.push((first.get(), last)),
        }
    }
    (ranges, records)
}

#[test]
fn a_segment_that_cannot_be_read_is_a_gap_with_caches_and_without() {
    let (whole, segments) = journal_with_caches();
    for at in segments[0].1.offsets.iter().skip(1) {
        let mut storage = whole.clone();
        let at = u64::try_from(*at).unwrap();
        storage.bad = Some((at, at + 8));
        let quick = accounted(&reader(&storage, ReadMode::Salvage).unwrap());
        let verified = Reader::of_storage(Arc::new(storage), ReadMode::Salvage).unwrap();
        let verified = accounted(&verified);
        assert_eq!(quick.0, verified.0, "at {at}");
        // A read of less may succeed.
        assert!(quick.1 >= verified.1, "at {at}");
    }
}

#[test]
fn a_frame_of_a_later_kind_is_no_event_whatever_its_payload_says() {
    use crate::event::{Action, Event, SpanStart, codec};
    use crate::format::{FrameHeader, FramePlace, FrameSeed};
    use crate::seq::{RunId, SegmentNumber};

    let mut payload = Vec::new();
    let started = Event::new(Action::SpanStart(SpanStart::new("g1", "work")));
    let kind = codec::encode(&started, &mut payload).unwrap();
    let mut segment = SegmentBuilder::new(1, 1, 1, 0);
    segment.declare(1, "s");
    let at = FramePlace {
        seed: FrameSeed::new(RunId::new(1, 0xabc1), SegmentNumber(1)),
        offset: segment.end(),
        seq: segment.next_seq(),
    };
    segment.frame(kind, 1, &payload);
    let from = *segment.offsets.last().unwrap();
    let later = FrameHeader::later(at, (kind, 1), &payload, 1 << 29);
    segment.bytes[from..from + 16].copy_from_slice(&later.encode());
    let reader = reader(&segment.storage(), ReadMode::Salvage).unwrap();
    let mut items = reader.session("s").records();
    let Some(Ok(Item::Record(record))) = items.next() else {
        panic!("no record");
    };
    assert!(matches!(record.event().action, Action::Unknown { .. }));
    let snapshot = reader.snapshot("s").unwrap();
    assert_eq!(snapshot.spans().len(), 1, "the root alone: {snapshot:?}");
}
