//! Whether anything reads what the library writes: of each kind of its own records there are two
//! journals that differ only in what one such record says, and something is told otherwise.

use std::collections::BTreeSet;

use trace_journal::ReadMode;
use trace_journal::format::RecordKind;
use trace_journal::format::SegmentNumber;

use super::craft::{CLOCKS, Segment, run};
use super::memory::Memory;
use super::pool::SAMPLES;
use super::read_all_ways::look_once;
use super::varint::varint;

/// Makes a journal with one of two records in it.
struct Row {
    kind: u8,
    make: fn(is_first: bool) -> Vec<Segment>,
}

const ROWS: &[Row] = &[
    Row {
        kind: 1,
        make: |is_first| {
            let mut next = segment(0, 2, 5);
            let durable = if is_first { 4 } else { 0 };
            let said = [numbers(&[5, 0, durable]), CLOCKS.to_vec(), vec![0]];
            next.frame(RecordKind::new(1), 0, &said.concat());
            vec![used(EXT4), next]
        },
    },
    Row {
        kind: 2,
        make: |is_first| {
            let next = if is_first { vec![0] } else { vec![1, 2] };
            let said = [numbers(&[4]), next, numbers(&[0, 0])];
            vec![with(2, &said.concat())]
        },
    },
    Row {
        kind: 3,
        make: |is_first| vec![marked(EXT4, if is_first { 3 } else { 0 })],
    },
    Row {
        kind: 4,
        make: |is_first| vec![marked(if is_first { EXT4 } else { TMPFS }, 3)],
    },
    Row {
        kind: 5,
        make: |is_first| {
            let durable = if is_first { 3 } else { 0 };
            let said = [text("closed"), varint(durable), CLOCKS.to_vec(), vec![0]];
            vec![with(5, &said.concat())]
        },
    },
    Row {
        kind: 6,
        make: |is_first| {
            let last = if is_first { 3 } else { 5 };
            let dead = run(0);
            let about = [
                u64::from(dead.generation()),
                dead.random(),
                1,
                8192,
                last,
                0,
            ];
            let said = [numbers(&about), CLOCKS.to_vec(), vec![0]];
            vec![used(EXT4), later(6, &said.concat())]
        },
    },
    Row {
        kind: 7,
        make: |is_first| vec![in_session(if is_first { "a" } else { "b" })],
    },
    Row {
        kind: 8,
        make: |is_first| {
            let count = if is_first { 5 } else { 6 };
            let clocks = CLOCKS.repeat(2);
            let said = [numbers(&[count, 9]), text("disk-full"), clocks, vec![0; 3]];
            vec![with(8, &said.concat())]
        },
    },
    Row {
        kind: 9,
        make: |is_first| {
            let of = run(0);
            let gone = if is_first { 4 } else { 9 };
            let said = numbers(&[u64::from(of.generation()), of.random(), gone, gone, 0]);
            let mut next = segment(0, 2, 5);
            next.start();
            vec![used(EXT4), next, later(9, &said)]
        },
    },
    Row {
        kind: 10,
        make: |is_first| {
            let why = text(if is_first { "one" } else { "two" });
            let mut made = in_session("a");
            made.frame(
                RecordKind::new(10),
                0,
                &[vec![0, 1], why, vec![0, 0]].concat(),
            );
            vec![made]
        },
    },
    Row {
        kind: 31,
        make: |is_first| {
            let line = text(if is_first { "one" } else { "two" });
            let mut made = in_session("a");
            made.frame(RecordKind::new(31), 1, &[vec![0], line, vec![0]].concat());
            vec![made]
        },
    },
];

/// What cannot be read changes nothing that is told.
const UNKNOWN: Row = Row {
    kind: 97,
    make: |is_first| vec![with(97, &[u8::from(is_first); 8])],
};

const EXT4: u64 = 0xEF53;
const TMPFS: u64 = 0x0102_1994;

fn numbers(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|value| varint(*value)).collect()
}

fn text(text: &str) -> Vec<u8> {
    let len = u64::try_from(text.len()).expect("lengths fit");
    [varint(len), text.as_bytes().to_vec()].concat()
}

fn segment(of: u8, number: u32, first_seq: u64) -> Segment {
    Segment::new(run(of), SegmentNumber::new(number), first_seq)
}

/// A run's beginning: records 1 and 2.
fn opened(of: u8, file_system: u64) -> Segment {
    let mut made = segment(of, 1, 1);
    made.start();
    let run = run(of);
    let said = [
        numbers(&[u64::from(run.generation()), run.random()]),
        text("boot"),
        numbers(&[7, 1]),
        text("host"),
        numbers(&[1, file_system, 1, 1]),
        ["program", "1", "1"].map(text).concat(),
        CLOCKS.to_vec(),
        vec![0; 3],
    ];
    made.frame(RecordKind::new(4), 0, &said.concat());
    made
}

/// The same, and record 3.
fn used(file_system: u64) -> Segment {
    let mut made = opened(0, file_system);
    made.frame(RecordKind::new(200), 0, b"record");
    made
}

/// The same, and record 4.
fn with(kind: u8, said: &[u8]) -> Segment {
    let mut made = used(EXT4);
    made.frame(RecordKind::new(kind), 0, said);
    made
}

fn marked(file_system: u64, durable: u64) -> Segment {
    let mut made = used(file_system);
    let said = [numbers(&[durable, 1, 8192]), CLOCKS.to_vec(), vec![0]];
    made.frame(RecordKind::new(3), 0, &said.concat());
    made
}

/// The beginning of a later run.
fn later(kind: u8, said: &[u8]) -> Segment {
    let mut made = opened(1, EXT4);
    made.frame(RecordKind::new(kind), 0, said);
    made
}

/// A session of this id that began.
fn in_session(id: &str) -> Segment {
    let mut made = with(7, &[numbers(&[1]), text(id), vec![0]].concat());
    let start = SAMPLES.iter().find(|sample| sample.kind == 16);
    made.frame(RecordKind::new(16), 1, &start.expect("a sample").payload);
    made
}

/// All that is told: the report, and each session in all forms.
fn told(row: &Row, is_first: bool) -> String {
    let memory = Memory::new(7);
    for segment in (row.make)(is_first) {
        let (name, bytes) = segment.into_file();
        memory.put(&name, bytes);
    }
    let seen = look_once(&memory, ReadMode::Salvage);
    let is_there = |records: &Vec<(u8, Vec<u8>)>| records.iter().any(|(kind, _)| *kind == row.kind);
    assert!(seen.records.values().any(is_there), "kind {}", row.kind);
    let undecodable = seen.text.contains("undecodable");
    assert!(!undecodable, "kind {}: {}", row.kind, seen.text);
    seen.text
}

#[test]
fn every_record_of_the_library_changes_what_is_told() {
    let own = (0..=127).filter(|kind| RecordKind::new(*kind).system_name().is_some());
    let known: BTreeSet<u8> = own.chain([10, 31]).collect();
    let rows: BTreeSet<u8> = ROWS.iter().map(|row| row.kind).collect();
    assert_eq!(rows, known, "kinds without a row, or rows without a kind");
    for row in ROWS {
        assert_eq!(told(row, true), told(row, true), "kind {}", row.kind);
        assert_ne!(told(row, true), told(row, false), "kind {}", row.kind);
    }
}

#[test]
fn a_record_that_nobody_reads_changes_nothing() {
    assert_eq!(told(&UNKNOWN, true), told(&UNKNOWN, false));
}
