//! Any bytes as the payload of a record.

use bytes::Bytes;
use trace_journal::event::Action;
use trace_journal::event::JsonLine;
use trace_journal::format::RecordKind;
use trace_journal::{Error, Event, Item, ReadMode, Reader, Record, Seq};
use trace_journal::{Journal, Timestamp};

use super::memory::Memory;
use super::pool::open;
use super::read_all_ways::json;
use super::rig_defects::{Defect, has};

/// The first byte is the kind, the rest the payload: decoding gives an event or the bytes as they
/// are; an event that is recorded is the same when it is read, and is then always the same bytes.
///
/// # Panics
/// If it is not so.
pub(super) fn event(bytes: &[u8]) -> u64 {
    let Some((kind, payload)) = bytes.split_first() else {
        return 0;
    };
    let payload = Bytes::copy_from_slice(payload);
    let record = Record::loose(RecordKind::new(*kind), "s", payload);
    let event = record.event();
    assert_eq!(text(&event), text(&event.clone().into_owned()));
    if let Action::Unknown {
        kind: kept,
        payload,
    } = &event.action
    {
        assert_eq!((*kept, &payload[..]), (*kind, &record.payload[..]));
    }
    reads_back(&json(&event));
    let memory = Memory::new(1);
    let journal = open(&memory);
    let event = complete(event);
    let Some((seq, kept)) = recorded(&memory, &journal, &event) else {
        return len(bytes);
    };
    // Numbers that are equal may be of two types, and what is no number is not equal to itself.
    assert!(
        event == kept.event()
            || text(&event) == text(&kept.event())
            // In the place of a value that is not here is then what says so.
            || (text(&event).contains("Elsewhere(") && json(&event) == json(&kept.event())),
        "{seq}: {event:?} became {:?}",
        kept.event()
    );
    let again = recorded(&memory, &journal, &kept.event()).expect("it was taken before");
    assert_eq!((kept.kind, kept.payload), (again.1.kind, again.1.payload));
    len(bytes)
}

/// What the journal would add to an event that lacks it.
fn complete(mut event: Event<'_>) -> Event<'_> {
    event.at = match event.action {
        // Bytes that are not understood have their time in them, if any.
        Action::Unknown { .. } => None,
        _ => event.at.or(Some(Timestamp::new(1, 0))),
    };
    match &mut event.action {
        Action::SessionStart(start) => {
            start.trace_id.get_or_insert_with(|| "t".into());
        }
        Action::Text(text) => {
            text.offset.get_or_insert(0);
        }
        Action::Crash(_) => event.session = Some("s".into()),
        _ => {}
    }
    event
}

/// The record an event becomes; `None` if it is refused, as only the journal's own kinds may be.
fn recorded(memory: &Memory, journal: &Journal, event: &Event<'_>) -> Option<(Seq, Record)> {
    let seq = match journal.append(event.clone()) {
        Ok(seq) => seq,
        Err(Error::InvalidEvent { reason }) => {
            let is_known = !matches!(event.action, Action::Unknown { .. });
            assert!(!is_known, "{reason}: {event:?}");
            return None;
        }
        Err(error) => panic!("{error}: {event:?}"),
    };
    let reader = Reader::of_storage(memory.storage(), ReadMode::Strict).expect("an intact journal");
    let records = reader.records().map(|item| match item {
        Ok(Item::Record(record)) => record,
        other => panic!("{other:?} in an intact journal"),
    });
    let found = records.filter(|record| record.seq == seq).last();
    let mut found = found.expect("an acknowledged record");
    if has(Defect::PayloadCut) {
        found
            .payload
            .truncate(found.payload.len().saturating_sub(1));
    }
    Some((seq, found))
}

/// The JSON form of an event, if it can be read at all, is written as it is read.
fn reads_back(line: &str) {
    let Ok(read) = JsonLine::parse(line.as_bytes(), None) else {
        return;
    };
    let written = json(&read.event);
    let again = JsonLine::parse(written.as_bytes(), None).expect(&written);
    assert_eq!(text(&read.event), text(&again.event), "{line}");
    assert_eq!(written, json(&again.event));
}

/// An event in full; unlike the event itself, equal also where there is no number.
fn text(event: &Event<'_>) -> String {
    format!("{event:?}")
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("lengths fit")
}
