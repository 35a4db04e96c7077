//! Reading a directory in every way there is, and what must hold whatever it holds.

use std::collections::BTreeMap;

use serde::Serialize;
use trace_journal::event::JsonLine;
use trace_journal::export::{self, TraceFileOptions};
use trace_journal::report::{DamageReason, DamagedRange, SessionReport};
use trace_journal::{Address, Error, Item, ReadMode, Reader, Report, SessionSummary, Snapshot};

use super::memory::Memory;

/// Generation, random part, sequence number.
pub(super) type Place = (u32, u64, u64);

/// Kind and payload.
pub(super) type Kept = (u8, Vec<u8>);

/// What a reader saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Kind and payload of each intact record; several of one number only where damage is told.
    pub(super) records: BTreeMap<Place, Vec<Kept>>,
    /// How many gaps there are.
    pub(super) gaps: usize,
    /// The report and all snapshots, or why there are none.
    pub(super) text: String,
}

/// Reads all there is, in all modes.
///
/// # Panics
/// If two readings differ, something changes, bytes or records do not add up, or it takes more
/// reading than the size explains.
#[must_use]
pub(super) fn read_all_ways(memory: &Memory) -> Seen {
    let changes = memory.change_count();
    let seen = look_once(memory, ReadMode::Salvage);
    assert_eq!(
        seen,
        look_once(memory, ReadMode::Salvage),
        "not the same twice"
    );
    let prefix = look_once(memory, ReadMode::Prefix);
    let is_same = |(place, kept): (&Place, &Vec<Kept>)| {
        let all = seen.records.get(place);
        all.is_some_and(|all| kept.iter().all(|record| all.contains(record)))
    };
    assert!(
        prefix.records.iter().all(is_same),
        "prefix mode has records of its own"
    );
    let strict = Reader::of_storage(memory.storage(), ReadMode::Strict);
    if strict.is_ok() {
        assert_eq!(
            seen,
            look_once(memory, ReadMode::Strict),
            "strict mode differs without damage"
        );
    }
    check_list(memory);
    assert_eq!(
        changes,
        memory.change_count(),
        "reading changed the directory"
    );
    seen
}

/// Lists the sessions: with caches, which may tell anything if they were forged, and without.
///
/// # Panics
/// If without caches the list tells anything else than the snapshots do.
fn check_list(memory: &Memory) {
    memory.let_read(READ_FACTOR * memory.size() + READ_FREE);
    if let Ok(told) = Reader::options().storage(memory.storage()).summaries("") {
        let _ = json(&told.sessions);
    }
    let bare = Memory::new(0);
    for (name, file) in memory.files() {
        if !name.ends_with(".idx") {
            bare.put(&name, file);
        }
    }
    bare.let_read(READ_FACTOR * bare.size() + READ_FREE);
    let reader = Reader::of_storage(bare.storage(), ReadMode::Salvage);
    let rows = Reader::options().storage(bare.storage()).summaries("");
    let (Ok(reader), Ok(told)) = (reader, rows) else {
        return;
    };
    let mut rows = told.sessions;
    let snapshots = reader.sessions();
    let mut expected: Vec<SessionSummary> = snapshots
        .map(|snapshot| SessionSummary::from(&snapshot.expect("memory can be read")))
        .collect();
    expected.sort_by(|a, b| a.id.cmp(&b.id));
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(rows, expected, "a list that is none of the snapshots");
    bare.let_read(READ_FACTOR * bare.size() + READ_FREE);
    let mut report = Reader::options()
        .verify(true)
        .storage(bare.storage())
        .report("")
        .expect("it could be read before");
    report.sessions.sort_by(|a, b| a.id.cmp(&b.id));
    let counted = |one: &SessionReport| {
        (
            one.status,
            one.spans,
            one.interrupted,
            one.records,
            one.loss,
        )
    };
    let expected = expected.into_iter().map(SessionReport::from);
    let expected = expected.map(|one| (one.id.clone(), counted(&one)));
    let counted = report
        .sessions
        .iter()
        .map(|one| (one.id.clone(), counted(one)));
    assert!(
        counted.eq(expected),
        "other counts than those of the snapshots"
    );
}

/// Reads all there is, once.
///
/// # Panics
/// If bytes or records do not add up.
#[must_use]
pub(super) fn look_once(memory: &Memory, mode: ReadMode) -> Seen {
    memory.let_read(READ_FACTOR * memory.size() + READ_FREE);
    let mut seen = Seen::default();
    let reader = match Reader::of_storage(memory.storage(), mode) {
        Ok(reader) => reader,
        Err(error) => {
            assert!(!matches!(error, Error::Io { .. }), "{error}");
            seen.text = error.to_string();
            return seen;
        }
    };
    let mut report = reader.report();
    // Segments that claim the same numbers are damage, and given as they are.
    let is_told = |range: &DamagedRange| range.reason == DamageReason::SeqGap;
    let is_disordered = report.ranges.iter().any(is_told);
    let mut last: Option<Address> = None;
    for item in reader.records() {
        match item.expect("memory can be read") {
            Item::Record(record) => {
                let address = record.address();
                assert!(
                    is_disordered || last.is_none_or(|last| place(last) < place(address)),
                    "{last:?} is before {address:?}: {}",
                    json(&report)
                );
                last = Some(address);
                let line = json(&record.event());
                // Whether the line is taken or refused, nothing may panic.
                let _ = JsonLine::parse(line.as_bytes(), None);
                let kept = (record.kind.get(), record.payload.to_vec());
                seen.records.entry(place(address)).or_default().push(kept);
            }
            Item::Gap(gap) => {
                assert!(gap.last.is_none_or(|last| gap.first <= last), "{gap:?}");
                seen.gaps += 1;
            }
        }
    }
    check_report(memory, &report, &seen, mode);
    for snapshot in reader.sessions() {
        let snapshot = snapshot.expect("memory can be read");
        report.add_session(&snapshot);
        seen.text += &render(&snapshot);
    }
    seen.text += &json(&report);
    seen
}

fn place(address: Address) -> Place {
    let run = address.run;
    (run.generation(), run.random(), address.seq.get())
}

fn check_report(memory: &Memory, report: &Report, seen: &Seen, mode: ReadMode) {
    let mut files = memory.files();
    for segment in &report.segments {
        let file = files.remove(&segment.file).expect("a file that is there");
        let len = u64::try_from(file.len()).expect("lengths fit");
        assert_eq!(segment.size, len, "{}", segment.file);
        assert_eq!(segment.bytes.sum(), len, "{}: {segment:?}", segment.file);
        assert!(segment.ok_up_to <= len, "{segment:?}");
    }
    let sum: u64 = report.segments.iter().map(|segment| segment.records).sum();
    assert_eq!(sum, report.counts.recovered, "records of segments");
    if mode != ReadMode::Prefix {
        let count = u64::try_from(seen.records.values().flatten().count()).expect("lengths fit");
        assert_eq!(
            count,
            report.counts.recovered,
            "records that were read, {}",
            json(report)
        );
    }
    for range in &report.ranges {
        let size = report.segments.iter().find(|s| s.file == range.file);
        let end = range.offset.checked_add(range.len).expect("it fits");
        assert!(
            range.len == 0 || size.is_some_and(|segment| end <= segment.size),
            "{range:?} is not in its file"
        );
        let missing = (range.first_missing, range.last_missing);
        if let (Some(first), Some(last)) = missing {
            assert!(first <= last, "{range:?}");
        }
    }
}

/// A session in all forms, each of which must be JSON.
///
/// # Panics
/// If one is not.
#[must_use]
pub(super) fn render(snapshot: &Snapshot) -> String {
    let mut out = Vec::new();
    export::json(snapshot, &mut out).expect("memory can be written");
    for full in [false, true] {
        let options = TraceFileOptions {
            full,
            ..TraceFileOptions::default()
        };
        let written = export::trace_file(snapshot, &mut out, &options);
        written.expect("memory can be written");
    }
    let text = String::from_utf8(out).expect("JSON is UTF-8");
    for line in text.lines() {
        let read = serde_json::from_str::<serde::de::IgnoredAny>(line);
        assert!(read.is_ok(), "{read:?}: {line}");
    }
    text
}

/// Anything as JSON.
///
/// # Panics
/// If it has no JSON form.
#[must_use]
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("everything has a JSON form")
}

/// Bytes that may be read for each byte there is: a survey, the records, the sessions.
pub(super) const READ_FACTOR: u64 = 64;

/// Bytes that may be read however little there is.
pub(super) const READ_FREE: u64 = 1 << 20;
