//! Promises: killed, unwaited, hands-off.
//!
//! Sessions whose segment ends too early, at every record and at every byte of the last one: what
//! comes back is what the records before the cut add up to, and writing goes on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use journal_tests::event_child::EventChild;
use journal_tests::reference_reader::ReferenceJournal;
use serde_json::Value;
use trace_journal::{Journal, Loss, Reader};

const SCRIBE: &str = env!("CARGO_BIN_EXE_journal-event-child");

/// The first kind of records that belong to sessions.
const SESSION_KINDS: u8 = 16;
/// A crash note is one, too.
const CRASH_NOTE: u8 = 10;

const FINISHED: &[&str] = &[
    r#"{"type":"session.start","session":"s","at_ms":1000,"trace_id":"t",
        "metadata":{"title":"T"}}"#,
    r#"{"type":"span.start","session":"s","span":"g","kind":"generation","name":"g","at_ms":2000}"#,
    r#"{"type":"text","session":"s","span":"g","channel":"output","text":"I'll ","at_ms":3000}"#,
    r#"{"type":"text","session":"s","span":"g","channel":"output","text":"look","at_ms":3500}"#,
    r#"{"type":"span","session":"s","span":"t","parent":"g","kind":"tool","name":"x",
        "at_ms":4000}"#,
    r#"{"type":"span.end","session":"s","span":"g","at_ms":5000,"cost":0.5,"tokens":{"input":7}}"#,
    r#"{"type":"session.end","session":"s","at_ms":6000,"status":"completed"}"#,
];

const CRASHED: &[&str] = &[
    r#"{"type":"session.start","session":"s","at_ms":1000,"trace_id":"t"}"#,
    r#"{"type":"span.start","session":"s","span":"g","kind":"generation","name":"g","at_ms":2000}"#,
    r#"{"type":"crash","session":"s","reason":"early","at_ms":3000}"#,
    r#"{"type":"session.end","session":"s","at_ms":6000,"status":"completed"}"#,
    r#"{"type":"crash","session":"s","reason":"late","at_ms":7000}"#,
];

const REOPENED: &[&str] = &[
    r#"{"type":"session.start","session":"s","at_ms":1000,"trace_id":"t"}"#,
    r#"{"type":"span.start","session":"s","span":"o","kind":"tool","name":"x","at_ms":2000}"#,
    r#"{"type":"session.end","session":"s","at_ms":3000,"status":"error","error":"no"}"#,
    r#"{"type":"log","session":"s","level":"info","message":"late","at_ms":4000}"#,
    r#"{"type":"session.start","session":"s","at_ms":5000}"#,
    r#"{"type":"counter","session":"s","name":"n","value":1,"at_ms":6000}"#,
    r#"{"type":"session.update","session":"s","metadata":{"title":"T"},"at_ms":7000}"#,
];

/// How the bytes behind a cut are lost.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Shortened,
    Zeroed,
}

/// A session's only segment and where its records end.
struct Written {
    name: PathBuf,
    bytes: Vec<u8>,
    /// Begin and end of each record of the session.
    records: Vec<(usize, usize)>,
    /// The snapshot after so many records.
    states: BTreeMap<usize, Value>,
}

impl Written {
    fn new(lines: &[&str]) -> Written {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), lines);
        let plain = ReferenceJournal::read(dir.path());
        let run = *plain.runs.keys().next().unwrap();
        let of_session = plain.run(run).into_iter().map(|(_, record)| record);
        let of_session = of_session.filter(|r| r.kind >= SESSION_KINDS || r.kind == CRASH_NOTE);
        let place = |offset: u64| usize::try_from(offset).unwrap();
        let records: Vec<_> = of_session
            .map(|r| (place(r.offset), place(r.end)))
            .collect();
        assert_eq!(records.len(), lines.len());
        let name = segment(dir.path());
        let mut states = BTreeMap::new();
        for count in 1..=lines.len() {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), &lines[..count]);
            states.insert(count, state(dir.path()).unwrap());
        }
        Written {
            bytes: fs::read(dir.path().join(&name)).unwrap(),
            name,
            records,
            states,
        }
    }

    /// A journal of the segment as it is after the cut.
    fn cut(&self, at: usize, cut: Cut) -> tempfile::TempDir {
        let mut bytes = self.bytes[..at].to_vec();
        if let Cut::Zeroed = cut {
            bytes.resize(self.bytes.len(), 0);
        }
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(&self.name), bytes).unwrap();
        dir
    }

    fn check(&self, at: usize, cut: Cut) {
        let whole = self.records.iter().filter(|(_, end)| *end <= at).count();
        let dir = self.cut(at, cut);
        let before = fs::read(dir.path().join(&self.name)).unwrap();
        let found = state(dir.path());
        assert_eq!(found.as_ref(), self.states.get(&whole), "{cut:?} at {at}");
        if let (Cut::Zeroed, true) = (cut, whole > 0) {
            let loss = Reader::open(dir.path())
                .unwrap()
                .snapshot("s")
                .unwrap()
                .loss();
            assert!(
                matches!(loss, Loss::None | Loss::Tail),
                "{cut:?} at {at}: {loss:?}"
            );
        }
        let journal = Journal::open(dir.path()).unwrap();
        let more = r#"{"type":"span","session":"s","span":"more","kind":"tool","name":"x"}"#;
        journal.append_json(more).unwrap();
        journal.close().unwrap();
        let after = state(dir.path()).unwrap();
        let spans_before = found.map_or(1, |state| state["spans"].as_array().unwrap().len());
        let spans = after["spans"].as_array().unwrap();
        assert_eq!(spans.len(), spans_before + 1, "{cut:?} at {at}");
        assert_eq!(spans[spans_before]["id"], "more");
        assert_eq!(after["status"], "crashed");
        assert!(
            fs::read(dir.path().join(&self.name)).unwrap() == before,
            "{cut:?} at {at}"
        );
    }
}

/// Has a process write the lines and be killed.
fn write(dir: &Path, lines: &[&str]) {
    let mut child = EventChild::start(SCRIBE, dir);
    child.write(&lines.join("\n"));
    child.kill();
}

fn segment(dir: &Path) -> PathBuf {
    let names = fs::read_dir(dir)
        .unwrap()
        .map(|found| found.unwrap().file_name());
    let mut names = names.map(PathBuf::from);
    names
        .find(|name| name.extension().is_some_and(|end| end == "seg"))
        .unwrap()
}

/// The snapshot without what tells one run from another, if the session is there.
fn state(dir: &Path) -> Option<Value> {
    let snapshot = Reader::open(dir).unwrap().snapshot("s").ok()?;
    let mut state = serde_json::to_value(&snapshot).unwrap();
    let members = state.as_object_mut().unwrap();
    members.remove("runs");
    members.remove("loss");
    for note in members["notes"].as_array_mut().unwrap() {
        let note = note.as_object_mut().unwrap();
        note.remove("run");
        note.remove("seq");
    }
    Some(state)
}

#[test]
fn a_cut_at_any_record_gives_what_is_before_it() {
    for lines in [FINISHED, CRASHED, REOPENED] {
        let written = Written::new(lines);
        for (begin, end) in &written.records {
            for cut in [Cut::Shortened, Cut::Zeroed] {
                written.check(*begin, cut);
                written.check(*end, cut);
            }
        }
    }
}

#[test]
fn a_cut_at_any_byte_of_the_last_record_costs_that_record() {
    let written = Written::new(FINISHED);
    let (begin, end) = *written.records.last().unwrap();
    // Zeros behind the payload are padding, so the record may be whole a little before its end.
    for at in begin..end - 8 {
        written.check(at, Cut::Shortened);
        written.check(at, Cut::Zeroed);
    }
    for at in end - 8..end {
        let found = state(written.cut(at, Cut::Zeroed).path());
        let states = [
            &written.states[&(FINISHED.len() - 1)],
            &written.states[&FINISHED.len()],
        ];
        assert!(states.contains(&&found.unwrap()));
    }
}
