//! What rollups hold, and what has none.

use std::collections::HashSet;

use super::*;
use crate::event::{Action, JsonLine};
use crate::format::{FRAMES_OFFSET, FrameHeader};
use crate::segment::Seen;

/// The rollup of these records, in their JSON form.
fn rollup(lines: &[&str]) -> Option<Vec<u8>> {
    let mut builder = RollupBuilder::default();
    for line in lines {
        let parsed = JsonLine::parse(line.as_bytes(), Some("s")).unwrap();
        let mut payload = Vec::new();
        let kind = codec::encode(&parsed.event, &mut payload).unwrap();
        add(&mut builder, kind, payload.len(), &payload);
    }
    builder.finish()
}

fn add(builder: &mut RollupBuilder, kind: RecordKind, len: usize, payload: &[u8]) {
    let header = FrameHeader {
        payload_len: u32::try_from(len).unwrap(),
        reserved: 0,
        crc: 0,
        seq_low: 1,
        kind,
        session: 1,
    };
    builder.add(&Seen {
        offset: FRAMES_OFFSET,
        header: &header,
        payload,
        is_found: false,
        is_doubted: false,
    });
}

const BEGIN: &str = r#"{"type":"span.start","span":"g1","at_ms":1000,"input":"long"}"#;
const END: &str = r#"{"type":"span.end","span":"g1","at_ms":2500,"cost":0.005,
    "tokens":{"input":1500,"output":300}}"#;

#[test]
fn a_finished_span_takes_its_hash_and_what_it_adds_up_to() {
    let bytes = rollup(&[BEGIN, END]).unwrap();
    let rollup = SessionRollup::decode(&bytes).unwrap();
    assert_eq!(rollup.finished().collect::<Vec<_>>(), [span_hash("g1")]);
    assert_eq!(rollup.sums, [(5, 3), (1500, 0), (300, 0)]);
    assert_eq!(rollup.first_at(), Some(Timestamp::new(1, 0)));
    assert_eq!(rollup.last_at(), Some(Timestamp::new(2, 500_000_000)));
    assert!(rollup.has_work() && rollup.events().next().is_none());
    assert!(bytes.len() < 40, "{} bytes", bytes.len());
}

#[test]
fn hashes_of_finished_spans_are_in_ascending_order() {
    let ids = ["g1", "g2", "g3", "g4", "g5"];
    let lines = ids.map(|id| [BEGIN, END].map(|line| line.replace("g1", id)));
    let lines: Vec<&str> = lines.as_flattened().iter().map(String::as_str).collect();
    let bytes = rollup(&lines).unwrap();
    let found: Vec<u64> = SessionRollup::decode(&bytes).unwrap().finished().collect();
    let mut hashes = ids.map(span_hash);
    assert!(!hashes.is_sorted());
    hashes.sort_unstable();
    assert_eq!(found, hashes);
}

#[test]
fn an_open_span_keeps_its_start_and_one_from_elsewhere_its_end() {
    for (line, kind) in [(BEGIN, RecordKind::SPAN_START), (END, RecordKind::SPAN_END)] {
        let bytes = rollup(&[line]).unwrap();
        let rollup = SessionRollup::decode(&bytes).unwrap();
        assert_eq!((rollup.finished().len(), rollup.records.len()), (0, 1));
        assert_eq!(rollup.records[0].0, kind.0);
        let event = rollup.events().next().unwrap().unwrap();
        if let Action::SpanStart(start) = event.action {
            assert_eq!(start.fields.input, None);
        }
    }
}

#[test]
fn what_cannot_be_added_up_has_no_rollup() {
    let negative = END.replace("0.005", "-0.005");
    let tiny = END.replace("0.005", "1e-31");
    let late = r#"{"type":"span.update","span":"g1","cost":1}"#;
    for lines in [
        vec![BEGIN, &negative],
        vec![BEGIN, &tiny],
        vec![BEGIN, END, late],
    ] {
        assert_eq!(rollup(&lines), None, "{lines:?}");
    }
    assert!(rollup(&[BEGIN, late, END]).is_some());
}

#[test]
fn what_is_not_seen_or_too_much_has_no_rollup() {
    let mut builder = RollupBuilder::default();
    add(&mut builder, RecordKind::TEXT, 17 << 20, &[]);
    assert_eq!(builder.finish(), None);
    let lines: Vec<String> = (0..1025)
        .map(|n| BEGIN.replace("g1", &format!("g{n}")))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(rollup(&lines[1..]).is_some());
    assert_eq!(rollup(&lines), None);
    let reason = "x".repeat(64 << 10);
    let crash = format!(r#"{{"type":"crash","reason":"{reason}"}}"#);
    assert_eq!(rollup(&[&crash]), None);
}

#[test]
fn other_bytes_are_no_rollup() {
    let bytes = rollup(&[BEGIN, END]).unwrap();
    for len in 0..bytes.len() {
        assert!(
            SessionRollup::decode(&bytes[..len]).is_none(),
            "{len} bytes"
        );
    }
    let with_more = [bytes.as_slice(), &[0]].concat();
    assert!(SessionRollup::decode(&with_more).is_none());
    let sums = |scale| SpanSums::from_parts(&[(u128::MAX >> 1, scale)]);
    assert!(sums(30).is_some() && sums(31).is_none());
    assert!(SpanSums::from_parts(&[(u128::MAX, 0)]).is_none());
    assert!(SpanSums::from_parts(&[(1, 0); 7]).is_none());
    let mut most = sums(0).unwrap();
    assert!(most.merge(most).is_none());
}

#[test]
fn hashes_are_those_of_fnv_and_seldom_the_same() {
    assert_eq!(span_hash(""), 0x9ce4_8422_2325);
    assert_eq!(span_hash("a"), 0xdc4c_8601_ec8c);
    let hashes: HashSet<u64> = (0..300_000).map(|n| span_hash(&format!("g{n}"))).collect();
    assert_eq!(hashes.len(), 300_000);
}

#[test]
fn an_id_that_is_given_again_and_again_takes_a_hash_each_time() {
    let lines: Vec<&str> = [BEGIN, END].repeat(5_000);
    let bytes = rollup(&lines).unwrap();
    let made = SessionRollup::decode(&bytes).unwrap();
    // What comes before and behind decides about the first and the last of them.
    assert_eq!((made.finished().len(), made.records.len()), (4_998, 4));
    assert_eq!(made.sums, [(24_990, 3), (7_497_000, 0), (1_499_400, 0)]);
    let update = r#"{"type":"span.update","span":"g1","cost":1}"#;
    let bytes = rollup(&[BEGIN, END, BEGIN, update, END, update, BEGIN, END, BEGIN]).unwrap();
    let made = SessionRollup::decode(&bytes).unwrap();
    assert_eq!(made.finished().len(), 2);
    assert_eq!(made.sums, [(1_005, 3), (3_000, 0), (600, 0)]);
}
