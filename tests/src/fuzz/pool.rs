//! Valid things to start from: lines, and the payloads they become.

use std::sync::LazyLock;

use trace_journal::{Item, Journal, ReadMode, Reader, WriteMode};

use super::memory::Memory;

/// A payload with its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Kind of the record.
    pub(super) kind: u8,
    /// Its bytes.
    pub(super) payload: Vec<u8>,
}

/// A journal in memory, without threads and with small segments.
///
/// # Panics
/// If it cannot be opened.
#[must_use]
pub(super) fn open(memory: &Memory) -> Journal {
    open_mode(memory, WriteMode::Positioned)
}

/// As [`open`], written in this mode.
///
/// # Panics
/// If it cannot be opened.
#[must_use]
pub(super) fn open_mode(memory: &Memory, mode: WriteMode) -> Journal {
    let options = Journal::options()
        .storage(memory.storage())
        .stepped()
        .shared(false);
    let options = options.segment_bytes_max(SEGMENT_LEN).write_mode(mode);
    options.open("memory").expect("nothing is in the way")
}

/// Size of the segments of [`open`].
pub(super) const SEGMENT_LEN: u64 = 16 << 10;

/// One line of every type there is, most with every member.
pub(super) static LINES: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("lines.ndjson").lines().collect());

/// The records of a small closed journal, the library's own first.
pub(super) static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let reader = Reader::of_storage(closed().storage(), ReadMode::Strict);
    let records = reader.expect("an intact journal").records();
    let samples = records.map(|item| match item {
        Ok(Item::Record(record)) => Sample {
            kind: record.kind.get(),
            payload: record.payload.to_vec(),
        },
        other => panic!("{other:?} in an intact journal"),
    });
    samples.collect()
});

/// A journal with a record of each kind, closed.
///
/// # Panics
/// If a line is refused.
#[must_use]
pub(super) fn closed() -> Memory {
    let memory = Memory::new(1);
    let journal = open(&memory);
    for line in &*LINES {
        journal.append_json(line).expect("a valid line");
    }
    journal.sync().expect("memory does not fail");
    journal.close().expect("memory does not fail");
    memory
}
