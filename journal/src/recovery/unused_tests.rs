//! Tests of what is missed of killed runs whose newest segment was made ahead and never used.

use super::finding::MissingRange;
use super::run::RunSurvey;
use super::segment_state::SegmentState;
use super::survey::{Depth, Scope, survey};
use super::tail::survey_tail;
use super::testing::{MemoryStorage, SegmentBuilder, dead_run, run, segment_name};
use super::verdict::Verdict;
use super::witness::Fate;
use crate::format::{DurablePlace, FileName, Owner, RunText};
use crate::seq::SegmentNumber;

/// A killed run of nine records, the next segment made ahead; if five of them were durable, its
/// `.run` file says so.
fn killed(is_noted: bool) -> (MemoryStorage, SegmentBuilder, Option<DurablePlace>) {
    let mut first = SegmentBuilder::new(1, 1, 1, 0);
    for _ in 0..8 {
        first.raw(0, b"record");
    }
    let mut storage = first.storage();
    let ahead = SegmentBuilder::new(1, 2, 10, 0);
    let mut bytes = ahead.file();
    bytes[8192..].fill(0);
    storage.put(&ahead, bytes);
    let place = DurablePlace {
        seq: 5,
        segment: SegmentNumber(1),
        offset: u64::try_from(first.offsets[4]).unwrap(),
    };
    let place = Some(place).filter(|_| is_noted);
    // Its end is not there, so that it does not say whose process it was.
    let text = RunText::first(&Owner::default(), &(String::new(), String::new()));
    let mut text = text.into_bytes();
    text.truncate(text.len() - 4);
    if let Some(place) = place {
        let (line, at) = place.line(run(1));
        let at = usize::try_from(at).unwrap();
        text[at..at + line.len()].copy_from_slice(line.as_bytes());
    }
    storage
        .files
        .insert(FileName::Run(run(1)).to_string(), text);
    (storage, first, place)
}

/// What is missing from which segment, whether it had been durable, and what became of that.
type Missed = Vec<(u32, u64, Option<u64>, bool, Verdict)>;

fn missed(found: &RunSurvey) -> Missed {
    let findings = found.findings.iter();
    let missed = findings.filter_map(|finding| {
        let MissingRange { first, last, fate } = finding.missing?;
        let is_durable = fate == Fate::Durable;
        Some((finding.segment.0, first, last, is_durable, finding.verdict))
    });
    missed.collect()
}

fn look(storage: &MemoryStorage) -> RunSurvey {
    let found = survey(storage, Scope::All, Depth::Everything).unwrap();
    found.runs.into_iter().next().unwrap()
}

/// Something else in the place of the first segment.
type Change = fn(&mut MemoryStorage);

const CHANGES: [Change; 3] = [
    |storage| {
        storage.folders.insert(segment_name(1, 1));
    },
    |storage| {
        storage.files.remove(&segment_name(1, 1));
    },
    |storage| {
        storage.files.insert(segment_name(1, 1), Vec::new());
    },
];

#[test]
fn a_segment_that_is_gone_or_emptied_is_missed_and_not_the_one_made_ahead() {
    for change in CHANGES {
        for is_noted in [true, false] {
            let (mut storage, _, _) = killed(is_noted);
            change(&mut storage);
            let found = look(&storage);
            let expected: &[_] = match is_noted {
                true => &[
                    (1, 1, Some(5), true, Verdict::Damage),
                    (1, 6, None, false, Verdict::Damage),
                ],
                false => &[(1, 1, None, false, Verdict::Damage)],
            };
            assert_eq!(missed(&found), expected);
            let ahead = found.segments.last().unwrap();
            assert_eq!(ahead.state, SegmentState::Empty);
        }
    }
}

#[test]
fn what_is_missed_of_it_goes_on_record_as_durable() {
    for change in CHANGES {
        let (mut storage, _, place) = killed(true);
        change(&mut storage);
        let dead = dead_run(&storage, place);
        let found = survey_tail(&storage, &dead).unwrap().unwrap();
        assert_eq!(found.to_record().last_seq, 5);
        let mut later = SegmentBuilder::new(2, 1, 1, 0);
        later.system(crate::format::RecordKind::RUN_RECOVERED, &found.to_record());
        storage.put(&later, later.sealed(None));
        storage.files.remove(&FileName::Run(run(1)).to_string());
        let expected = [(1, 1, Some(5), true, Verdict::Damage)];
        assert_eq!(missed(&look(&storage)), expected);
    }
}

#[test]
fn a_segment_that_was_cut_in_front_of_one_made_ahead_is_missed_to_its_place() {
    let (mut storage, first, _) = killed(true);
    let bytes = storage.files.get_mut(&segment_name(1, 1)).unwrap();
    bytes[first.offsets[3]..].fill(0);
    let expected = [
        (1, 4, Some(5), true, Verdict::Damage),
        (1, 6, None, false, Verdict::Damage),
    ];
    assert_eq!(missed(&look(&storage)), expected);
}

#[test]
fn a_torn_end_is_told_though_the_next_segment_was_made_ahead() {
    let (mut storage, first, _) = killed(true);
    assert_eq!(look(&storage).findings, []);
    let bytes = storage.files.get_mut(&segment_name(1, 1)).unwrap();
    bytes[first.offsets[8] + 17] ^= 1;
    assert_eq!(
        missed(&look(&storage)),
        [(1, 9, None, false, Verdict::Torn)]
    );
}
