//! A process that meets limits of the system at one moment of a journal's life;
//! `tests/limit_matrix.rs` starts it.
//!
//! Arguments: the journal's directory, the write mode, the moment, the limits. It ends with 0 if
//! the journal did what it promises, with 77 and a reason if it cannot meet that limit here.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use journal_tests::compare::compare;
use journal_tests::reference_reader::ReferenceJournal;
use rustix::mm::{MlockAllFlags, mlockall, munlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use trace_journal::{Error, Journal, JournalOptions, Loss, Seq, UserKind, WriteMode};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, mode, moment, limits @ ..] = args.as_slice() else {
        panic!("directory, mode, moment and limits are wanted, not {args:?}");
    };
    assert!(
        !is_ignored(SIGXFSZ) && !is_ignored(SIGBUS),
        "no default dispositions"
    );
    if moment == "control" {
        return go_beyond(Path::new(dir));
    }
    let mode = match mode.as_str() {
        "mapped" => WriteMode::Mapped,
        _ => WriteMode::Positioned,
    };
    let mut scene = Scene {
        dir: PathBuf::from(dir),
        mode,
        limits: limits.iter().map(|name| Limit::named(name)).collect(),
        told: Vec::new(),
        refused: 0,
    };
    if let Some(why) = scene.lacks() {
        say(why);
        return ExitCode::from(77);
    }
    scene.lift();
    match moment.as_str() {
        "open" => scene.open(),
        "append" => scene.append(),
        "rotate" => scene.rotate(),
        "close" => scene.close(),
        other => panic!("no such moment: {other}"),
    }
    say(&format!(
        "{} told, {} refused",
        scene.told.len(),
        scene.refused
    ));
    ExitCode::SUCCESS
}

fn say(words: &str) {
    // The test that started this hears it, or has ended.
    let _ = writeln!(std::io::stdout(), "{words}");
}

/// The control: a process that writes beyond the limit is ended by the signal.
fn go_beyond(dir: &Path) -> ExitCode {
    set(Resource::Fsize, Some(1000));
    let written = fs::write(dir.join("file"), vec![1; 2000]);
    say(&format!("{written:?}, and still alive"));
    ExitCode::FAILURE
}

struct Scene {
    dir: PathBuf,
    mode: WriteMode,
    limits: Vec<Limit>,
    told: Vec<Seq>,
    refused: u64,
}

impl Scene {
    fn options(&self) -> JournalOptions {
        Journal::options().write_mode(self.mode)
    }

    fn lacks(&self) -> Option<&'static str> {
        self.limits.iter().find_map(Limit::lacks)
    }

    /// What is in use is looked up before the first limit: the look itself needs a descriptor.
    fn impose(&self) {
        let used = Used::now();
        self.limits.iter().for_each(|limit| limit.impose(&used));
    }

    fn lift(&self) {
        self.limits.iter().for_each(Limit::lift);
    }

    /// Openings fail typed and leave nothing behind, or work.
    fn open(&mut self) {
        fs::create_dir_all(&self.dir).expect("a directory");
        self.impose();
        for _ in 0..20 {
            let opened = self.options().open(&self.dir);
            let code = opened.as_ref().err().map(Error::code);
            assert!(
                matches!(code, None | Some("io" | "disk-full" | "file-size-limit")),
                "{code:?}"
            );
            if let Ok(journal) = opened {
                self.lift();
                journal.close().expect("a journal to close");
                self.impose();
            }
        }
        self.lift();
        let listed = fs::read_dir(&self.dir).expect("a directory");
        let names = listed.map(|found| found.expect("an entry").file_name());
        let names: Vec<String> = names.map(|n| n.to_string_lossy().into_owned()).collect();
        let is_of_run = |name: &&String| name.contains(".run") || name.ends_with(".poisoned");
        assert_eq!(names.iter().find(is_of_run), None, "{names:?}");
        let segments = names.iter().filter(|name| name.ends_with(".seg"));
        let closed = ReferenceJournal::read(&self.dir).runs.len();
        assert_eq!(segments.count(), closed, "{names:?}");
        let journal = self.options().open(&self.dir).expect("a journal to open");
        assert_eq!(
            journal.recovery().runs().len(),
            0,
            "an opening left a dead run"
        );
        self.go_on(&journal);
        journal.close().expect("a journal to close");
        self.check();
    }

    /// In the middle of a segment.
    fn append(&mut self) {
        let journal = self.options().open(&self.dir).expect("a journal to open");
        self.put(&journal, 20, 100);
        self.impose();
        self.put(&journal, 100, 100);
        let _ = journal.sync();
        self.put(&journal, 100, 100);
        self.lift();
        self.go_on(&journal);
        journal.close().expect("a journal to close");
        self.check();
    }

    /// Over many segments, and such that are too large to be mapped.
    fn rotate(&mut self) {
        let journal = self.options().open(&self.dir).expect("a journal to open");
        self.put(&journal, 20, 100);
        self.impose();
        for _ in 0..8 {
            self.put(&journal, 40, 50_000);
            let _ = journal.sync();
        }
        self.lift();
        self.go_on(&journal);
        journal.close().expect("a journal to close");
        self.check();
    }

    /// The end of the run cannot be put on record, or it can.
    fn close(&mut self) {
        let journal = self.options().open(&self.dir).expect("a journal to open");
        self.put(&journal, 100, 1000);
        journal.sync().expect("a sync");
        self.impose();
        let closed = journal.close();
        let code = closed.as_ref().err().map(Error::code);
        assert!(
            matches!(code, None | Some("io" | "disk-full" | "file-size-limit")),
            "{code:?}"
        );
        self.lift();
        drop(journal);
        let journal = self.options().open(&self.dir).expect("a journal to open");
        let recovered = journal.recovery().runs().len();
        // That its owner let go of it could perhaps not be written either; then it is left alone as
        // long as this process lives.
        assert!(recovered <= usize::from(closed.is_err()));
        journal.close().expect("a journal to close");
        self.check();
    }

    fn put(&mut self, journal: &Journal, count: usize, len: usize) {
        let kind = UserKind::new(200).expect("a caller's kind");
        for _ in 0..count {
            match journal.append_raw(kind, vec![7; len]) {
                Ok(seq) => self.told.push(seq),
                Err(error) => {
                    let code = error.code();
                    assert!(
                        matches!(code, "io" | "disk-full" | "file-size-limit"),
                        "{error}"
                    );
                    self.refused += 1;
                }
            }
        }
    }

    /// Without limits records are taken again, if not at once.
    fn go_on(&mut self, journal: &Journal) {
        let refused = self.refused;
        loop {
            let before = self.told.len();
            self.put(journal, 1, 1000);
            if self.told.len() > before {
                break;
            }
            assert!(self.refused < refused + 100_000_000, "never again");
            std::thread::yield_now();
        }
        let before = self.refused;
        self.put(journal, 20, 50_000);
        assert_eq!(self.refused, before);
        journal.sync().expect("a sync");
    }

    /// Every record is there that was acknowledged, and none that was refused.
    fn check(&self) {
        let plain = ReferenceJournal::read(&self.dir);
        let report = compare(&self.dir, &plain).expect("both readers agree");
        assert_eq!(report.counts.lost_durable, 0, "{report:?}");
        let says_nothing = matches!(report.loss, Loss::None | Loss::Tail);
        assert!(says_nothing, "{report:?}");
        let records = plain.runs.values().flatten();
        let own = records.filter(|(_, record)| record.kind >= 128);
        let own: Vec<u64> = own.map(|(seq, _)| *seq).collect();
        let told: Vec<u64> = self.told.iter().map(|seq| seq.get()).collect();
        assert_eq!(own, told);
    }
}

/// What the process uses of what is limited.
struct Used {
    files: u64,
    /// Bytes of address space.
    space: u64,
}

impl Used {
    fn now() -> Used {
        Used {
            files: count("/proc/self/fd"),
            space: mapped(),
        }
    }
}

enum Limit {
    Files,
    Space,
    FileSize(u64),
    Locked,
    Threads,
}

impl Limit {
    fn named(name: &str) -> Limit {
        match name {
            "nofile" => Limit::Files,
            "as" => Limit::Space,
            "fsize-0" => Limit::FileSize(0),
            "fsize-20000" => Limit::FileSize(20_000),
            "fsize-300000" => Limit::FileSize(300_000),
            "memlock" => Limit::Locked,
            "nproc" => Limit::Threads,
            other => panic!("no such limit: {other}"),
        }
    }

    /// Why it cannot be met here.
    fn lacks(&self) -> Option<&'static str> {
        let is_root = rustix::process::getuid().is_root();
        match self {
            Limit::Locked | Limit::Threads if is_root => Some("limits nobody but others than root"),
            Limit::Locked => {
                let hard = getrlimit(Resource::Memlock).maximum;
                let is_low = hard.is_some_and(|hard| hard < (1 << 30));
                is_low.then_some("too little memory may be locked")
            }
            _ => None,
        }
    }

    fn impose(&self, used: &Used) {
        match self {
            Limit::Files => set(Resource::Nofile, Some(used.files)),
            Limit::Space => set(Resource::As, Some(used.space + SPARE)),
            Limit::FileSize(len) => set(Resource::Fsize, Some(*len)),
            Limit::Locked => {
                set(Resource::Memlock, Some(used.space + SPARE));
                mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).expect("memory to lock");
            }
            Limit::Threads => set(Resource::Nproc, Some(1)),
        }
    }

    fn lift(&self) {
        match self {
            Limit::Files => lift(Resource::Nofile),
            Limit::Space => lift(Resource::As),
            Limit::FileSize(_) => set(Resource::Fsize, Some(LARGE)),
            Limit::Locked => {
                lift(Resource::Memlock);
                munlockall().expect("memory to unlock");
            }
            Limit::Threads => lift(Resource::Nproc),
        }
    }
}

fn set(resource: Resource, current: Option<u64>) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current, maximum }).expect("a limit to set");
}

fn lift(resource: Resource) {
    set(resource, getrlimit(resource).maximum);
}

fn count(dir: &str) -> u64 {
    let entries = fs::read_dir(dir).expect("a directory").count();
    // One of them is that directory.
    u64::try_from(entries - 1).expect("a small number")
}

/// Bytes of address space in use.
fn mapped() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    size.expect("a size") << 10
}

fn is_ignored(signal: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = line.and_then(|line| u64::from_str_radix(line.trim(), 16).ok());
    mask.expect("a mask") & (1 << (signal - 1)) != 0
}

/// No limit on file size that anything reaches. Where there is none at all, one that is new counts
/// from the next sync or segment on.
const LARGE: u64 = 1 << 40;

/// Enough for what is allocated meanwhile, and not for the larger segments.
const SPARE: u64 = 3 << 20;

const SIGBUS: u32 = 7;
const SIGXFSZ: u32 = 25;
