//! Promises: damage, hostile, hands-off.
//!
//! Small journals, damaged in every way there is: every intact record comes back, every missing
//! number is named with its fate, and nothing is invented.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Instant;

use journal_tests::reference_reader::ReferenceJournal;
use journal_tests::rigs;
use journal_tests::workload::kind;
use tempfile::TempDir;
use trace_journal::format::{FRAMES_OFFSET, FileName};
use trace_journal::report::Fate;
use trace_journal::{Item, Journal, Loss, Reader, RunId, UserKind};

/// The segments of a journal, by file name.
type Files = BTreeMap<String, Vec<u8>>;

/// A journal and every record that was durable in it.
struct Sound {
    files: Files,
    records: BTreeMap<(RunId, u64), Place>,
    /// The files hold the ends of all runs.
    is_whole: bool,
}

/// Where a record is, and its bytes.
struct Place {
    file: String,
    from: usize,
    to: usize,
    payload: Vec<u8>,
}

impl Sound {
    /// A journal of this many closed runs, each of segments of 16 KiB.
    fn closed(runs: usize, records: usize, payload_len: usize) -> Sound {
        let dir = tempfile::tempdir().unwrap();
        for run in 0..runs {
            let options = Journal::options().stepped().segment_bytes_max(16 << 10);
            let journal = options.open(dir.path()).unwrap();
            for number in 0..records {
                let byte = u8::try_from((run * 7 + number) % 251).unwrap();
                let payload = vec![byte; payload_len + number % 5];
                journal.append_raw(kind(), payload).unwrap();
            }
            journal.close().unwrap();
        }
        Sound::of(segments(dir.path()))
    }

    fn of(files: Files) -> Sound {
        let parsed = files
            .iter()
            .map(|(name, bytes)| match FileName::parse(name) {
                Some(FileName::Segment(run, number)) => ((run, number), bytes.clone()),
                other => panic!("{other:?} is no segment"),
            });
        let mut records = BTreeMap::new();
        for (run, found) in ReferenceJournal::of(parsed.collect()).runs {
            for (seq, record) in found {
                let from = usize::try_from(record.offset).unwrap();
                let to = from + 16 + record.payload.len();
                let file = FileName::Segment(run, record.segment).to_string();
                let payload = record.payload;
                records.insert(
                    (run, seq),
                    Place {
                        file,
                        from,
                        to,
                        payload,
                    },
                );
            }
        }
        Sound {
            files,
            records,
            is_whole: true,
        }
    }

    /// Where the record begins that closes the run of the newest segment.
    fn proof_offset(&self) -> usize {
        let mut places: Vec<usize> = self.records.values().map(|place| place.from).collect();
        places.sort_unstable();
        places[places.len() - 2]
    }

    /// The records whose bytes a damaged journal still has in their place.
    fn intact(&self, damaged: &Files) -> BTreeSet<(RunId, u64)> {
        let is_intact = |place: &Place| {
            let before = &self.files[&place.file][place.from..place.to];
            let now = damaged.get(&place.file).map(|bytes| {
                let mut bytes = bytes.clone();
                bytes.resize(bytes.len().max(place.to), 0);
                bytes[place.from..place.to].to_vec()
            });
            now.as_deref() == Some(before)
        };
        let intact = self.records.iter().filter(|(_, place)| is_intact(place));
        intact.map(|(address, _)| *address).collect()
    }

    /// Reads a damaged journal and holds it against the sound one; gives the loss it reports.
    fn check(&self, damaged: &Files, what: &str) -> Loss {
        let dir = laid_out(damaged);
        let reader = Reader::options().verify(true).open(dir.path()).unwrap();
        let (mut found, mut missing) = (BTreeSet::new(), Vec::new());
        for item in reader.records() {
            match item.unwrap() {
                Item::Record(record) => {
                    let address = (record.run, record.seq.get());
                    let place = self.records.get(&address);
                    let place = place.unwrap_or_else(|| panic!("{what}: {address:?} is invented"));
                    assert!(
                        place.payload == record.payload,
                        "{what}: {address:?} is changed"
                    );
                    assert!(found.insert(address), "{what}: {address:?} comes twice");
                }
                Item::Gap(gap) => missing.push(gap),
            }
        }
        for address in self.intact(damaged) {
            assert!(
                found.contains(&address),
                "{what}: {address:?} is intact and not given back"
            );
        }
        for (run, seq) in self.records.keys() {
            let gap = missing.iter().find(|gap| {
                let is_in = gap.last.is_none_or(|last| last.get() >= *seq);
                gap.run == *run && gap.first.get() <= *seq && is_in
            });
            let is_found = found.contains(&(*run, *seq));
            assert_eq!(gap.is_none(), is_found, "{what}: {run}:{seq}, {missing:?}");
            // The run was closed: its last two records prove all before them durable.
            let end = self
                .records
                .keys()
                .filter(|key| key.0 == *run)
                .map(|key| key.1)
                .max();
            let end = end.unwrap_or(0);
            let is_proved = [end - 1, end]
                .iter()
                .any(|last| found.contains(&(*run, *last)));
            if self.is_whole && is_proved && *seq + 1 < end {
                let is_durable = gap.is_none_or(|gap| gap.fate == Fate::Durable);
                assert!(is_durable, "{what}: {gap:?}");
            }
        }
        let report = reader.report();
        for segment in &report.segments {
            assert_eq!(segment.bytes.sum(), segment.size, "{what}: {segment:?}");
        }
        let after = segments(dir.path());
        assert!(after == *damaged, "{what}: reading changed a segment");
        report.loss
    }
}

fn is_record(item: &trace_journal::Result<Item>) -> bool {
    matches!(item, Ok(Item::Record(_)))
}

fn segments(dir: &Path) -> Files {
    let mut files = Files::new();
    for found in fs::read_dir(dir).unwrap() {
        let name = found.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".seg") {
            files.insert(name.clone(), fs::read(dir.join(name)).unwrap());
        }
    }
    files
}

fn laid_out(files: &Files) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

/// Offsets of a file worth trying: all behind the header pages, some within.
fn offsets(len: usize) -> impl Iterator<Item = usize> {
    let frames = usize::try_from(FRAMES_OFFSET).unwrap();
    (0..len).filter(move |at| *at >= frames || at % 509 == 0)
}

fn only(sound: &Sound) -> String {
    sound.files.keys().next().unwrap().clone()
}

/// Says what was done, and how often.
fn count(what: &str, cases: u64, begun: Instant) {
    rigs::counted(&format!("damage-{what}"), cases, 1, begun.elapsed());
}

#[test]
fn every_flipped_bit_is_damage_and_costs_one_record_at_most() {
    let (sound, begun) = (Sound::closed(1, 6, 24), Instant::now());
    let name = only(&sound);
    let mut cases = 0;
    for at in offsets(sound.files[&name].len()) {
        for bit in 0..8 {
            let mut damaged = sound.files.clone();
            damaged.get_mut(&name).unwrap()[at] ^= 1 << bit;
            let lost = sound.records.len() - sound.intact(&damaged).len();
            assert!(lost <= 1);
            let loss = sound.check(&damaged, &format!("bit {bit} of byte {at}"));
            // Nothing proves the record durable that proves all others so.
            let is_proof = at >= sound.proof_offset();
            let is_told = loss == Loss::Damage || (is_proof && loss == Loss::Tail);
            assert!(is_told, "bit {bit} of byte {at}: {loss:?}");
            cases += 1;
        }
    }
    count("bits", cases, begun);
}

#[test]
fn a_segment_cut_anywhere_gives_everything_before_the_cut() {
    let (sound, begun) = (Sound::closed(1, 8, 60), Instant::now());
    let name = only(&sound);
    let len = sound.files[&name].len();
    let frames = usize::try_from(FRAMES_OFFSET).unwrap();
    let mut cases = 0;
    for at in offsets(len) {
        let mut damaged = sound.files.clone();
        damaged.get_mut(&name).unwrap().truncate(at);
        // Without any frame it may be a segment that was just being made.
        let loss = if at > frames {
            sound.check(&damaged, &format!("cut at {at}"))
        } else {
            let dir = laid_out(&damaged);
            let reader = Reader::options().verify(true).open(dir.path()).unwrap();
            assert_eq!(reader.records().filter(is_record).count(), 0);
            reader.report().loss
        };
        // Only zeros may be gone, and bytes past the end count as zeros.
        let is_whole = sound.intact(&damaged).len() == sound.records.len();
        let is_told = loss == Loss::Damage || at <= frames || is_whole;
        assert!(is_told, "cut at {at}: {loss:?}");
        cases += 1;
    }
    count("cuts", cases, begun);
}

#[test]
fn every_zeroed_sector_costs_only_what_it_held() {
    let (sound, begun) = (Sound::closed(2, 80, 300), Instant::now());
    let mut cases = 0;
    for (name, bytes) in &sound.files {
        for from in (0..bytes.len()).step_by(512) {
            let mut damaged = sound.files.clone();
            let to = bytes.len().min(from + 512);
            damaged.get_mut(name).unwrap()[from..to].fill(0);
            let loss = sound.check(&damaged, &format!("{name}: zeros from {from}"));
            let is_changed = damaged != sound.files;
            let expected = if is_changed { Loss::Damage } else { Loss::None };
            assert_eq!(loss, expected, "{name}: zeros from {from}");
            cases += 1;
        }
    }
    count("sectors", cases, begun);
}

#[test]
fn frames_swapped_or_written_twice_are_never_taken_for_others() {
    let (sound, begun) = (Sound::closed(1, 12, 40), Instant::now());
    let name = only(&sound);
    let places: Vec<&Place> = sound.records.values().collect();
    let mut cases = 0;
    for a in &places {
        for b in &places {
            let len = (a.to - a.from).min(b.to - b.from);
            let whole = &sound.files[&name];
            let mut copied = sound.files.clone();
            copied.get_mut(&name).unwrap()[b.from..b.from + len]
                .copy_from_slice(&whole[a.from..a.from + len]);
            sound.check(&copied, &format!("{} copied to {}", a.from, b.from));
            let mut swapped = copied;
            swapped.get_mut(&name).unwrap()[a.from..a.from + len]
                .copy_from_slice(&whole[b.from..b.from + len]);
            sound.check(&swapped, &format!("{} swapped with {}", a.from, b.from));
            cases += 2;
        }
    }
    count("frames", cases, begun);
}

#[test]
fn segments_missing_in_every_combination_are_named() {
    let (sound, begun) = (Sound::closed(2, 80, 300), Instant::now());
    let names: Vec<&String> = sound.files.keys().collect();
    assert!((5..=8).contains(&names.len()), "{names:?}");
    let mut cases = 0;
    for subset in 1..1u32 << names.len() {
        let is_kept = |at: usize| subset & (1 << at) != 0;
        let kept = sound
            .files
            .iter()
            .enumerate()
            .filter(|(at, _)| is_kept(*at));
        let kept: Files = kept
            .map(|(_, (name, bytes))| (name.clone(), bytes.clone()))
            .collect();
        let loss = sound.check_kept(&kept, &format!("segments {subset:b}"));
        let has_inner_gap = !missing_at_the_end_only(&names, &kept);
        if has_inner_gap {
            assert_eq!(loss, Loss::Damage, "segments {subset:b}");
        }
        cases += 1;
    }
    count("segments", cases, begun);
}

impl Sound {
    /// As `check`, where the newest segments of a run, or all of them, may be gone without a trace:
    /// nothing that is left witnesses them.
    fn check_kept(&self, kept: &Files, what: &str) -> Loss {
        let known: Files = self
            .files
            .iter()
            .filter(|(name, _)| {
                let run = &name[..name.len() - "-000001.seg".len()];
                kept.keys().any(|k| k.starts_with(run) && k >= *name)
            })
            .map(|(name, bytes)| (name.clone(), bytes.clone()))
            .collect();
        let records = self
            .records
            .iter()
            .filter(|(_, place)| known.contains_key(&place.file));
        let records = records.map(|(address, place)| {
            let Place {
                file,
                from,
                to,
                payload,
            } = place;
            let (file, payload) = (file.clone(), payload.clone());
            (
                *address,
                Place {
                    file,
                    from: *from,
                    to: *to,
                    payload,
                },
            )
        });
        Sound {
            files: known.clone(),
            records: records.collect(),
            is_whole: false,
        }
        .check(kept, what)
    }
}

/// Whether only the newest segments of a run are gone, or all of a run.
fn missing_at_the_end_only(names: &[&String], kept: &Files) -> bool {
    let run_of = |name: &str| name[..name.len() - "-000001.seg".len()].to_owned();
    names
        .iter()
        .filter(|name| !kept.contains_key(**name))
        .all(|gone| {
            !kept
                .keys()
                .any(|k| run_of(k) == run_of(gone) && k.as_str() > gone.as_str())
        })
}

#[test]
fn a_session_is_known_by_every_segment_of_its_run() {
    let dir = tempfile::tempdir().unwrap();
    let options = Journal::options().stepped().segment_bytes_max(16 << 10);
    let journal = options.open(dir.path()).unwrap();
    let session = journal.session("s").start();
    for number in 0..80 {
        session.span(format!("span {number} {:300}", "")).start();
    }
    journal.close().unwrap();
    let files = segments(dir.path());
    assert!(files.len() > 2);
    for kept in files {
        let dir = laid_out(&Files::from([kept]));
        let reader = Reader::options().verify(true).open(dir.path()).unwrap();
        assert_eq!(reader.ids().collect::<Vec<_>>(), ["s"]);
    }
}

#[test]
fn renamed_copied_and_foreign_files_invent_nothing() {
    let sound = Sound::closed(1, 80, 300);
    let name = only(&sound);
    let (stem, _) = name.split_once("-000001").unwrap();
    let mut copied = sound.files.clone();
    copied.insert(format!("{stem}-000077.seg"), sound.files[&name].clone());
    sound.check(&copied, "a copy under another number");
    let other = Sound::closed(1, 3, 10);
    let mut overwritten = sound.files.clone();
    overwritten.insert(name.clone(), other.files[&only(&other)].clone());
    let dir = laid_out(&overwritten);
    let reader = Reader::options().verify(true).open(dir.path()).unwrap();
    let invented = reader
        .records()
        .filter_map(Result::ok)
        .any(|item| match item {
            Item::Record(record) => {
                let address = (record.run, record.seq.get());
                !sound.records.contains_key(&address) && !other.records.contains_key(&address)
            }
            _ => false,
        });
    assert!(!invented);
    assert_eq!(reader.report().loss, Loss::Damage);
}

#[test]
fn a_damaged_journal_is_written_on_and_the_old_bytes_stay() {
    let sound = Sound::closed(1, 20, 60);
    let name = only(&sound);
    for at in offsets(sound.files[&name].len()).step_by(37) {
        let mut damaged = sound.files.clone();
        damaged.get_mut(&name).unwrap().truncate(at);
        let dir = laid_out(&damaged);
        let journal = Journal::options().stepped().open(dir.path()).unwrap();
        let seq = journal
            .append_raw(UserKind::new(201).unwrap(), b"after")
            .unwrap();
        journal.wait_durable(seq).unwrap();
        journal.close().unwrap();
        assert!(segments(dir.path())[&name] == damaged[&name], "cut at {at}");
        let reader = Reader::options().verify(true).open(dir.path()).unwrap();
        let items: Vec<Item> = reader.records().map(Result::unwrap).collect();
        let is_after = |item: &Item| matches!(item, Item::Record(r) if r.kind.get() == 201);
        assert_eq!(
            items.iter().filter(|item| is_after(item)).count(),
            1,
            "cut at {at}"
        );
    }
}

/// All files of a journal whose finished segments have caches.
fn with_caches() -> Files {
    let dir = tempfile::tempdir().unwrap();
    for run in 0..2u8 {
        let options = Journal::options().segment_bytes_max(16 << 10);
        let journal = options.open(dir.path()).unwrap();
        let session = journal.session("s").start();
        for number in 0..150u8 {
            let payload = vec![run + number; 190 + usize::from(number % 9)];
            let kind = kind();
            match number % 3 {
                0 => session.append_raw(kind, &payload).unwrap(),
                _ => journal.append_raw(kind, &payload).unwrap(),
            };
        }
        journal.close().unwrap();
    }
    let files = fs::read_dir(dir.path()).unwrap().map(|found| {
        let name = found.unwrap().file_name().into_string().unwrap();
        let bytes = fs::read(dir.path().join(&name)).unwrap();
        (name, bytes)
    });
    files.collect()
}

/// What a reader tells of all records, and what its report tells then.
fn told(reader: &Reader) -> (Vec<String>, String) {
    let items = reader.records().map(|item| format!("{item:?}")).collect();
    (items, format!("{:?}", reader.report().ranges))
}

#[test]
fn damage_that_caches_do_not_know_of_is_told_as_if_all_had_been_verified() {
    let sound = with_caches();
    let is_cache = |name: &String| name.ends_with(".idx");
    assert!(sound.keys().filter(|name| is_cache(name)).count() > 3);
    let check = |damaged: &Files, what: &str| {
        let dir = laid_out(damaged);
        let quick = Reader::open(dir.path()).unwrap();
        let is_quick = !quick.report().is_verified();
        let verified = Reader::options().verify(true).open(dir.path()).unwrap();
        assert_eq!(told(&quick), told(&verified), "{what}");
        is_quick && quick.report().is_verified()
    };
    assert!(!check(&sound, "nothing is damaged"));
    let mut surprises = 0;
    for (name, bytes) in &sound {
        for at in offsets(bytes.len()).step_by(83) {
            let mut damaged = sound.clone();
            damaged.get_mut(name).unwrap()[at] ^= 0x10;
            surprises += u32::from(check(&damaged, &format!("{name} at {at}")));
        }
        let mut damaged = sound.clone();
        damaged.get_mut(name).unwrap().truncate(bytes.len() / 2);
        check(&damaged, &format!("{name} cut"));
        damaged.remove(name);
        check(&damaged, &format!("{name} removed"));
    }
    assert!(surprises > 500, "{surprises}");
}
