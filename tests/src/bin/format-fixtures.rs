//! Makes the journals that are kept for every later version to read: `format-fixtures DIR`.
//!
//! Those of a released version are never made again: each release that writes another format gets
//! a folder of its own.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use journal_tests::fixtures::{Files, told};
use journal_tests::random::Random;
use journal_tests::segment_editor::SegmentEditor;
use journal_tests::simdisk::{Process, SimDisk};
use journal_tests::workload::kind;
use trace_journal::event::Map;
use trace_journal::{Journal, JournalOptions, Level, SpanStatus};

type Made = Result<Files, Box<dyn Error>>;

/// A journal by its name, and what makes it.
type Fixture = (&'static str, fn() -> Made);

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("format-fixtures DIR")?;
    let all: [Fixture; 9] = [
        ("begun", begun),
        ("contested", contested),
        ("damaged", damaged),
        ("forged", forged),
        ("kinds", kinds),
        ("lost", lost),
        ("many-runs", many_runs),
        ("shared", shared),
        ("torn", torn),
    ];
    for (name, make) in all {
        let files = make()?;
        let dir = Path::new(&dir).join(name);
        fs::create_dir_all(dir.join("journal"))?;
        for (file, bytes) in &files {
            fs::write(dir.join("journal").join(file), bytes)?;
        }
        let told = serde_json::to_string_pretty(&told(&files))?;
        fs::write(dir.join("told.json"), told + "\n")?;
    }
    Ok(())
}

/// How a run ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Killed,
}

fn small() -> JournalOptions {
    let mut resource = Map::new();
    resource.insert("service", "fixtures");
    resource.insert("shards", 3_i64);
    let options = Journal::options().stepped().segment_bytes_max(16 << 10);
    options.program("format-fixtures", "1").resource(resource)
}

/// Adds a run with this work to a disk.
fn add_run(
    disk: &SimDisk,
    options: JournalOptions,
    end: End,
    work: impl FnOnce(&Journal) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let process = Process::start(disk);
    let journal = options.storage(Arc::new(process.clone())).open("journal")?;
    work(&journal)?;
    match end {
        End::Closed => journal.close()?,
        End::Killed => process.kill(),
    }
    Ok(())
}

fn files(disk: &SimDisk) -> Files {
    let images = disk.images().into_iter();
    images
        .map(|(name, image)| (name, image.bytes().to_vec()))
        .collect()
}

/// A session with a span, a text, a log and records of the caller's.
fn work(journal: &Journal, id: &str) -> Result<(), Box<dyn Error>> {
    let session = journal.session(id).name("the work").start();
    let span = session.span("a step").kind("tool").input("what").start();
    span.text("some ");
    span.text("text");
    span.end_with(SpanStatus::Ok, "done");
    session.log(Level::INFO, "a line of the log");
    for number in 0..4_u8 {
        session.append_raw(kind(), [number; 40])?;
    }
    session.end();
    Ok(())
}

/// A run of one segment that was killed, with its last records not synced.
fn killed() -> Result<(Files, String), Box<dyn Error>> {
    let disk = SimDisk::new(Random::new(1));
    add_run(&disk, small(), End::Killed, |journal| {
        work(journal, "first")?;
        journal.sync()?;
        work(journal, "second")
    })?;
    let files = files(&disk);
    let segment = files.keys().find(|name| name.ends_with(".seg"));
    let segment = segment.ok_or("a segment")?.clone();
    Ok((files, segment))
}

/// Changes the only segment of a killed run.
fn edited(edit: impl FnOnce(&mut SegmentEditor)) -> Made {
    let (mut files, name) = killed()?;
    let bytes = files.remove(&name).ok_or("a segment")?;
    let mut editor = SegmentEditor::new(&name, bytes);
    edit(&mut editor);
    files.insert(name, editor.into_bytes());
    Ok(files)
}

fn begun() -> Made {
    edited(|segment| segment.begin(200, 1, &[7; 100], 40))
}

fn torn() -> Made {
    edited(|segment| segment.zero_from_end(2))
}

/// A record full of frames that are valid where they are, and have numbers still to come; one bit
/// of it is wrong. Behind it are others.
fn forged() -> Made {
    edited(|segment| {
        let at = segment.append_with_forged(200, 1);
        segment.flip(at + 40);
        segment.append(200, 1, b"behind it");
    })
}

/// The same, but its header is gone, so that all of it is searched.
fn contested() -> Made {
    edited(|segment| {
        let at = segment.append_with_forged(200, 1);
        segment.overwrite(at, &[0x5a; 24]);
        segment.append(200, 1, b"behind it");
    })
}

/// Every kind there is, every form of a value, and what later versions may add.
fn kinds() -> Made {
    edited(|segment| {
        for line in include_str!("../../../journal/src/event/codec/golden.txt").lines() {
            if let Some((kind, payload)) = line.split_once(' ') {
                segment.append(kind.parse().unwrap_or(0), 1, &unhex(payload));
            }
        }
        for value in VALUES {
            segment.append(27, 1, &[&[0, 1, b'n'][..], value, &[0]].concat());
        }
        for kind in [
            11, 28, 29, 30, 95, 96, 97, 98, 99, 100, 119, 120, 127, 128, 255,
        ] {
            segment.append(kind, 1, &[kind; 10]);
        }
        segment.append_later(27, 1, b"of a later kind");
    })
}

/// Values by their bytes: each tag, and an elsewhere of a form that is not known.
const VALUES: [&[u8]; 14] = [
    &[0],
    &[1, 1],
    &[2, 3],
    &[3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
    &[4, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f],
    &[5, 2, b'h', b'i'],
    &[6, 3, 0, 1, 2],
    &[7, 2, 0, 1, 0],
    &[8, 1, 1, b'k', 5, 1, b'v'],
    &[9, 4, 77, 1, 5, 9],
    &[7, 4, 0, 9, 3, 77, 3, 5],
    &[10, 2, 1, 2],
    &[15, 0],
    &[7, 1, 8, 1, 1, b'k', 7, 1, 0],
];

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.trim().chars().collect();
    let bytes = digits.chunks(2).map(|pair| {
        let pair: String = pair.iter().collect();
        u8::from_str_radix(&pair, 16).unwrap_or(0)
    });
    bytes.collect()
}

/// Several segments of a closed run, with caches.
fn long_run() -> Made {
    let disk = SimDisk::new(Random::new(2));
    add_run(&disk, small(), End::Closed, |journal| {
        for number in 0..3 {
            work(journal, &format!("session {number}"))?;
            for _ in 0..4 {
                journal.append_raw(kind(), vec![number; 1900])?;
            }
            journal.sync()?;
        }
        Ok(())
    })?;
    Ok(files(&disk))
}

fn damaged() -> Made {
    let mut files = long_run()?;
    let (name, bytes) = files.pop_first().ok_or("a file")?;
    let (name, bytes) = match name.ends_with(".seg") {
        true => (name, bytes),
        false => files.pop_first().ok_or("a segment")?,
    };
    let mut editor = SegmentEditor::new(&name, bytes);
    editor.flip_in_frame(8);
    files.insert(name, editor.into_bytes());
    Ok(files)
}

fn lost() -> Made {
    let mut files = long_run()?;
    files.retain(|name, _| !name.contains("-000002."));
    Ok(files)
}

fn many_runs() -> Made {
    let disk = SimDisk::new(Random::new(3));
    for (end, number) in [
        End::Closed,
        End::Killed,
        End::Closed,
        End::Killed,
        End::Killed,
    ]
    .into_iter()
    .zip(1..)
    {
        add_run(&disk, small(), end, |journal| {
            work(journal, "in all runs")?;
            work(journal, &format!("of run {number}"))?;
            Ok(journal.sync().map(drop)?)
        })?;
    }
    Ok(files(&disk))
}

/// Values that were said before in the segment.
fn shared() -> Made {
    let disk = SimDisk::new(Random::new(4));
    let options = small().segment_bytes_max(64 << 10).share_values(true);
    add_run(&disk, options, End::Closed, |journal| {
        let session = journal.session("agent").start();
        let mut said = Vec::new();
        for number in 0..5 {
            let span = session.span("generation").kind("llm");
            said.push(format!("{number}: {}", "what was said ".repeat(30)));
            let list: Vec<&str> = said.iter().map(String::as_str).collect();
            span.input_from(&list).start().end(SpanStatus::Ok);
        }
        session.end();
        Ok(())
    })?;
    let made = files(&disk);
    let by_kind: BTreeMap<bool, usize> = made.keys().fold(BTreeMap::new(), |mut count, name| {
        *count.entry(name.ends_with(".seg")).or_default() += 1;
        count
    });
    match by_kind.get(&true) {
        Some(1) => Ok(made),
        _ => Err("one segment".into()),
    }
}
