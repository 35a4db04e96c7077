//! Valid things to start from: lines, and the payloads they become.

use std::sync::LazyLock;

use trace_journal::{Item, Journal, Mode, Reader};

use super::memory::Memory;

/// A payload with its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Kind of the record.
    pub(super) kind: u8,
    /// Its bytes.
    pub(super) payload: Vec<u8>,
}

/// A journal in memory, without threads and with small segments.
///
/// # Panics
/// If it cannot be opened.
#[must_use]
pub(super) fn open(memory: &Memory) -> Journal {
    let options = Journal::options().storage(memory.storage()).stepped();
    let opened = options.segment_bytes_max(SEGMENT_LEN).open("memory");
    opened.expect("nothing is in the way")
}

/// Size of the segments of [`open`].
pub(super) const SEGMENT_LEN: u64 = 16 << 10;

/// One line of every type there is, most with every member.
pub(super) const LINES: [&str; 17] = [
    r#"{"type":"session.start","session":"s","at_ms":1.5,"trace_id":"0123456789abcdef0123456789abcdef","name":"n","span":"p","parent_session":"q","forked_at":{"run":"00000001-00000000000000ff","seq":7},"metadata":{"title":"t","n":[1,2.5,null,true,{"$bytes":"AAE="}]}}"#,
    r#"{"type":"session.update","session":"s","name":"m","metadata":{"prompt":"do","deep":{"a":{"b":[[]]}}}}"#,
    r#"{"type":"span.start","session":"s","span":"g1","parent":null,"kind":"generation","name":"chat","at_ns":"1700000000000000001","model":{"model_id":"m","provider_id":"p","variant":"v"},"input":[1],"otlp_kind":3}"#,
    r#"{"type":"text","session":"s","span":"g1","channel":"output","text":"I'll look","offset":0}"#,
    r#"{"type":"text","session":"s","span":"g1","channel":"reasoning","text":"\u00e9\ud83d\ude00\n"}"#,
    r#"{"type":"span.update","session":"s","span":"g1","name":"c","status":"ok","status_message":"x","attributes":{"k":1e300}}"#,
    r#"{"type":"span.start","session":"s","span":"t1","parent":"g1","kind":"tool","name":"bash","call_id":"c","input":{"cmd":"ls"}}"#,
    r#"{"type":"span.end","session":"s","span":"t1","at_ms":-3,"status":"error","output":"README.md","ended_by_drop":true}"#,
    r#"{"type":"span","session":"s","span":"t2","parent":"t1","kind":"tool","name":"bash","start_ms":1000,"end_ms":2000,"status":"ok","call_id":"d","input":"i","output":"o"}"#,
    r#"{"type":"span.end","session":"s","span":"g1","status":"ok","finish_reason":"stop","cost":0.005,"tokens":{"input":1500,"output":300,"reasoning":-1,"cache_read":0.5,"cache_write":null}}"#,
    r#"{"type":"log","session":"s","span":"g1","level":"warn","message":{"a":18446744073709551615},"event_name":"e","attributes":{"k":"v"}}"#,
    r#"{"type":"link","session":"s","span":"g1","to_trace_id":"0123456789abcdef0123456789abcdef","to_session":"u","to_span":"x","attributes":{}}"#,
    r#"{"type":"counter","session":"s","name":"c","value":-9007199254740993,"unit":"u","span":"g1"}"#,
    r#"{"type":"crash","session":"s","reason":"SIGTERM","location":"a.rs:1"}"#,
    r#"{"type":"unknown","session":"s","kind":200,"data":{"$bytes":"AAEC"}}"#,
    r#"{"type":"mine","session":"s","run":"00000001-00000000000000ff","seq":9,"anything":[[[[]]]],"x":null}"#,
    r#"{"type":"session.end","session":"s","status":"error","error":"gone","extra":{"y":-0.0}}"#,
];

/// The records of a small closed journal, the library's own first.
pub(super) static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let reader = Reader::of_storage(closed().storage(), Mode::Strict);
    let records = reader.expect("an intact journal").records();
    let samples = records.map(|item| match item {
        Ok(Item::Record(record)) => Sample {
            kind: record.kind.0,
            payload: record.payload.to_vec(),
        },
        other => panic!("{other:?} in an intact journal"),
    });
    samples.collect()
});

/// A journal with a record of each kind, closed.
///
/// # Panics
/// If a line is refused.
#[must_use]
pub(super) fn closed() -> Memory {
    let memory = Memory::new(1);
    let journal = open(&memory);
    for line in LINES {
        journal.append_json(line).expect("a valid line");
    }
    journal.sync().expect("memory does not fail");
    journal.close().expect("memory does not fail");
    memory
}
