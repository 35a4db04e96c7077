//! Promises: damage, killed.
//!
//! A closed run whose files lost bytes or names at the end is never told as whole, and what was
//! durable in them is missed by its number. A killed run that lost nothing is told as that.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use journal_tests::compare::one_story;
use journal_tests::harm::Harm;
use journal_tests::random::{Random, from_env};
use journal_tests::reference_reader::ReferenceJournal;
use journal_tests::rigs::{self, Budget};
use journal_tests::simdisk::{Image, Process, SimDisk};
use journal_tests::workload::kind;
use trace_journal::format::FileName;
use trace_journal::storage::Storage;
use trace_journal::{Item, Journal, Loss, ReadMode, Reader, RunId, WriteMode};

type Files = BTreeMap<String, Image>;

/// The files of a run of so many records; closed, or killed when all of them were durable.
fn run_of(records: usize, is_closed: bool) -> Files {
    disk_of(records, is_closed).images()
}

fn disk_of(records: usize, is_closed: bool) -> SimDisk {
    let disk = SimDisk::new(Random::new(1));
    let process = Process::start(&disk);
    let options = Journal::options().stepped().segment_bytes_max(16 << 10);
    let journal = options
        .storage(Arc::new(process.clone()))
        .open("journal")
        .unwrap();
    let kind = kind();
    for _ in 0..records {
        journal.append_raw(kind, [7; 1000]).unwrap();
    }
    journal.sync().unwrap();
    match is_closed {
        true => journal.close().unwrap(),
        false => process.kill(),
    }
    disk.after_kill(Random::new(6))
}

fn segments(files: &Files) -> Vec<String> {
    let is_segment = |name: &&String| name.ends_with(".seg");
    files.keys().filter(is_segment).cloned().collect()
}

/// The run's one run, as it is read.
#[derive(Debug)]
struct Told {
    loss: Loss,
    given: BTreeSet<u64>,
    missing: BTreeSet<u64>,
    /// Some of the missing ones are not known to have been durable, or not how many there are.
    is_vague: bool,
}

fn told(disk: &SimDisk, run: RunId) -> Told {
    let reader = Reader::of_storage(Arc::new(Process::start(disk)), ReadMode::Salvage).unwrap();
    let report = reader.report();
    let mut told = Told {
        loss: report.loss,
        given: BTreeSet::new(),
        missing: BTreeSet::new(),
        is_vague: false,
    };
    for item in reader.records() {
        if let Item::Record(record) = item.unwrap()
            && record.run == run
        {
            told.given.insert(record.seq.get());
        }
    }
    let its = report.ranges.iter();
    for range in its.filter(|range| range.file.starts_with(&run.to_string())) {
        match (range.first_missing, range.last_missing) {
            (Some(first), Some(last)) if range.durable => {
                told.missing.extend(first.get()..=last.get());
            }
            (Some(_), _) => told.is_vague = true,
            (None, _) => {}
        }
    }
    told
}

fn run_in(files: &Files) -> RunId {
    let names = files.keys().filter_map(|name| FileName::parse(name));
    names.map(FileName::run).next().unwrap()
}

/// Checks that a loss is told, before and after the journal is opened again; with caches, to the
/// number.
fn check(sound: &Files, lost: &Files, is_exact: bool, at: &str) {
    let disk = SimDisk::of(lost.clone(), Random::new(3));
    check_disk(sound, &disk, is_exact, at);
}

fn check_disk(sound: &Files, disk: &SimDisk, is_exact: bool, at: &str) {
    let run = run_in(sound);
    let all = told(&SimDisk::of(sound.clone(), Random::new(2)), run).given;
    for moment in ["before", "after opening"] {
        let told = told(disk, run);
        assert_eq!(told.loss, Loss::Damage, "{at}, {moment}: {told:?}");
        assert!(told.given.is_subset(&all), "{at}, {moment}: {told:?}");
        assert!(
            told.given.is_disjoint(&told.missing),
            "{at}, {moment}: {told:?}"
        );
        if is_exact {
            let known: BTreeSet<u64> = told.given.union(&told.missing).copied().collect();
            assert!(known == all && !told.is_vague, "{at}, {moment}: {told:?}");
        }
        let options = Journal::options().stepped();
        let next = options.storage(Arc::new(Process::start(disk)));
        next.open("journal").unwrap().close().unwrap();
    }
}

fn cut(files: &mut Files, name: &str, len: usize) {
    let bytes = files[name].bytes()[..len].to_vec();
    files.insert(name.to_owned(), Image::new(bytes));
}

/// Lengths at which the rules change, and some between them; zeros behind them cost nothing.
fn lengths(image: &Image) -> Vec<usize> {
    let bytes = image.bytes();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let fixed = [0, 1, 100, 4095, 4096, 5000, 8191, 8192, 8193, 9000];
    let places = fixed.into_iter().chain([end - 40, end - 8, end - 1]);
    places.filter(|place| *place < end).collect()
}

#[test]
fn a_closed_run_that_was_cut_at_its_end_is_damaged_to_the_number() {
    let mut cases = 0;
    let begun = Instant::now();
    for records in [3, 30, 200] {
        let sound = run_of(records, true);
        let last = segments(&sound).pop().unwrap();
        for len in lengths(&sound[&last]) {
            let mut lost = sound.clone();
            cut(&mut lost, &last, len);
            check(
                &sound,
                &lost,
                true,
                &format!("{records} records cut at {len}"),
            );
            cases += 1;
        }
        // The same length, but its end is zeros.
        for from in [0, 8192, 8300] {
            let mut bytes = sound[&last].bytes().to_vec();
            bytes[from..].fill(0);
            let mut lost = sound.clone();
            lost.insert(last.clone(), Image::new(bytes));
            check(
                &sound,
                &lost,
                true,
                &format!("{records} records, zeros from {from}"),
            );
            cases += 1;
        }
        let names = segments(&sound);
        for count in 1..=names.len() {
            let mut lost = sound.clone();
            lost.retain(|name, _| !names[names.len() - count..].contains(name));
            check(
                &sound,
                &lost,
                true,
                &format!("{records} records, {count} segments gone"),
            );
            cases += 1;
        }
    }
    rigs::counted("lost_end", cases, 1, begun.elapsed());
}

#[test]
fn without_caches_a_lost_end_is_damage_too() {
    for records in [30, 200] {
        let mut sound = run_of(records, true);
        sound.retain(|name, _| !name.ends_with(".idx"));
        let last = segments(&sound).pop().unwrap();
        for len in lengths(&sound[&last]) {
            let mut lost = sound.clone();
            cut(&mut lost, &last, len);
            check(
                &sound,
                &lost,
                false,
                &format!("{records} records cut at {len}"),
            );
        }
        let mut lost = sound.clone();
        lost.remove(&last);
        check(
            &sound,
            &lost,
            false,
            &format!("{records} records, the last segment gone"),
        );
    }
    // Of a run of one segment, an empty file is what an interrupted opening leaves too.
    let mut sound = run_of(3, true);
    sound.retain(|name, _| !name.ends_with(".idx"));
    let last = segments(&sound).pop().unwrap();
    for len in lengths(&sound[&last]).into_iter().filter(|len| *len > 0) {
        let mut lost = sound.clone();
        cut(&mut lost, &last, len);
        check(&sound, &lost, false, &format!("one segment cut at {len}"));
    }
}

#[test]
fn a_live_segment_that_was_cut_before_its_process_died_is_damage() {
    for records in [3, 30] {
        let dead = disk_of(records, false);
        let sound = dead.images();
        let last = segments(&sound).into_iter().rfind(|name| {
            let bytes = sound[name].bytes();
            bytes[8192..].iter().any(|byte| *byte != 0)
        });
        let last = last.unwrap();
        for len in lengths(&sound[&last]) {
            // These very files, which nobody has copied.
            let disk = dead.after_kill(Random::new(7));
            let file = Process::start(&disk).open(&last).unwrap();
            file.set_len(u64::try_from(len).unwrap()).unwrap();
            let at = format!("{records} records cut at {len}");
            check_disk(&sound, &disk, false, &at);
        }
    }
}

/// A killed process, what it was told is durable at last, and the disk it left: first one record
/// that is waited for, then so many at once, time and again.
fn killed_after(groups: &[usize], mode: WriteMode) -> (RunId, u64, SimDisk) {
    let disk = SimDisk::new(Random::new(1));
    let process = Process::start(&disk);
    let options = Journal::options().stepped().segment_bytes_max(16 << 10);
    let storage = Arc::new(process.clone());
    let journal = options.write_mode(mode).storage(storage).open("journal");
    let journal = journal.unwrap();
    let mut acknowledged = 0;
    for count in groups {
        let append = |at| journal.append_raw(kind(), vec![7; 300 + at]).unwrap();
        let seqs: Vec<_> = (0..*count).map(append).collect();
        let last = *seqs.last().unwrap();
        journal.wait_durable(last).unwrap();
        acknowledged = last.get();
    }
    let run = journal.info().run.unwrap().run;
    process.kill();
    (run, acknowledged, disk.after_kill(Random::new(6)))
}

#[test]
fn what_a_killed_process_was_told_is_durable_is_missed_however_it_is_damaged() {
    for mode in [WriteMode::Mapped, WriteMode::Positioned] {
        for groups in [&[1, 8][..], &[3], &[1; 9], &[1, 30, 30, 30, 2]] {
            let (run, acknowledged, dead) = killed_after(groups, mode);
            let plain = ReferenceJournal::of(
                (dead.segments().into_iter())
                    .map(|(segment, image)| (segment, image.bytes().to_vec()))
                    .collect(),
            );
            let records = plain.run(run).into_iter();
            let mut records: Vec<_> = records.filter(|(seq, _)| *seq <= acknowledged).collect();
            // Those that a mark tells of are the same as each other.
            records.drain(..records.len().saturating_sub(12));
            for (seq, record) in records {
                for harm in Harm::ALL {
                    let disk = dead.after_kill(Random::new(7));
                    let name = FileName::Segment(run, record.segment).to_string();
                    let mut bytes = disk.images()[&name].bytes().to_vec();
                    let place = harm.befall(record, &mut bytes);
                    let file = Process::start(&disk).open(&name).unwrap();
                    let from = u64::try_from(place.start).unwrap();
                    file.write_at(&bytes[place], from).unwrap();
                    let at = format!("{mode:?}, {groups:?}: {harm:?} of {seq}");
                    for moment in ["before", "after opening"] {
                        let told = told(&disk, run);
                        assert_eq!(told.loss, Loss::Damage, "{at}, {moment}: {told:?}");
                        assert!(told.missing.contains(&seq), "{at}, {moment}: {told:?}");
                        let options = Journal::options().stepped();
                        let next = options.storage(Arc::new(Process::start(&disk)));
                        next.open("journal").unwrap().close().unwrap();
                    }
                }
            }
        }
    }
}

#[test]
fn a_run_that_lost_nothing_is_told_as_whole() {
    for records in [0, 3, 30, 200] {
        for is_closed in [false, true] {
            let sound = run_of(records, is_closed);
            let disk = SimDisk::of(sound.clone(), Random::new(4));
            let told = told(&disk, run_in(&sound));
            assert_eq!(told.loss, Loss::None, "{records} {is_closed}: {told:?}");
        }
    }
}

#[test]
fn random_losses_of_a_closed_run_are_all_told() {
    let seed = from_env("JOURNAL_LOST_END_SEED", 1);
    let mut random = Random::new(seed);
    let budget = Budget::new("lost_end_random", Duration::from_secs(6), 50);
    let sounds = [3, 30, 90].map(|records| run_of(records, true));
    let mut cases = 0;
    while cases < 400 && !budget.is_over() {
        let sound = random.pick(&sounds).unwrap();
        let mut lost = sound.clone();
        let mut done = Vec::new();
        for _ in 0..random.within(1, 3) {
            let names = segments(&lost);
            let Some(name) = random.pick(&names).cloned() else {
                break;
            };
            let len = u64::try_from(lost[&name].len()).unwrap();
            if len == 0 || random.once_in(3) {
                lost.remove(&name);
                done.push(format!("{name} gone"));
            } else {
                let kept = lost[&name].bytes().iter().rposition(|byte| *byte != 0);
                let len = u64::try_from(kept.unwrap_or(0) + 1).unwrap();
                let to = usize::try_from(random.below(len)).unwrap();
                cut(&mut lost, &name, to);
                done.push(format!("{name} cut at {to}"));
            }
        }
        check(
            sound,
            &lost,
            true,
            &format!("seed {seed}, case {cases}: {done:?}"),
        );
        cases += 1;
    }
    budget.done(cases, seed);
}

/// What was lost, as the report and steps through all records say.
fn loss(disk: &SimDisk) -> Loss {
    let storage = Arc::new(Process::start(disk));
    let reader = Reader::of_storage(storage, ReadMode::Salvage).unwrap();
    let items: Vec<Item> = reader.records().map(Result::unwrap).collect();
    let report = reader.report();
    one_story(&items, &report).unwrap();
    report.loss
}

/// Disks on which a process was killed at each store of an append, when another append behind it
/// was over, or not.
fn killed_inside(is_followed: bool) -> Vec<SimDisk> {
    let mut killed = Vec::new();
    for stores in 0..8 {
        let disk = SimDisk::new(Random::new(1));
        let process = Process::start(&disk);
        let options = Journal::options().stepped().write_mode(WriteMode::Mapped);
        let journal = options.storage(Arc::new(process.clone())).open("journal");
        let journal = journal.unwrap();
        let kind = kind();
        for _ in 0..3 {
            journal.append_raw(kind, [7; 1000]).unwrap();
        }
        let found = Arc::new(Mutex::new(None));
        let (other, place) = (journal.clone(), Arc::clone(&found));
        process.mid_store(stores, move || {
            if is_followed {
                other.append_raw(kind, [8; 1000]).unwrap();
            }
            *place.lock().unwrap() = Some(disk.after_kill(Random::new(5)));
        });
        process.forgive();
        journal.append_raw(kind, [9; 1000]).unwrap();
        let _ = process.was_mid_store();
        killed.extend(found.lock().unwrap().take());
    }
    killed
}

#[test]
fn a_kill_inside_an_append_reads_as_nothing_lost_for_ever_after() {
    for is_followed in [false, true] {
        let mut tails = [0, 0];
        for disk in killed_inside(is_followed) {
            let first = loss(&disk);
            tails[0] += u64::from(first == Loss::Tail);
            // The same bytes in other files may be what power loss left.
            let copy = SimDisk::of(disk.images(), Random::new(2));
            tails[1] += u64::from(loss(&copy) == Loss::Tail);
            let options = Journal::options().stepped();
            let next = options.storage(Arc::new(Process::start(&disk)));
            next.open("journal").unwrap().close().unwrap();
            assert_eq!(loss(&disk), first);
            let later = SimDisk::of(disk.images(), Random::new(3));
            assert_eq!(loss(&later), first);
        }
        // Room that was taken and not begun is zeros, as after power loss, if anything follows.
        assert_eq!(tails[0], u64::from(is_followed), "{tails:?}");
        assert!(tails[1] > 2, "{tails:?}");
    }
}
