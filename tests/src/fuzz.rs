//! What the fuzz targets do with bytes; the suite `fuzz` does it with random ones.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use trace_journal::event::Action;
use trace_journal::export::{self, TraceFileOptions};
use trace_journal::format::{
    FRAMES_OFFSET, FrameHeader, FramePlace, FrameSeed, RecordKind, SegmentHeader,
};
use trace_journal::{
    Event, Generation, Item, Journal, JsonLine, Mode, Reader, Report, RunId, SegmentNumber,
};

/// The run all made-up segments belong to.
const RUN: RunId = RunId {
    generation: Generation(1),
    random: 0xf0f0_f0f0_f0f0_f0f0,
};

/// Any bytes as a segment: as the whole file, behind an intact header, or as the payloads of
/// frames that are intact.
///
/// # Panics
/// If reading panics, is not the same twice, changes the file, or gives more than there can be.
pub fn frame(bytes: &[u8]) {
    let Some((form, rest)) = bytes.split_first() else {
        return;
    };
    let file = match form % 3 {
        0 => rest.to_vec(),
        1 => [header(rest.len()), rest.to_vec()].concat(),
        _ => {
            let frames = framed(rest);
            [header(frames.len()), frames].concat()
        }
    };
    PLACE.with_borrow(|place| {
        let path = place.segment();
        fs::write(&path, &file).expect("the temporary directory can be written");
        for mode in [Mode::Salvage, Mode::Prefix, Mode::Strict] {
            let seen = look(place, mode);
            assert_eq!(seen, look(place, mode), "not the same twice");
            assert!(seen.records * 16 <= file.len(), "more records than bytes");
        }
        assert!(
            fs::read(&path).is_ok_and(|now| now == file),
            "the file was changed"
        );
    });
}

/// Any bytes as a line of JSON: what is taken is written as it is read, and survives the journal.
///
/// # Panics
/// If an event that was taken changes on its way.
pub fn event(bytes: &[u8]) {
    let Ok(line) = JsonLine::parse(bytes, Some("s")) else {
        return;
    };
    let written = json(&line.event);
    let again = JsonLine::parse(written.as_bytes(), None).expect("what is written can be read");
    assert_eq!(written, json(&again.event));
    let place = tempfile::tempdir().expect("a temporary directory");
    let journal = Journal::open(place.path()).expect("an empty directory");
    let told = told(&line.event);
    if journal.append_line(line).is_err() {
        return;
    }
    let reader = Reader::open(place.path()).expect("a journal");
    let records = reader.records().filter_map(|item| match item {
        Ok(Item::Record(record)) if !record.kind.is_system() => Some(record),
        _ => None,
    });
    let kept: Vec<Action<'_>> = records.map(|record| self::told(&record.event())).collect();
    assert_eq!(kept, [told], "{written}");
    for id in reader.ids() {
        render(&reader, id);
    }
}

/// What happened, without what the journal adds when it is left out.
fn told(event: &Event<'_>) -> Action<'static> {
    let mut action = event.action.clone().into_owned();
    match &mut action {
        Action::SessionStart(start) => start.trace_id = None,
        Action::Text(text) => text.offset = None,
        _ => {}
    }
    action
}

/// What a reader saw, in short.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    records: usize,
    gaps: usize,
    errors: usize,
    text: String,
}

fn look(place: &Place, mode: Mode) -> Seen {
    let mut seen = Seen::default();
    let reader = match Reader::open_mode(place.dir.path(), mode) {
        Ok(reader) => reader,
        Err(error) => {
            seen.text = error.to_string();
            return seen;
        }
    };
    for item in reader.records() {
        match item {
            Ok(Item::Record(record)) => {
                seen.records += 1;
                // Whether the line is taken or refused, nothing may panic.
                let _ = JsonLine::parse(json(&record.event()).as_bytes(), None);
            }
            Ok(Item::Gap(_)) => seen.gaps += 1,
            Err(_) => seen.errors += 1,
        }
    }
    let report: Report = reader.report();
    seen.text = json(&report);
    for id in reader.ids() {
        seen.text += &render(&reader, id);
    }
    seen
}

/// A session in all forms.
fn render(reader: &Reader, id: &str) -> String {
    let Ok(snapshot) = reader.snapshot(id) else {
        return String::new();
    };
    let mut out = Vec::new();
    let options = TraceFileOptions::default();
    let written = export::trace_file(&snapshot, &mut out, &options);
    written.expect("memory can be written");
    assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
    json(&snapshot)
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("everything has a JSON form")
}

/// Two header pages of a segment with that many bytes behind them.
fn header(len: usize) -> Vec<u8> {
    let header = SegmentHeader {
        run: RUN,
        segment: SegmentNumber::FIRST,
        file_len: FRAMES_OFFSET + u64::try_from(len).expect("lengths fit"),
    };
    header.encode_page().repeat(2)
}

/// Frames that are intact, whatever their payloads say: kind, session and length of each are taken
/// from the bytes too.
fn framed(mut bytes: &[u8]) -> Vec<u8> {
    let seed = FrameSeed::new(RUN, SegmentNumber::FIRST);
    let mut frames = Vec::new();
    let mut relative_seq = 0;
    while let Some(([kind, session, len], rest)) = bytes.split_first_chunk::<3>() {
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*len)));
        bytes = rest;
        let place = FramePlace {
            seed,
            offset: FRAMES_OFFSET + u64::try_from(frames.len()).expect("lengths fit"),
            relative_seq,
        };
        // A kind of 0 leaves a number out.
        relative_seq += 1 + u32::from(*kind == 0);
        let kind = RecordKind((*kind).max(1));
        let header = FrameHeader::new(place, kind, u32::from(session % 4), payload);
        frames.extend(header.encode());
        frames.extend(payload);
        frames.resize(frames.len().next_multiple_of(8), 0);
    }
    frames
}

/// A directory with one segment, used again and again.
struct Place {
    dir: TempDir,
}

impl Place {
    fn segment(&self) -> PathBuf {
        self.dir.path().join(format!("{RUN}-000001.seg"))
    }
}

thread_local! {
    static PLACE: RefCell<Place> = RefCell::new(Place {
        dir: tempfile::tempdir().expect("a temporary directory"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framed_bytes_are_records() {
        let frames = framed(&[128, 0, 1, b'a', 129, 1, 0, 128, 2, 200, b'b']);
        let place = Place {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::write(place.segment(), [header(frames.len()), frames].concat()).unwrap();
        assert_eq!(look(&place, Mode::Salvage).records, 3);
    }
}
