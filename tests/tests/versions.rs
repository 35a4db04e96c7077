//! Promises: hands-off, damage, many-processes.
//!
//! Runs that a later version of the library wrote, around runs of this one: they are there, nothing
//! of them is judged, claimed or removed, and everything else is whole.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;

use journal_tests::newer::{self, Masks};
use journal_tests::random::Random;
use journal_tests::rigs;
use journal_tests::simdisk::{Image, Process, SimDisk};
use journal_tests::workload::kind;
use trace_journal::format::{Features, FileName, HEADER_PAGE_LEN, SegmentHeader, VERSION};
use trace_journal::report::{Outcome, RunState, SegmentState};
use trace_journal::{Error, Item, Journal, Loss, Map, ReadMode, Reader, Report, RunId, Value};

type Files = BTreeMap<String, Image>;

/// How a run was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Killed,
}

/// What makes a run one of a newer version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Newer {
    /// The header pages of all segments.
    All,
    /// Those of one segment in the middle.
    Middle,
    /// One page of the first segment.
    FirstPage,
    SecondPage,
    /// The last segment is a file of a kind that is not known.
    OtherKind,
}

const NEWER: [Newer; 5] = [
    Newer::All,
    Newer::Middle,
    Newer::FirstPage,
    Newer::SecondPage,
    Newer::OtherKind,
];

/// Adds a run of several segments with caches.
fn add_run(disk: &SimDisk, end: End) {
    let process = Process::start(disk);
    let options = Journal::options().stepped().segment_bytes_max(16 << 10);
    let journal = options
        .storage(Arc::new(process.clone()))
        .open("journal")
        .unwrap();
    let kind = kind();
    for _ in 0..30 {
        journal.append_raw(kind, [7; 1000]).unwrap();
    }
    journal.sync().unwrap();
    match end {
        End::Closed => journal.close().unwrap(),
        End::Killed => process.kill(),
    }
}

/// The files of a journal of runs that ended so, and the runs.
fn journal(ends: &[End]) -> (Files, Vec<RunId>) {
    let disk = SimDisk::new(Random::new(1));
    let mut files = Files::new();
    for end in ends {
        add_run(&disk, *end);
        let names = disk.images();
        // Whoever opens it next must not tidy up behind the killed ones yet.
        for (name, image) in names {
            files.entry(name).or_insert(image);
        }
    }
    let runs = files.keys().filter_map(|name| match FileName::parse(name) {
        Some(FileName::Segment(run, _)) => Some(run),
        _ => None,
    });
    let mut runs: Vec<RunId> = runs.collect();
    runs.dedup();
    assert_eq!(runs.len(), ends.len());
    (files, runs)
}

/// Makes a run one of a newer version.
fn make_newer(files: &mut Files, run: RunId, version: u32, how: Newer) {
    give(files, run, (version, [0; 3]), how);
}

/// Gives the headers of a run this version and these bits of features.
fn give(files: &mut Files, run: RunId, (version, masks): (u32, Masks), how: Newer) {
    let is_segment = |name: &&String| match FileName::parse(name) {
        Some(FileName::Segment(of, _)) => of == run,
        _ => false,
    };
    let names: Vec<String> = files.keys().filter(is_segment).cloned().collect();
    assert!(names.len() > 2, "{names:?}");
    for (at, name) in names.iter().enumerate() {
        let mut bytes = files[name].bytes().to_vec();
        let pages: &[usize] = match how {
            Newer::All => &[0, 1],
            Newer::Middle if at == 1 => &[0, 1],
            Newer::FirstPage if at == 0 => &[0],
            Newer::SecondPage if at == 0 => &[1],
            _ => &[],
        };
        for page in pages {
            let from = page * HEADER_PAGE_LEN;
            let new = newer::page(version, masks, &bytes[from..from + HEADER_PAGE_LEN]);
            bytes[from..from + HEADER_PAGE_LEN].copy_from_slice(&new);
        }
        let mut name = name.clone();
        if how == Newer::OtherKind && at + 1 == names.len() {
            files.remove(&name);
            name = name.replace(".seg", ".segz");
            bytes.truncate(2 * HEADER_PAGE_LEN);
            bytes.extend([0x5a; 1000]);
        }
        files.insert(name, Image::new(bytes));
    }
}

fn read(disk: &SimDisk) -> (Report, BTreeMap<RunId, u64>) {
    let reader = Reader::of_storage(Arc::new(Process::start(disk)), ReadMode::Salvage).unwrap();
    let mut counts = BTreeMap::new();
    for item in reader.records() {
        match item.unwrap() {
            Item::Record(record) => *counts.entry(record.run).or_default() += 1,
            Item::Gap(gap) => panic!("{gap:?}"),
        }
    }
    (reader.report(), counts)
}

fn files_of(files: &Files, run: RunId) -> Files {
    let is_its = |name: &String| name.starts_with(&run.to_string());
    let own = files.iter().filter(|(name, _)| is_its(name));
    own.map(|(name, image)| (name.clone(), image.clone()))
        .collect()
}

/// Checks what is said of a run of a newer version, and that nothing else is changed by it.
fn check(files: &Files, newer: RunId, whole: &BTreeMap<RunId, u64>, at: &str) {
    let disk = SimDisk::of(files.clone(), Random::new(2));
    let (report, counts) = read(&disk);
    assert_eq!(report.loss, Loss::None, "{at}: {:?}", report.ranges);
    assert!(report.ranges.is_empty(), "{at}: {:?}", report.ranges);
    assert_eq!(&counts, whole, "{at}");
    let run = report.runs.iter().find(|run| run.run == newer).unwrap();
    assert_eq!(run.state, RunState::Unsupported, "{at}");
    for segment in &report.segments {
        let is_its = segment.file.starts_with(&newer.to_string());
        let is_unsupported = segment.state == SegmentState::Unsupported;
        assert_eq!(is_its, is_unsupported, "{at}: {segment:?}");
    }
    assert_eq!(
        report.outcome == Outcome::Unreadable,
        whole.is_empty(),
        "{at}"
    );
    // Opening the journal recovers what it knows and leaves that run alone.
    let before = files_of(&disk.images(), newer);
    for opening in 0..2 {
        add_run(&disk, End::Closed);
        let after = disk.images();
        assert_eq!(files_of(&after, newer), before, "{at}, opening {opening}");
        let (report, counts) = read(&disk);
        assert_eq!(report.loss, Loss::None, "{at}: {:?}", report.ranges);
        for (run, count) in whole {
            assert_eq!(counts[run], *count, "{at}: {run}");
        }
        let newest = report.runs.last().unwrap().run;
        assert!(newest.generation() > newer.generation(), "{at}: {newest}");
    }
    let (report, _) = read(&disk);
    let is_recovered = |record: &str| record.contains(&newer.to_string());
    assert!(!is_recovered(&format!("{:?}", report.ranges)), "{at}");
}

#[test]
fn runs_of_a_newer_version_are_left_alone_wherever_they_are() {
    let mut cases = 0;
    let begun = std::time::Instant::now();
    for ends in [[End::Closed; 3], [End::Killed; 3]] {
        let (files, runs) = journal(&ends);
        let (_, counts) = read(&SimDisk::of(files.clone(), Random::new(3)));
        for (newer, how) in runs.iter().flat_map(|run| NEWER.map(|how| (*run, how))) {
            for version in [0, 2, u32::MAX] {
                let mut files = files.clone();
                make_newer(&mut files, newer, version, how);
                let mut whole = counts.clone();
                whole.remove(&newer);
                check(
                    &files,
                    newer,
                    &whole,
                    &format!("{ends:?} {newer} {how:?} {version}"),
                );
                cases += 1;
            }
        }
    }
    rigs::counted("versions", cases, 1, begun.elapsed());
    assert_eq!(cases, 2 * 3 * 5 * 3);
}

#[test]
fn runs_with_features_that_are_not_known_are_left_alone_as_far_as_these_say() {
    for ends in [[End::Closed; 3], [End::Killed; 3]] {
        let (files, runs) = journal(&ends);
        let (_, counts) = read(&SimDisk::of(files.clone(), Random::new(3)));
        for (run, how) in runs
            .iter()
            .flat_map(|run| NEWER[..4].iter().map(|how| (*run, *how)))
        {
            let at = format!("{ends:?} {run} {how:?}");
            let with = |masks| {
                let mut files = files.clone();
                give(&mut files, run, (VERSION, masks), how);
                files
            };
            let mut whole = counts.clone();
            whole.remove(&run);
            check(&with([1 << 31, 0, 0]), run, &whole, &at);
            // Pages that differ are damage.
            if matches!(how, Newer::FirstPage | Newer::SecondPage) {
                continue;
            }
            for masks in [[0, 1, 0], [0, 1 << 31, 5]] {
                check_hands_off(&with(masks), run, &counts, &at);
            }
            let names = |masks| {
                let disk = SimDisk::of(with(masks), Random::new(2));
                add_run(&disk, End::Closed);
                let names = disk.images().into_keys();
                names
                    .filter(|name| name.starts_with(&run.to_string()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(names([0, 0, 1 << 7]), names([0; 3]), "{at}");
        }
    }
}

/// Checks that a run is read as any, and that nothing is done about it.
fn check_hands_off(files: &Files, run: RunId, counts: &BTreeMap<RunId, u64>, at: &str) {
    let disk = SimDisk::of(files.clone(), Random::new(2));
    assert_eq!(&read(&disk).1, counts, "{at}");
    let before = files_of(files, run);
    for _ in 0..2 {
        add_run(&disk, End::Closed);
        assert_eq!(files_of(&disk.images(), run), before, "{at}");
        let (report, after) = read(&disk);
        assert_eq!(report.loss, Loss::None, "{at}: {:?}", report.ranges);
        assert_eq!(after[&run], counts[&run], "{at}");
    }
}

#[test]
fn a_journal_of_only_newer_runs_says_so_and_stays_as_it_is() {
    let (mut files, runs) = journal(&[End::Killed]);
    make_newer(&mut files, runs[0], 2, Newer::All);
    check(&files, runs[0], &BTreeMap::new(), "alone");
}

#[test]
fn names_without_an_intact_header_page_raise_no_generation() {
    let (mut files, runs) = journal(&[End::Closed]);
    let largest = "ffffffff-0123456789abcdef";
    for name in [
        "-000001.seg",
        "-000001.idx",
        ".run",
        ".run.tmp",
        ".poisoned",
    ] {
        let text: &[u8] = if name.ends_with("seg") {
            b""
        } else {
            b"some text"
        };
        files.insert(format!("{largest}{name}"), Image::new(text.to_vec()));
    }
    let disk = SimDisk::of(files.clone(), Random::new(4));
    add_run(&disk, End::Closed);
    let (report, _) = read(&disk);
    let generations: Vec<u32> = report.runs.iter().map(|run| run.generation).collect();
    let first = runs[0].generation();
    assert_eq!(generations, [first, first + 1, u32::MAX]);
    // One that is real is behind none, and opening goes on.
    let header = SegmentHeader {
        run: largest.parse().unwrap(),
        segment: trace_journal::format::SegmentNumber::new(1),
        file_len: 16 << 10,
        features: Features::default(),
    };
    let mut bytes = header.encode_page().repeat(2);
    bytes.resize(16 << 10, 0);
    files.insert(format!("{largest}-000001.seg"), Image::new(bytes));
    let disk = SimDisk::of(files, Random::new(5));
    for _ in 0..2 {
        add_run(&disk, End::Closed);
    }
    let (report, _) = read(&disk);
    let largest = report.runs.iter().filter(|run| run.generation == u32::MAX);
    assert_eq!(largest.count(), 3);
}

#[test]
fn what_a_program_says_of_itself_is_told_with_its_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut resource = Map::new();
    resource.insert("service", "checkout");
    resource.insert("shards", 7_i64);
    resource.insert("zones", Value::List(vec!["a".into(), true.into()]));
    let options = Journal::options()
        .program("shop", "1.2")
        .resource(resource.clone());
    let journal = options.open(dir.path()).unwrap();
    journal.session("s").start().end();
    journal.close().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let report = reader.report();
    let snapshot = reader.snapshot("s").unwrap();
    for origin in [&report.runs[0].origin, &snapshot.runs()[0].origin] {
        let origin = origin.as_ref().unwrap();
        assert_eq!(
            (&*origin.program, &*origin.program_version),
            ("shop", "1.2")
        );
        assert_eq!(origin.pid, std::process::id());
        assert_eq!(origin.resource(), resource);
    }
    let json = serde_json::to_value(&report.runs[0]).unwrap();
    assert_eq!(json["resource"]["zones"], serde_json::json!(["a", true]));
    assert_eq!(json["program"], "shop");
    // More than a run should have is refused.
    let mut large = Map::new();
    large.insert("large", "x".repeat(1 << 16));
    let refused = Journal::options().resource(large).open(dir.path());
    assert!(matches!(refused, Err(Error::InvalidOption { .. })));
}
