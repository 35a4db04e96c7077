//! Traces recorded by other programs, as the JSON lines that `trace-recover ingest` reads.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A Chrome trace: complete events and begin/end pairs become spans, the rest custom events.
///
/// # Panics
/// If `trace` is no Chrome trace.
#[must_use]
pub fn chrome_trace(session: &str, trace: &Value) -> Vec<String> {
    let events = trace.as_array().or_else(|| trace["traceEvents"].as_array());
    let events = events.expect("a Chrome trace is an array of events");
    let mut open: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut lines = vec![json!({"type": "session.start", "session": session})];
    for (number, event) in (1..).zip(events) {
        let stack = open
            .entry(format!("{}/{}", event["pid"], event["tid"]))
            .or_default();
        let at_ms = milliseconds(&event["ts"]);
        let span = format!("e{number}");
        let mut line = json!({"session": session, "at_ms": at_ms});
        let members = line.as_object_mut().expect("just made");
        match event["ph"].as_str() {
            Some("X") => {
                members.extend(span_members("span", &span, stack.last(), event));
                members.insert("start_ms".into(), json!(at_ms));
                let end_ms = at_ms + milliseconds(&event["dur"]);
                members.insert("end_ms".into(), json!(end_ms));
            }
            Some("B") => {
                members.extend(span_members("span.start", &span, stack.last(), event));
                stack.push(span);
            }
            Some("E") if !stack.is_empty() => {
                members.insert("type".into(), json!("span.end"));
                members.insert("span".into(), json!(stack.pop()));
                members.insert("status".into(), json!("ok"));
            }
            _ => members.extend(custom_members("chrome", event)),
        }
        lines.push(line);
    }
    lines.iter().map(Value::to_string).collect()
}

/// OTLP/JSON traces: every span as one event after the fact.
#[must_use]
pub fn otlp_trace(session: &str, trace: &Value) -> Vec<String> {
    let mut lines = vec![json!({"type": "session.start", "session": session})];
    for span in members_below(trace, &["resourceSpans", "scopeSpans", "spans"]) {
        let attributes: Map<String, Value> = members_below(span, &["attributes"])
            .iter()
            .map(|pair| (text(&pair["key"]), pair["value"]["stringValue"].clone()))
            .collect();
        lines.push(json!({
            "type": "span",
            "session": session,
            "span": span["spanId"],
            "parent": span["parentSpanId"],
            "trace_id": span["traceId"],
            "kind": "span",
            "otlp_kind": span["kind"],
            "name": span["name"],
            "start_ns": span["startTimeUnixNano"],
            "end_ns": span["endTimeUnixNano"],
            "status": "ok",
            "attributes": attributes,
        }));
    }
    lines.iter().map(Value::to_string).collect()
}

/// Recorded JSON lines of any shape: each becomes a custom event that carries it whole.
#[must_use]
pub fn recorded_lines(session: &str, lines: &[Value]) -> Vec<String> {
    let mut events = vec![json!({"type": "session.start", "session": session})];
    for line in lines {
        let mut event = json!({"session": session});
        let members = event.as_object_mut().expect("just made");
        members.extend(custom_members("recorded", line));
        events.push(event);
    }
    events.push(json!({"type": "session.end", "session": session, "status": "completed"}));
    events.iter().map(Value::to_string).collect()
}

fn span_members(
    kind: &str,
    span: &str,
    parent: Option<&String>,
    event: &Value,
) -> Map<String, Value> {
    let members = json!({
        "type": kind,
        "span": span,
        "parent": parent,
        "kind": "span",
        "name": event["name"],
        "attributes": {"cat": event["cat"], "args": event["args"]},
    });
    members.as_object().cloned().unwrap_or_default()
}

fn custom_members(name: &str, whole: &Value) -> Map<String, Value> {
    let members = json!({"type": "custom", "name": name, "data": whole});
    members.as_object().cloned().unwrap_or_default()
}

/// All members of the arrays that lie that deep below each other.
fn members_below<'a>(value: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    let Some((name, rest)) = names.split_first() else {
        return vec![value];
    };
    let members = value[*name].as_array().into_iter().flatten();
    members
        .flat_map(|member| members_below(member, rest))
        .collect()
}

/// Chrome counts in microseconds.
fn milliseconds(microseconds: &Value) -> f64 {
    microseconds.as_f64().unwrap_or(0.0) / 1000.0
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begin_and_end_make_one_span_below_another() {
        let trace = json!([
            {"ph": "B", "ts": 1000, "pid": 1, "tid": 1, "name": "a"},
            {"ph": "X", "ts": 1500, "dur": 200, "pid": 1, "tid": 1, "name": "b"},
            {"ph": "E", "ts": 2000, "pid": 1, "tid": 1, "name": "a"},
        ]);
        let lines = chrome_trace("s", &trace);
        let lines: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[1]["type"], "span.start");
        assert_eq!(
            (&lines[2]["parent"], &lines[2]["end_ms"]),
            (&json!("e1"), &json!(1.7))
        );
        assert_eq!(
            (&lines[3]["type"], &lines[3]["span"]),
            (&json!("span.end"), &json!("e1"))
        );
    }
}
