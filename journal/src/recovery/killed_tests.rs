//! Tests of what a killed process left unfinished.

use super::dead_run::DeadRun;
use super::recovered::recovered;
use super::run::RunSurvey;
use super::survey::{Depth, Scope, survey};
use super::tail::survey_tail;
use super::testing::{MemoryStorage, SegmentBuilder, run};
use super::verdict::Verdict;
use crate::event::system::{self, RunRecovered};
use crate::format::RecordKind;
use crate::seq::SegmentNumber;

type Write = fn(&mut SegmentBuilder);

/// What comes behind two records, and whether it is that of an append that was not finished.
const ENDS: [(Write, bool); 6] = [
    (|segment| _ = segment.begun(&[7; 100], 50), true),
    (
        |segment| _ = segment.begun(&[7; 100], 0).raw(0, b"finished"),
        true,
    ),
    (
        |segment| _ = segment.begun(&[7; 100], 99).begun(&[8; 50], 3).raw(0, b""),
        true,
    ),
    // Its last words were stored, and not its first ones.
    (
        |segment| {
            segment.begun(&[7; 100], 0).raw(0, b"finished");
            let at = segment.offsets[3];
            segment.bytes[at..at + 8].fill(0);
        },
        true,
    ),
    // Zeros may be there for other reasons, and so may anything else.
    (|segment| _ = segment.skip(24).raw(0, b"finished"), false),
    (
        |segment| {
            segment.raw(0, b"changed");
            let at = segment.offsets[3] + 17;
            segment.bytes[at] ^= 1;
        },
        false,
    ),
];

fn dead(end: Write, is_killed: bool) -> (MemoryStorage, RunSurvey) {
    let mut segment = SegmentBuilder::new(1, 1, 1, 0);
    segment.raw(0, b"one").raw(0, b"two");
    end(&mut segment);
    let storage = segment.storage();
    let dead = DeadRun {
        run: run(1),
        segments: vec![SegmentNumber::FIRST],
        place: None,
        is_killed,
    };
    let found = survey_tail(&storage, &dead).unwrap().unwrap();
    (storage, found)
}

fn is_torn(found: &RunSurvey) -> bool {
    assert!(found.findings.len() < 2, "{:?}", found.findings);
    match found.findings.first().map(|finding| finding.verdict) {
        Some(Verdict::Torn) => true,
        Some(Verdict::InFlight) | None => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_append_that_a_kill_left_unfinished_is_no_loss_then_and_later() {
    for (number, (end, is_unfinished)) in ENDS.into_iter().enumerate() {
        for is_killed in [true, false] {
            let (mut storage, found) = dead(end, is_killed);
            let is_explained = is_unfinished && is_killed;
            assert_eq!(is_torn(&found), !is_explained, "{number} {is_killed}");
            let record = found.to_record();
            let missing = record.missing.iter().map(|(first, last)| last - first + 1);
            let behind = found.last_seq.unwrap().get() - 3;
            assert_eq!(missing.sum::<u64>(), behind.saturating_sub(1), "{number}");
            let mut later = SegmentBuilder::new(2, 1, 1, 0);
            later.system(RecordKind::RUN_OPEN, &0_u8);
            later.system(RecordKind::RUN_RECOVERED, &record);
            storage.put(&later, later.sealed(None));
            let found = survey(&storage, Scope::All, Depth::Everything).unwrap();
            assert_eq!(
                is_torn(&found.runs[0]),
                !is_explained,
                "{number} {is_killed}"
            );
        }
    }
}

#[test]
fn nothing_is_put_on_record_of_a_kill_that_left_nothing_unfinished() {
    let (_, found) = dead(|segment| _ = segment.raw(0, b"three"), true);
    assert_eq!(found.findings, []);
    let record = found.to_record();
    assert_eq!(record.extras, []);
    let mut payload = Vec::new();
    system::encode::<RunRecovered>(&record, &mut payload).unwrap();
    assert!(!recovered(&payload).unwrap().is_killed);
}
