//! Small sessions as JSON lines, and a journal made of them.

use std::path::Path;

use serde_json::{Value, json};

use crate::command::{Ran, run_with};

/// A session with a generation and a tool below it, all ended, then the session itself.
#[must_use]
pub fn completed(session: &str) -> Vec<String> {
    let mut lines = opened(session);
    lines.extend(lines_of(&[
        json!({"type": "span.end", "session": session, "span": "t1", "at_ms": 3000, "status": "ok",
               "output": "README.md"}),
        json!({"type": "span.end", "session": session, "span": "g1", "at_ms": 4000, "status": "ok",
               "finish_reason": "stop", "cost": 0.005, "tokens": {"input": 1000, "output": 200,
               "reasoning": 50, "cache_read": 100, "cache_write": 25}}),
        json!({"type": "session.end", "session": session, "at_ms": 5000, "status": "completed"}),
    ]));
    lines
}

/// The same session up to where its tool is running.
#[must_use]
pub fn opened(session: &str) -> Vec<String> {
    lines_of(&[
        json!({"type": "session.start", "session": session, "at_ms": 1000,
               "metadata": {"title": "Fix the bug", "prompt": "Please fix the bug"}}),
        json!({"type": "span.start", "session": session, "span": "g1", "kind": "generation",
               "name": "chat", "at_ms": 1500, "model": {"model_id": "m", "provider_id": "p"}}),
        json!({"type": "text", "session": session, "span": "g1", "channel": "output",
               "text": "I'll look", "at_ms": 1600}),
        json!({"type": "span.start", "session": session, "span": "t1", "parent": "g1",
               "kind": "tool", "name": "bash", "at_ms": 2000, "input": {"cmd": "ls"},
               "call_id": "c1"}),
        json!({"type": "text", "session": session, "span": "t1", "channel": "stdout",
               "text": "half a li", "at_ms": 2500}),
    ])
}

/// Ingests lines; the whole must be accepted.
#[track_caller]
pub fn ingest(dir: &Path, lines: &[String]) -> Ran {
    let args = ["ingest".as_ref(), dir.as_os_str()];
    run_with(args, lines.join("\n").as_bytes()).code(0)
}

fn lines_of(events: &[Value]) -> Vec<String> {
    events.iter().map(Value::to_string).collect()
}
