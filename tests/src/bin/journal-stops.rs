//! A process whose file system stops while four threads append without a pause;
//! `tests/fs_stops.rs` starts it and stops the file system.
//!
//! Arguments: the journal's directory, the write mode. It says `ready` when it writes, and what
//! the threads were told in the end.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use trace_journal::storage::{DiskStorage, Storage};
use trace_journal::{Journal, Seq, UserKind, WriteMode};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, mode] = args.as_slice() else {
        panic!("directory and mode are wanted, not {args:?}");
    };
    match mode.as_str() {
        "control" => store_late(Path::new(dir)),
        "cut" => cut(Path::new(dir)),
        "mapped" => write(dir, WriteMode::Mapped),
        "positioned" => write(dir, WriteMode::Positioned),
        _ => write(dir, WriteMode::Auto),
    }
    ExitCode::SUCCESS
}

fn say(words: &str) {
    // The test that started this hears it, or has ended.
    let _ = writeln!(std::io::stdout(), "{words}");
}

fn write(dir: &str, mode: WriteMode) {
    let options = Journal::options().write_mode(mode);
    let options = options.sync_interval(Duration::from_millis(1));
    let journal = options.open(dir).expect("a journal");
    let kind = UserKind::new(200).expect("a caller's kind");
    let append = || {
        let mut appended = 0u64;
        loop {
            match journal.append_raw(kind, [7; 300]) {
                Ok(_) => appended += 1,
                Err(error) => return (appended, error.code()),
            }
        }
    };
    let told: Vec<(u64, &str)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(append)).collect();
        say("ready");
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.map(|told| told.expect("no panic")).collect()
    });
    let synced = journal.sync().err().map(|error| error.code());
    let run = journal.info().run.expect("a run");
    let appended: u64 = told.iter().map(|(appended, _)| appended).sum();
    // Whether a sync says that what was appended is durable, and whether anything still can be.
    let synced = if synced.is_none() {
        "synced"
    } else {
        "not-synced"
    };
    let poisoned = if run.poisoned.is_some() {
        "poisoned"
    } else {
        "alive"
    };
    let durable = journal.durable().map_or(0, Seq::get);
    say(&format!(
        "{synced} {poisoned} {appended} {durable} {told:?}"
    ));
}

/// Another program cuts the live segment, which is mapped: a store may end the process, which is
/// assumed not to happen, but no thread waits for ever.
fn cut(dir: &Path) {
    let options = Journal::options().write_mode(WriteMode::Mapped);
    let journal = options.open(dir).expect("a journal");
    let kind = UserKind::new(200).expect("a caller's kind");
    let append = || journal.append_raw(kind, [7; 300]);
    for _ in 0..10 {
        append().expect("a record");
    }
    journal.sync().expect("a sync");
    let entries = fs::read_dir(dir).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let segment = paths.filter(|p| p.extension().is_some_and(|end| end == "seg"));
    let segment = fs::File::options()
        .write(true)
        .open(segment.min().expect("a segment"));
    segment
        .and_then(|file| file.set_len(0))
        .expect("a file to cut");
    let _ = (0..200).find(|_| append().is_err());
    let synced = journal.sync().err().map(|error| error.code());
    assert_eq!(synced, Some("poisoned"));
}

/// The control: stores into a page that was never made writable, when the file system has stopped.
fn store_late(dir: &Path) {
    let storage = DiskStorage::create(dir).expect("a directory");
    let file = Storage::create(&storage, "file").expect("a file");
    file.allocate(1 << 20).expect("space");
    let region = file.map(1 << 20).expect("a mapping");
    say("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("a word");
    for page in 0..256 {
        region.commit(page * 4096, 7);
    }
    say("and still alive");
}
