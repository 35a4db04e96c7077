//! Any bytes as JSON lines.

use trace_journal::event::Action;
use trace_journal::event::JsonLine;
use trace_journal::{Error, Event, Item, ReadMode, Reader};

use super::memory::Memory;
use super::pool::open;
use super::read_all_ways::{json, read_all_ways};

/// Lines as `ingest` reads them: what is taken is written as it is read, and survives the journal.
///
/// # Panics
/// If an event that was taken changes on its way.
pub(super) fn ingest(bytes: &[u8]) -> u64 {
    let memory = Memory::new(1);
    let journal = open(&memory);
    let mut told = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').take(LINES_MAX) {
        let Ok(read) = JsonLine::parse(line, Some("s")) else {
            continue;
        };
        let event = read.event.clone().into_owned();
        let written = json(&event);
        let again = JsonLine::parse(written.as_bytes(), None).expect(&written);
        if is_said_by_json(&event) {
            assert_eq!(event, again.event, "{written}");
            assert_eq!(written, json(&again.event));
        } else {
            assert!(is_said_by_json(&again.event), "{written}");
        }
        match journal.append_parsed(read) {
            Ok(_) => told.push(without_additions(&event)),
            Err(Error::InvalidEvent { .. }) => {}
            Err(error) => panic!("{error}: {written}"),
        }
    }
    let reader = Reader::of_storage(memory.storage(), ReadMode::Strict).expect("an intact journal");
    let mut kept = Vec::new();
    for item in reader.records() {
        match item {
            Ok(Item::Record(record)) if record.kind.is_system() => {}
            Ok(Item::Record(record)) => kept.push(without_additions(&record.event())),
            other => panic!("{other:?} in an intact journal"),
        }
    }
    assert_eq!(kept, told);
    drop(journal);
    let _ = read_all_ways(&memory);
    memory.size() + u64::try_from(bytes.len()).expect("lengths fit")
}

/// Whether JSON has words for all of an event: for NaN and the infinities, which the reader takes
/// in with a warning, it has none but null.
fn is_said_by_json(event: &Event<'_>) -> bool {
    let shown = format!("{event:?}");
    let has = |float| shown.contains(float);
    !["F64(NaN)", "F64(inf)", "F64(-inf)"].into_iter().any(has)
}

/// An event without what the journal adds where it is left out, as text: NaN is not equal to NaN.
fn without_additions(event: &Event<'_>) -> String {
    let mut event = event.clone().into_owned();
    event.at = None;
    if event.session.as_deref() == Some("") {
        event.session = Some("unknown".into());
    }
    match &mut event.action {
        Action::SessionStart(start) => start.trace_id = None,
        Action::Text(text) => text.offset = None,
        _ => {}
    }
    format!("{event:?}")
}

const LINES_MAX: usize = 64;
