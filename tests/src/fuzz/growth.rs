//! Directories of which one part is repeated very often: work that grows faster than its input
//! does not end here.

use std::io;

use trace_journal::export::{self, TraceFileOptions};
use trace_journal::format::RecordKind;
use trace_journal::format::SegmentNumber;
use trace_journal::{ReadMode, Reader, RunId};

use super::craft::{CLOCKS, Segment, run};
use super::memory::Memory;
use super::varint::varint;

/// A directory that is made as large as one likes.
#[derive(Clone, Copy, Debug)]
pub struct Growing {
    /// What there is so much of.
    pub name: &'static str,
    make: fn(u32) -> Memory,
    /// How many of it make a quadratic step take minutes.
    count: u32,
}

impl Growing {
    /// Reads the directory in all modes, within the limits on reading; gives its size.
    ///
    /// # Panics
    /// If it takes more reading than the size explains.
    pub fn read(&self) -> u64 {
        let memory = (self.make)(self.count);
        // An empty file has a name at least.
        let size = memory.size() + 64 * u64::from(self.count);
        for mode in [ReadMode::Salvage, ReadMode::Prefix] {
            memory.let_read(READ_FACTOR * size + READ_FREE);
            read_all(&memory, mode);
        }
        size
    }
}

/// Reads all there is and keeps none of it.
fn read_all(memory: &Memory, mode: ReadMode) {
    let reader = Reader::of_storage(memory.storage(), mode).expect("a journal");
    for item in reader.records() {
        let _ = item.expect("memory can be read");
    }
    for snapshot in reader.sessions() {
        let snapshot = snapshot.expect("memory can be read");
        export::json(&snapshot, &mut io::sink()).expect("nothing is kept");
        let options = TraceFileOptions::default();
        export::trace_file(&snapshot, &mut io::sink(), &options).expect("nothing is kept");
    }
    serde_json::to_writer(io::sink(), &reader.report()).expect("nothing is kept");
}

/// Bytes that may be read for each byte there is, and however little there is: a session of one
/// record is read with what is around it.
const READ_FACTOR: u64 = 128;
const READ_FREE: u64 = 1 << 20;

/// All of them.
pub static GROWING: &[Growing] = &[
    Growing {
        name: "sessions between gaps",
        make: sessions_between_gaps,
        count: 10_000,
    },
    Growing {
        name: "indices of one session",
        make: indices_of_one_session,
        count: 50_000,
    },
    Growing {
        name: "ranges a later run found missing",
        make: ranges_found_missing,
        count: 50_000,
    },
    Growing {
        name: "ranges removed by retention",
        make: ranges_retired,
        count: 50_000,
    },
    Growing {
        name: "missing ranges met at every end",
        make: ranges_met_again,
        count: 400,
    },
    Growing {
        name: "starts and ends of one session",
        make: turns,
        count: 50_000,
    },
    Growing {
        name: "headers that lie about their length",
        make: lies,
        count: 20_000,
    },
    Growing {
        name: "garbage in a live run",
        make: live_garbage,
        count: 20_000,
    },
    Growing {
        name: "spans under a root with a long id",
        make: long_root,
        count: 20_000,
    },
    Growing {
        name: "sessions of a run with a long crash note",
        make: long_crash_note,
        count: 1_500,
    },
    Growing {
        name: "sessions of a run that saw many live",
        make: live_list,
        count: 10_000,
    },
    Growing {
        name: "empty segments behind gaps and sessions",
        make: empty_segments,
        count: 20_000,
    },
    Growing {
        name: "texts out of order",
        make: texts,
        count: 50_000,
    },
    Growing {
        name: "spans in a chain",
        make: chain,
        count: 50_000,
    },
];

/// A directory with one segment.
fn one(segment: Segment) -> Memory {
    let memory = Memory::new(7);
    put(&memory, segment);
    memory
}

fn put(memory: &Memory, segment: Segment) {
    let (name, bytes) = segment.into_file();
    memory.put(&name, bytes);
}

fn first(run: RunId) -> Segment {
    let mut segment = Segment::new(run, SegmentNumber::FIRST, 1);
    segment.start();
    segment
}

/// A record of a caller, and a place where the next one could be.
fn gap(segment: &mut Segment, session: u32) {
    segment.frame(RecordKind::new(128), session, b"");
    segment.skip();
}

fn text(text: &str) -> Vec<u8> {
    let len = u64::try_from(text.len()).expect("lengths fit");
    [varint(len), text.as_bytes().to_vec()].concat()
}

fn sessions_between_gaps(count: u32) -> Memory {
    let mut segment = first(run(0));
    (1..=count).for_each(|session| gap(&mut segment, session));
    one(segment)
}

fn indices_of_one_session(count: u32) -> Memory {
    let mut segment = first(run(0));
    for index in 1..=count {
        let payload = [varint(index.into()), text("s"), vec![0]].concat();
        segment.frame(RecordKind::new(7), 0, &payload);
        segment.frame(RecordKind::new(128), index, b"");
    }
    one(segment)
}

/// A run with gaps, and a later one.
fn gaps_and_later(count: u32) -> (Memory, Segment) {
    let mut segment = first(run(0));
    (0..count).for_each(|_| gap(&mut segment, 1));
    (one(segment), first(run(1)))
}

/// What a `RunRecovered` says of the first run: every other number is missing.
fn every_other(count: u32) -> Vec<u8> {
    let earlier = run(0);
    let mut payload = [
        varint(earlier.generation().into()),
        varint(earlier.random()),
        varint(1),
        varint(8192),
        varint(u64::from(count) * 2),
        varint(count.into()),
    ]
    .concat();
    for at in 1..=u64::from(count) {
        payload.extend([varint(at * 2), varint(at * 2)].concat());
    }
    payload.extend(CLOCKS);
    payload.push(0);
    payload
}

fn ranges_found_missing(count: u32) -> Memory {
    let (memory, mut later) = gaps_and_later(count);
    later.frame(RecordKind::new(6), 0, &every_other(count));
    put(&memory, later);
    memory
}

fn ranges_retired(count: u32) -> Memory {
    let (memory, mut later) = gaps_and_later(count);
    let earlier = run(0);
    for at in 1..=u64::from(count) {
        let payload = [
            varint(earlier.generation().into()),
            varint(earlier.random()),
            varint(at * 2),
            varint(at * 2),
            vec![0],
        ];
        later.frame(RecordKind::new(9), 0, &payload.concat());
    }
    put(&memory, later);
    memory
}

/// Every second segment claims to begin far behind all those ranges, the others before them.
fn ranges_met_again(count: u32) -> Memory {
    let memory = Memory::new(7);
    for number in 1..=count {
        let first_seq = if number % 2 == 0 { 1 << 40 } else { 1 };
        let mut segment = Segment::new(run(0), SegmentNumber::new(number), first_seq);
        segment.start();
        put(&memory, segment);
    }
    let mut later = first(run(1));
    later.frame(RecordKind::new(6), 0, &every_other(count * 100));
    put(&memory, later);
    memory
}

fn turns(count: u32) -> Memory {
    let mut segment = first(run(0));
    for _ in 0..count {
        let start = [&[2][..], &text("s"), &[0; 8]].concat();
        segment.frame(RecordKind::new(16), 1, &start);
        segment.frame(RecordKind::new(18), 1, &[0, 0, 0, 0]);
    }
    (0..count).for_each(|_| segment.frame(RecordKind::new(128), 1, b""));
    one(segment)
}

fn lies(count: u32) -> Memory {
    let mut segment = first(run(0));
    for _ in 0..count {
        segment.frame(RecordKind::new(128), 1, b"");
        segment.claim(1 << 30);
    }
    one(segment)
}

fn live_garbage(count: u32) -> Memory {
    let mut segment = first(run(0));
    for _ in 0..count {
        segment.frame(RecordKind::new(128), 1, b"");
        segment.put(b"garbage!");
    }
    let memory = one(segment);
    let name = trace_journal::format::FileName::Run(run(0)).to_string();
    memory.put(&name, Vec::new());
    memory.lock_for_ever(&name);
    memory
}

fn long_root(count: u32) -> Memory {
    let mut segment = first(run(0));
    let id = "r".repeat(usize::try_from(count).expect("it fits"));
    let start = [
        &[2][..],
        &text("s"),
        &[0, 0, 0, 1, 2],
        &text(&id),
        &[0, 0, 0, 0],
    ];
    segment.frame(RecordKind::new(16), 1, &start.concat());
    (0..count).for_each(|at| segment.frame(RecordKind::new(19), 1, &span(&at.to_string(), None)));
    one(segment)
}

/// The payload of a span's start.
fn span(id: &str, parent: Option<&str>) -> Vec<u8> {
    let parent = parent.map_or(vec![0], |parent| [&[1, 2][..], &text(parent)].concat());
    let begin = [&[2][..], &text(id), &parent, &text("k"), &text("n")].concat();
    // No time, trace, kind for others; no fields; no extras.
    [vec![0], begin, vec![0; 3], vec![0; 8], vec![0]].concat()
}

fn long_crash_note(count: u32) -> Memory {
    let mut segment = first(run(0));
    let reason = "r".repeat(usize::try_from(count).expect("it fits"));
    let note = [&[0, 1][..], &text(&reason), &[0, 0]].concat();
    (0..64).for_each(|_| segment.frame(RecordKind::new(10), 0, &note));
    (1..=count).for_each(|session| segment.frame(RecordKind::new(128), session, b""));
    one(segment)
}

fn live_list(count: u32) -> Memory {
    let mut segment = first(run(0));
    let live = [varint(1), varint(5)].concat();
    let open = [
        vec![1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        varint(count.into()),
        live.repeat(usize::try_from(count).expect("it fits")),
        vec![0, 0],
    ];
    segment.frame(RecordKind::new(4), 0, &open.concat());
    (1..=count).for_each(|session| segment.frame(RecordKind::new(128), session, b""));
    one(segment)
}

fn empty_segments(count: u32) -> Memory {
    let memory = sessions_between_gaps(count);
    for number in 2..=count {
        let name = trace_journal::format::FileName::Segment(run(0), SegmentNumber::new(number));
        memory.put(&name.to_string(), Vec::new());
    }
    memory
}

fn texts(count: u32) -> Memory {
    let mut segment = first(run(0));
    for at in (1..=u64::from(count)).rev() {
        let payload = [
            vec![0, 2],
            text("s"),
            text("output"),
            vec![1],
            varint(at * 2),
            text("x"),
            vec![0],
        ];
        segment.frame(RecordKind::new(23), 1, &payload.concat());
    }
    one(segment)
}

fn chain(count: u32) -> Memory {
    let mut segment = first(run(0));
    for at in 0..count {
        // The last one closes the circle.
        let parent = ((at + 1) % count).to_string();
        segment.frame(
            RecordKind::new(19),
            1,
            &span(&at.to_string(), Some(&parent)),
        );
    }
    one(segment)
}
