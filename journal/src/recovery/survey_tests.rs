//! Damage of every sort against the survey.

use super::SegmentState;
use super::finding::{Finding, MissingRange};
use super::plan::plan;
use super::run::RunSurvey;
use super::survey::{Depth, Scope, Survey, survey};
use super::testing::{MemoryStorage, SegmentBuilder, run, segment_name};
use super::verdict::Verdict;
use super::witness::Fate;
use crate::error::DamageReason;
use crate::format::{FRAMES_OFFSET, RecordKind};
use crate::seq::SegmentNumber;

/// Twelve records, of which the first ten were durable when the last one was written.
fn small() -> SegmentBuilder {
    let mut builder = SegmentBuilder::new(1, 1, 1, 0);
    builder.declare(1, "one").raw(1, b"first").raw(0, b"");
    builder.raw(1, &[7; 100]).raw(2, b"of an unknown session");
    builder.mark(6);
    builder
        .raw(1, b"ends in zeros\0\0\0")
        .raw(1, b"x")
        .raw(1, b"y");
    builder.mark(10).raw(1, b"z");
    assert_eq!(builder.next_seq(), 13);
    builder
}

fn look(storage: &MemoryStorage) -> Survey {
    let survey = survey(storage, Scope::All, Depth::Everything).unwrap();
    for run in &survey.runs {
        for segment in &run.segments {
            assert_eq!(segment.classes.sum(), segment.part.segment.len);
        }
    }
    survey
}

fn look_at_one(bytes: Vec<u8>) -> RunSurvey {
    let mut storage = small().storage();
    storage.files.insert(segment_name(1, 1), bytes);
    look(&storage).runs.remove(0)
}

fn records(run: &RunSurvey) -> u64 {
    run.segments
        .iter()
        .map(|segment| segment.part.records)
        .sum()
}

/// The numbers a run says are missing, and which of them it says were durable.
fn missing(run: &RunSurvey) -> (Vec<u64>, Vec<u64>) {
    let ranges = run.findings.iter().filter_map(|finding| finding.missing);
    let mut all = Vec::new();
    let mut durable = Vec::new();
    for range in ranges {
        let Some(last) = range.last else { continue };
        all.extend(range.first..=last);
        if range.fate == Fate::Durable {
            durable.extend(range.first..=last);
        }
    }
    (all, durable)
}

fn verdicts(run: &RunSurvey) -> Vec<Verdict> {
    run.findings.iter().map(|finding| finding.verdict).collect()
}

#[test]
fn a_sound_run_has_no_findings() {
    let run = look(&small().storage()).runs.remove(0);
    assert_eq!(run.findings, []);
    assert_eq!(records(&run), 12);
    assert_eq!(run.last_seq.unwrap().get(), 12);
    assert_eq!(run.witness.in_band, 10);
    let segment = &run.segments[0];
    assert_eq!(segment.state, SegmentState::Active);
    let count = |session| segment.part.places.row(session).map_or(0, |row| row.count);
    assert_eq!([count(1), count(2), count(3)], [6, 1, 0]);
    assert_eq!(&**run.sessions.nearest(1, SegmentNumber(1)).unwrap(), "one");
}

#[test]
fn a_file_cut_anywhere_keeps_everything_before_the_cut() {
    let builder = small();
    let file = builder.file();
    for cut in 0..file.len() {
        let run = look_at_one(file[..cut].to_vec());
        let ends = builder.offsets.iter().copied().skip(1);
        let ends = ends.chain([builder.bytes.len()]);
        let whole = ends.filter(|end| *end <= cut).count();
        let found = usize::try_from(records(&run)).unwrap();
        // A frame whose last bytes are zeros is still whole without them.
        assert!(found == whole || found == whole + 1, "cut at {cut}");
        if cut > 0 {
            assert!(run.is_damaged(), "cut at {cut}");
            assert_eq!(run.segments[0].state, SegmentState::Damaged);
        }
    }
}

#[test]
fn any_flipped_byte_costs_one_record_and_is_told_apart() {
    let builder = small();
    let file = builder.file();
    for at in usize::try_from(FRAMES_OFFSET).unwrap()..builder.bytes.len() {
        let mut bytes = file.clone();
        bytes[at] ^= 0x41;
        let run = look_at_one(bytes);
        let hit = builder
            .offsets
            .iter()
            .filter(|offset| **offset <= at)
            .count();
        let hit = u64::try_from(hit).unwrap();
        let (all, durable) = missing(&run);
        if records(&run) == 12 {
            let reason = run.findings[0].reason;
            assert_eq!(
                (run.findings.len(), reason),
                (1, DamageReason::BadCrc),
                "{at}"
            );
            assert_eq!(run.findings[0].missing, None, "padding at {at}");
            continue;
        }
        assert_eq!(records(&run), 11, "flip at {at}");
        assert_eq!(run.findings.len(), 1, "flip at {at}");
        if hit == 12 {
            assert_eq!(verdicts(&run), [Verdict::Torn], "flip at {at}");
            assert_eq!(run.findings[0].missing.unwrap().last, None);
        } else if hit == 11 {
            // The mark itself was the witness: without it, only the one before speaks.
            assert_eq!((all, durable), (vec![11], vec![]), "flip at {at}");
            assert_eq!(verdicts(&run), [Verdict::Torn], "flip at {at}");
        } else {
            assert_eq!((all, durable), (vec![hit], vec![hit]), "flip at {at}");
            assert_eq!(verdicts(&run), [Verdict::Damage], "flip at {at}");
        }
    }
}

#[test]
fn zeros_from_anywhere_to_the_end_never_invent_a_loss() {
    let builder = small();
    let file = builder.file();
    for from in usize::try_from(FRAMES_OFFSET).unwrap()..builder.bytes.len() {
        let mut bytes = file.clone();
        bytes[from..].fill(0);
        let run = look_at_one(bytes);
        let is_crash_like = matches!(verdicts(&run).as_slice(), [] | [Verdict::Torn]);
        assert!(is_crash_like, "zeros from {from}: {:?}", run.findings);
    }
}

#[test]
fn a_zeroed_stretch_in_the_middle_is_exact() {
    let builder = small();
    let mut bytes = builder.file();
    bytes[builder.offsets[2]..builder.offsets[5]].fill(0);
    let run = look_at_one(bytes);
    let expected = Finding {
        file: segment_name(1, 1),
        segment: SegmentNumber(1),
        offset: u64::try_from(builder.offsets[2]).unwrap(),
        len: u64::try_from(builder.offsets[5] - builder.offsets[2]).unwrap(),
        reason: DamageReason::ZeroRun,
        missing: Some(MissingRange {
            first: 3,
            last: Some(5),
            fate: Fate::Durable,
        }),
        contested: None,
        verdict: Verdict::Damage,
    };
    assert_eq!(run.findings, [expected]);
    assert_eq!(records(&run), 9);
}

#[test]
fn an_unsynced_gap_above_the_witness_is_no_damage() {
    let mut builder = small();
    builder.skip(64).raw(1, b"behind");
    let run = look(&builder.storage()).runs.remove(0);
    assert_eq!(missing(&run), (vec![13], vec![]));
    assert_eq!(verdicts(&run), [Verdict::Torn]);
    assert_eq!(run.segments[0].state, SegmentState::Torn);
    assert_eq!(run.segments[0].classes.torn, 64);
}

#[test]
fn a_witness_of_records_behind_itself_is_not_believed() {
    let mut builder = small();
    let own = builder.next_seq();
    builder.mark(own + 10).skip(64).raw(1, b"behind");
    let run = look(&builder.storage()).runs.remove(0);
    assert!(run.witness.in_band < own);
    assert_eq!(verdicts(&run), [Verdict::Torn]);
}

#[test]
fn a_live_run_is_never_torn() {
    let mut builder = small();
    builder.skip(64).raw(1, b"behind");
    let mut bytes = builder.file();
    bytes[builder.bytes.len() + 3] = 0x80;
    let mut storage = MemoryStorage::default();
    storage.put(&builder, bytes);
    storage.lock(1);
    let survey = look(&storage);
    assert!(!survey.is_torn() && !survey.is_damaged());
    assert_eq!(records(&survey.runs[0]), 13);
    assert!(!plan(&storage).unwrap().known.dead.contains(&run(1)));
}

#[test]
fn damage_below_a_witness_is_damage_in_a_live_run_too() {
    let builder = small();
    let mut storage = builder.storage();
    storage.files.get_mut(&segment_name(1, 1)).unwrap()[builder.offsets[3] + 17] ^= 1;
    storage.lock(1);
    assert!(look(&storage).is_damaged());
}

#[test]
fn header_pages_cost_nothing_but_are_reported() {
    let file = small().file();
    for (range, len) in [(0..4096, 4096), (4096..8192, 4096), (0..8192, 8192)] {
        let mut bytes = file.clone();
        let offset = u64::try_from(range.start).unwrap();
        bytes[range].fill(0x55);
        let run = look_at_one(bytes);
        assert_eq!(records(&run), 12);
        let at = (offset, len);
        let reason = DamageReason::BadHeader;
        let [finding] = run.findings.as_slice() else {
            panic!("{:?}", run.findings);
        };
        assert_eq!(
            (finding.offset, finding.len, finding.reason),
            (at.0, at.1, reason)
        );
        assert_eq!(finding.missing, None);
        assert_eq!(run.segments[0].classes.damaged, len);
    }
}

/// Three segments of one run, the last unsealed; records 1..=3, 4..=6 and 7..=8 with the seals.
fn three() -> (MemoryStorage, [SegmentBuilder; 3]) {
    let mut storage = MemoryStorage::default();
    let mut builders = Vec::new();
    let mut next_seq = 1;
    for number in 1..=3 {
        let mut builder = SegmentBuilder::new(1, number, next_seq, next_seq - 1);
        builder.raw(1, format!("record of segment {number}").as_bytes());
        next_seq = builder.next_seq() + 1;
        let bytes = match number {
            3 => builder.file(),
            _ => builder.sealed(Some(number + 1)),
        };
        storage.put(&builder, bytes);
        builders.push(builder);
    }
    (storage, builders.try_into().unwrap())
}

#[test]
fn segments_follow_each_other() {
    let (storage, _) = three();
    let run = look(&storage).runs.remove(0);
    assert_eq!(run.findings, []);
    let firsts: Vec<u64> = run.segments.iter().map(|s| s.first_seq).collect();
    assert_eq!(firsts, [1, 4, 7]);
    let states: Vec<SegmentState> = run.segments.iter().map(|s| s.state).collect();
    let sealed = SegmentState::Sealed;
    assert_eq!(states, [sealed, sealed, SegmentState::Active]);
}

#[test]
fn large_segments_are_read_by_several_threads_with_the_same_result() {
    let (mut storage, _) = three();
    for file in storage.files.values_mut() {
        file.resize(2 << 20, 0);
    }
    let run = look(&storage).runs.remove(0);
    assert_eq!(run.findings, []);
    let firsts: Vec<u64> = run.segments.iter().map(|s| s.first_seq).collect();
    assert_eq!(firsts, [1, 4, 7]);
    assert_eq!(records(&run), 8);
}

#[test]
fn a_missing_segment_is_damage_with_exact_numbers() {
    for (gone, first, last) in [(1, 1, Some(3)), (2, 4, Some(6)), (3, 7, None)] {
        let (mut storage, _) = three();
        storage.files.remove(&segment_name(1, gone));
        let run = look(&storage).runs.remove(0);
        let [finding] = run.findings.as_slice() else {
            panic!("{gone}: {:?}", run.findings);
        };
        assert_eq!(finding.file, segment_name(1, gone));
        assert_eq!(finding.reason, DamageReason::MissingSegment);
        assert_eq!(finding.verdict, Verdict::Damage);
        let missing = finding.missing.unwrap();
        assert_eq!((missing.first, missing.last), (first, last));
        let is_witnessed = gone < 3;
        assert_eq!(missing.fate == Fate::Durable, is_witnessed);
    }
}

#[test]
fn a_failed_append_whose_segment_could_not_be_sealed_cost_nothing() {
    let mut storage = MemoryStorage::default();
    let mut first = SegmentBuilder::new(1, 1, 1, 0);
    first.raw(1, b"whole");
    let mut bytes = first.file();
    bytes[first.bytes.len()..][..40].fill(0x99);
    storage.put(&first, bytes);
    let second = SegmentBuilder::new(1, 2, first.next_seq(), 0);
    storage.put(&second, second.file());
    let run = look(&storage).runs.remove(0);
    assert_eq!(run.findings, []);
    assert_eq!(run.segments[0].classes.torn, 40);
}

#[test]
fn frames_behind_the_end_that_the_next_segment_tells_are_no_records() {
    for is_sealed in [false, true] {
        let mut storage = MemoryStorage::default();
        let mut first = SegmentBuilder::new(1, 1, 1, 0);
        first.declare(1, "a").raw(1, b"whole");
        let (end, next_seq) = (first.end(), first.next_seq());
        // Its append failed, though its bytes reached the file; so did sealing.
        first.declare(2, "b").raw(2, b"failed");
        let bytes = match is_sealed {
            true => first.sealed(Some(2)),
            false => first.file(),
        };
        storage.put(&first, bytes);
        let second = SegmentBuilder::behind(1, 2, next_seq, end);
        storage.put(&second, second.file());
        let run = look(&storage).runs.remove(0);
        assert_eq!(run.segments[0].part.records, 3);
        assert_eq!(run.segments[0].part.scanned.frames_end(), end);
        assert!(run.segments[0].part.places.row(2).is_none());
        assert_eq!(run.segments[1].first_seq, next_seq);
        if !is_sealed {
            assert_eq!(run.findings, []);
        }
    }
}

#[test]
fn a_lost_segment_start_is_made_up_for_by_the_seal() {
    let (mut storage, builders) = three();
    let file = storage.files.get_mut(&segment_name(1, 2)).unwrap();
    file[builders[1].offsets[0] + 4] ^= 1;
    let run = look(&storage).runs.remove(0);
    assert_eq!(run.segments[1].first_seq, 4);
    assert_eq!(missing(&run), (vec![4], vec![4]));
}

#[test]
fn a_renamed_segment_is_read_by_its_header() {
    let (mut storage, _) = three();
    let bytes = storage.files.remove(&segment_name(1, 2)).unwrap();
    storage.files.insert("saved.bin".to_owned(), bytes.clone());
    assert_eq!(look(&storage).runs[0].findings, []);
    storage.files.remove("saved.bin");
    storage.files.insert(segment_name(1, 9), bytes);
    let run = look(&storage).runs.remove(0);
    assert_eq!(records(&run), 8);
    let reason = DamageReason::BadHeader;
    let [finding] = run.findings.as_slice() else {
        panic!("{:?}", run.findings);
    };
    assert_eq!((finding.file.clone(), finding.len), (segment_name(1, 9), 0));
    assert_eq!((finding.reason, finding.missing), (reason, None));
}

#[test]
fn a_copy_is_named_and_the_better_one_is_read() {
    let (mut storage, builders) = three();
    let good = storage.files[&segment_name(1, 2)].clone();
    storage.files.insert("copy".to_owned(), good);
    let file = storage.files.get_mut(&segment_name(1, 2)).unwrap();
    file[builders[1].offsets[1] + 20] ^= 1;
    let survey = look(&storage);
    assert_eq!(records(&survey.runs[0]), 8);
    assert_eq!(survey.strays.len(), 1);
    assert_eq!(survey.strays[0].name, segment_name(1, 2));
    assert!(survey.is_damaged());
}

#[test]
fn foreign_and_newer_files_are_mentioned() {
    let mut storage = small().storage();
    storage
        .files
        .insert("notes.txt".to_owned(), b"hello".to_vec());
    assert!(!look(&storage).has_failed());
    assert_eq!(look(&storage).strays.len(), 1);
    let mut newer = small().file();
    newer[8] = 9;
    newer[4096 + 8] = 9;
    storage.files.insert(segment_name(2, 1), newer);
    let survey = look(&storage);
    assert!(!survey.has_failed() && !survey.is_damaged());
    assert_eq!(records(&survey.runs[0]), 12);
    assert!(survey.runs[1].unsupported.is_some());
    assert!(!plan(&storage).unwrap().unrecovered.contains(&run(2)));
}

#[test]
fn a_bad_sector_is_a_read_error_and_costs_only_what_it_holds() {
    let mut builder = SegmentBuilder::new(1, 1, 1, 0);
    for _ in 0..300 {
        builder.raw(1, b"payload of some length");
    }
    let bad = (12288, 12800);
    let mut storage = builder.storage();
    storage.bad = Some(bad);
    let survey = look(&storage);
    assert!(survey.has_failed());
    let run = &survey.runs[0];
    let reasons: Vec<DamageReason> = run.findings.iter().map(|f| f.reason).collect();
    assert!(reasons.contains(&DamageReason::IoError), "{reasons:?}");
    // The page is what the system can read at once.
    let (lost, _) = missing(run);
    assert_eq!(records(run) + u64::try_from(lost.len()).unwrap(), 301);
    assert!(lost.len() <= 4096 / 40 + 2, "{}", lost.len());
    assert!(run.segments[0].classes.damaged >= 4096);
}

#[test]
fn what_a_later_run_recovered_is_witnessed() {
    let mut later = SegmentBuilder::new(2, 1, 1, 0);
    later.recovered(1, 12);
    let mut storage = small().storage();
    storage.put(&later, later.file());
    assert_eq!(look(&storage).runs[0].findings, []);
    // Cut back to less than was there then.
    let builder = small();
    let file = storage.files.get_mut(&segment_name(1, 1)).unwrap();
    file[builder.offsets[10]..].fill(0);
    let run = look(&storage).runs.remove(0);
    assert_eq!(missing(&run), (vec![11, 12], vec![11, 12]));
    storage.files.remove(&segment_name(1, 1));
    let survey = look(&storage);
    let everything: Vec<u64> = (1..=12).collect();
    assert_eq!(missing(&survey.runs[0]), (everything.clone(), everything));
}

#[test]
fn what_is_missing_before_a_segment_without_frames_has_one_fate() {
    let mut later = SegmentBuilder::new(2, 1, 1, 0);
    later.recovered(1, 12);
    let mut storage = small().storage();
    storage.put(&later, later.file());
    storage.files.remove(&segment_name(1, 1));
    let second = SegmentBuilder::new(1, 2, 13, 0);
    let mut bytes = second.file();
    bytes[usize::try_from(FRAMES_OFFSET).unwrap()..].fill(0);
    storage.put(&second, bytes);
    let run = look(&storage).runs.remove(0);
    let everything: Vec<u64> = (1..=12).collect();
    assert_eq!(missing(&run), (everything.clone(), everything));
    let ranges = run.findings.iter().filter_map(|finding| finding.missing);
    let open: Vec<_> = ranges.filter(|missing| missing.last.is_none()).collect();
    assert_eq!(open, [], "{:?}", run.findings);
}

#[test]
fn the_plan_names_only_what_nobody_has_looked_at() {
    let mut storage = small().storage();
    assert_eq!(plan(&storage).unwrap().unrecovered, [run(1)]);
    let mut later = SegmentBuilder::new(2, 1, 1, 0);
    later.system(RecordKind::RUN_OPEN, &0_u8).recovered(1, 12);
    storage.put(&later, later.file());
    assert_eq!(plan(&storage).unwrap().unrecovered, [run(2)]);
    storage.put(&later, later.sealed(None));
    let done = plan(&storage).unwrap();
    assert_eq!((done.unrecovered, done.generation_max), (vec![], 2));
    storage.put(&later, later.sealed(Some(2)));
    storage.lock(1);
    storage.locked.clear();
    let open = plan(&storage).unwrap();
    assert_eq!((open.unrecovered, open.stale), (vec![run(2)], vec![run(1)]));
}

#[test]
fn random_bytes_never_panic() {
    let seed = 0x9e37_79b9_7f4a_7c15_u64;
    println!("seed {seed:#x}");
    let mut state = seed;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let builder = small();
    for _ in 0..300 {
        let mut bytes = builder.file();
        for _ in 0..next() % 40 {
            let at = usize::try_from(next()).unwrap() % bytes.len();
            bytes[at] = next().to_le_bytes()[0];
        }
        bytes.truncate(usize::try_from(next()).unwrap() % (2 * bytes.len()));
        look_at_one(bytes);
        let noise: Vec<u8> = (0..4096).flat_map(|_| next().to_le_bytes()).collect();
        look_at_one(noise);
    }
}

#[test]
fn a_first_number_no_run_can_reach_is_not_believed() {
    let mut storage = MemoryStorage::default();
    let mut builder = SegmentBuilder::new(1, 1, (1 << 48) - 1, 0);
    builder.raw(0, b"x");
    storage.put(&builder, builder.file());
    let run = look(&storage).runs.remove(0);
    // What its frames say themselves is.
    let low = u64::from(u32::MAX);
    assert_eq!((run.segments[0].first_seq, records(&run)), (low, 2));
    let missing = run.findings.iter().find_map(|finding| finding.missing);
    assert_eq!(missing.map(|m| (m.first, m.last)), Some((1, Some(low - 1))));
    assert_eq!(run.segments[0].state, SegmentState::Damaged);
}

#[test]
fn numbers_given_again_behind_a_missing_segment_are_reported() {
    let mut storage = small().storage();
    let third = SegmentBuilder::new(1, 3, 2, 0);
    storage.put(&third, third.file());
    let run = look(&storage).runs.remove(0);
    let again = run.findings.iter().filter(|finding| {
        finding.segment == SegmentNumber(3) && finding.reason == DamageReason::SeqGap
    });
    assert_eq!(again.count(), 1);
}
