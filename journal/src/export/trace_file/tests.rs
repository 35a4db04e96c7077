//! What a TraceFile says of a session.

use serde_json::{Value, json};

use super::{TraceFileOptions, trace_file};
use crate::snapshot::Snapshot;
use crate::snapshot::testing::{fold, fold_one, killed, live};

fn export(snapshot: &Snapshot, options: &TraceFileOptions) -> Value {
    let mut out = Vec::new();
    trace_file(snapshot, &mut out, options).unwrap();
    assert_eq!(out.pop(), Some(b'\n'));
    serde_json::from_slice(&out).unwrap()
}

fn file(snapshot: &Snapshot) -> Value {
    export(snapshot, &TraceFileOptions::default())
}

fn span<'f>(file: &'f Value, id: &str) -> &'f Value {
    let spans = file["spans"].as_array().unwrap();
    let found = spans.iter().find(|span| span["spanId"] == id);
    found.unwrap_or_else(|| panic!("no span {id} in {file:#}"))
}

#[test]
fn a_finished_session_is_written_field_by_field() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"session.start","at_ms":1700000000000,"trace_id":"tr","name":"instance",
            "metadata":{"prompt":"Fix it","title":"T","owui":{"x":1},"model_id":"m",
            "provider_id":"p"}}
        {"type":"span.start","span":"g","kind":"generation","name":"generation-1",
            "at_ms":1700000001000,"model":{"model_id":"m","provider_id":"p"}}
        {"type":"text","span":"g","channel":"output","text":"hi","at_ms":1700000001500}
        {"type":"span","span":"t","parent":"g","kind":"tool","name":"bash","start_ms":1000,
            "end_ms":2000,"status":"ok","call_id":"c","input":{"cmd":"ls"},"output":"out",
            "attributes":{"k":null}}
        {"type":"span.end","span":"g","status":"ok","at_ms":1700000002000.5,
            "finish_reason":"stop","cost":0.005,"tokens":{"input":1,"output":2,"reasoning":3,
            "cache_read":4,"cache_write":5}}
        {"type":"session.end","status":"completed","at_ms":1700000003000}
        "#,
    ));
    let expected = json!({
        "version": 2, "traceId": "tr", "sessionId": "s",
        "startedAt": "2023-11-14T22:13:20.000Z", "endedAt": "2023-11-14T22:13:23.000Z",
        "metadata": {"title": "T", "model": "p/m", "providerId": "p", "prompt": "Fix it",
             "owui": {"x": 1}},
        "spans": [
            {"spanId": "root", "parentSpanId": null, "name": "instance", "kind": "session",
             "startTime": 1_700_000_000_000_i64, "endTime": 1_700_000_003_000_i64, "status": "ok",
             "input": "Fix it"},
            {"spanId": "g", "parentSpanId": "root", "name": "generation-1", "kind": "generation",
             "startTime": 1_700_000_001_000_i64, "endTime": 1_700_000_002_000_i64, "status": "ok",
             "model": {"modelId": "m", "providerId": "p"}, "finishReason": "stop",
             "tokens": {"input": 1, "output": 2, "reasoning": 3, "cacheRead": 4, "cacheWrite": 5,
                 "total": 15},
             "cost": 0.005, "output": "hi"},
            {"spanId": "t", "parentSpanId": "g", "name": "bash", "kind": "tool",
             "startTime": 1000, "endTime": 2000, "status": "ok",
             "tool": {"callId": "c", "durationMs": 1000},
             "input": {"cmd": "ls"}, "output": "out", "attributes": {"k": null}},
        ],
        "summary": {
            "totalTokens": 15, "totalCost": 0.005, "totalToolCalls": 1, "totalGenerations": 1,
            "duration": 3000, "status": "completed",
            "tokens": {"input": 1, "output": 2, "reasoning": 3, "cacheRead": 4, "cacheWrite": 5},
            "topTools": [{"name": "bash", "count": 1, "totalDuration": 1000}],
        },
    });
    let mut out = Vec::new();
    trace_file(&snapshot, &mut out, &TraceFileOptions::default()).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    let order = [
        "\"version\"",
        "\"traceId\"",
        "\"sessionId\"",
        "\"startedAt\"",
        "\"endedAt\"",
        "\"metadata\"",
        "\"title\"",
        "\"model\"",
        "\"owui\"",
        "\"spans\"",
        "\"spanId\"",
        "\"summary\"",
        "\"totalTokens\"",
        "\"topTools\"",
    ];
    let places: Vec<usize> = order.iter().map(|name| text.find(name).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn a_running_session_has_no_end() {
    let file = file(&fold_one(live(1, r#"{"type":"session.start"}"#)));
    assert_eq!(
        (file.get("endedAt"), span(&file, "root").get("endTime")),
        (None, None)
    );
    assert_eq!(file["summary"]["status"], "running");
    assert_eq!(span(&file, "root")["status"], "ok");
}

#[test]
fn what_was_interrupted_says_so_and_is_no_error() {
    let lines = r#"
        {"type":"session.start"}
        {"type":"span.start","span":"g","kind":"generation","name":"g"}
    "#;
    let dead = file(&fold_one(killed(1, lines)));
    assert_eq!(dead["summary"]["status"], "crashed");
    assert_eq!(
        dead["summary"]["error"],
        "Process exited before trace completed"
    );
    for id in ["root", "g"] {
        let span = span(&dead, id);
        assert_eq!(
            (&span["status"], &span["interrupted"]),
            (&json!("error"), &json!(true))
        );
        assert!(
            span["statusMessage"]
                .as_str()
                .unwrap()
                .contains("interrupted")
        );
        assert!(span["endTime"].is_i64());
    }
    let text = r#"{"type":"span","span":"t","kind":"tool","name":"x"}"#;
    let resumed = file(&fold(&[killed(1, lines), live(2, text)]));
    assert_eq!(span(&resumed, "root").get("interrupted"), None);
    assert_eq!(span(&resumed, "g")["interrupted"], true);
    let told = format!("{lines}\n{{\"type\":\"crash\",\"reason\":\"SIGTERM\"}}");
    let told = file(&fold_one(live(1, &told)));
    assert_eq!(told["summary"]["error"], "SIGTERM");
    assert!(
        span(&told, "root")["statusMessage"]
            .as_str()
            .unwrap()
            .contains("SIGTERM")
    );
}

#[test]
fn a_failed_session_closes_its_root_with_the_error() {
    let failed = r#"{"type":"session.end","status":"error","error":"no"}"#;
    let file = file(&fold_one(live(1, failed)));
    let root = span(&file, "root");
    assert_eq!(
        (&root["status"], &root["statusMessage"]),
        (&json!("error"), &json!("no"))
    );
    assert_eq!(
        (&file["summary"]["status"], &file["summary"]["error"]),
        (&json!("error"), &json!("no"))
    );
}

fn tool(id: usize, name: &str, rest: &str) -> String {
    format!(r#"{{"type":"span","span":"t{id}","kind":"tool","name":"{name}"{rest}}}"#)
}

#[test]
fn generations_get_their_input_and_output_from_the_tools_around_them() {
    let lines = [
        r#"{"type":"span.start","span":"g1","kind":"generation","name":"g"}"#.to_owned(),
        tool(1, "read", r#","parent":"g1","output":"text""#),
        tool(2, "grep", r#","parent":"g1","output":{"a":1}"#),
        tool(
            3,
            "bash",
            r#","parent":"g1","status":"error","output":{"error":"Step 3 failed"}"#,
        ),
        tool(
            4,
            "bash",
            r#","parent":"g1","status":"error","status_message":"told""#,
        ),
        r#"{"type":"span.start","span":"t5","kind":"tool","name":"slow"}"#.to_owned(),
        r#"{"type":"span.start","span":"g2","kind":"generation","name":"g"}"#.to_owned(),
        r#"{"type":"span.end","span":"t5","output":"late"}"#.to_owned(),
        r#"{"type":"span.start","span":"g3","kind":"generation","name":"g","input":"given"}"#
            .to_owned(),
        r#"{"type":"span.start","span":"g4","kind":"generation","name":"g"}"#.to_owned(),
    ];
    let file = file(&fold_one(live(1, &lines.join("\n"))));
    let input = |id| span(&file, id).get("input").cloned().unwrap_or_default();
    let lines = "[read] text\n[grep] {\"a\":1}\n[bash] error: Step 3 failed\n[bash] error: told";
    assert_eq!((input("g1"), input("g2")), (Value::Null, json!(lines)));
    assert_eq!((input("g3"), input("g4")), (json!("given"), Value::Null));
    assert_eq!(
        span(&file, "g1")["output"],
        "[tool calls: read, grep, bash, bash]"
    );
    assert_eq!(span(&file, "g2").get("output"), None);
}

#[test]
fn long_texts_are_cut_unless_the_file_is_full() {
    let long = "é".repeat(20_000);
    let lines = [
        tool(1, "a", &format!(r#","output":"{long}""#)),
        tool(
            2,
            "b",
            &format!(r#","status":"error","output":{{"error":"{long}"}}"#),
        ),
        tool(3, "c", &format!(r#","output":["{long}"]"#)),
        format!(
            r#"{{"type":"span","span":"u","kind":"user-message","name":"user","input":"{long}"}}"#
        ),
        format!(
            r#"{{"type":"span","span":"o","kind":"span","name":"n","input":"{long}",
                "output":"{long}"}}"#
        ),
        r#"{"type":"span.start","span":"g","kind":"generation","name":"g"}"#.to_owned(),
    ];
    let snapshot = fold_one(live(1, &lines.join("\n")));
    let short = file(&snapshot);
    let len = |value: &Value| value.as_str().unwrap().chars().count();
    assert_eq!(len(&span(&short, "t1")["output"]), 10_000);
    assert_eq!(len(&span(&short, "t2")["output"]["error"]), 10_000);
    assert_eq!(len(&span(&short, "t3")["output"]), 10_000);
    assert_eq!(len(&span(&short, "u")["input"]), 4_000);
    assert_eq!(len(&span(&short, "o")["output"]), 20_000);
    let lines: Vec<&str> = span(&short, "g")["input"]
        .as_str()
        .unwrap()
        .lines()
        .collect();
    assert_eq!(lines[0].chars().count(), "[a] ".len() + 500);
    assert_eq!(lines[1].chars().count(), "[b] error: ".len() + 200);
    let options = TraceFileOptions {
        full: true,
        ..TraceFileOptions::default()
    };
    let full = export(&snapshot, &options);
    assert_eq!(len(&span(&full, "t1")["output"]), 20_000);
    assert_eq!(len(&span(&full, "u")["input"]), 20_000);
    assert_eq!(full["summary"], short["summary"]);
}

#[test]
fn loops_are_looked_for_in_the_last_ten_calls() {
    let loops = |calls: &[(usize, &str)]| {
        let mut lines = Vec::new();
        for (count, input) in calls {
            for _ in 0..*count {
                let rest = format!(
                    r#","input":{}"#,
                    input.replace('#', &lines.len().to_string())
                );
                lines.push(tool(lines.len(), "bash", &rest));
            }
        }
        file(&fold_one(live(1, &lines.join("\n"))))["summary"]["loops"].clone()
    };
    let same = r#"{"cmd":"ls"}"#;
    let hash = format!("{:08x}", crc32fast::hash(same.as_bytes()));
    let five = json!([{"tool": "bash", "inputHash": hash, "count": 5,
        "description": "bash called 5 times with the same input"}]);
    assert_eq!(loops(&[(5, same)]), five);
    assert_eq!(loops(&[(8, "#"), (2, same)]), Value::Null);
    assert_eq!(loops(&[(198, "#"), (3, same)])[0]["count"], 3);
    assert_eq!(loops(&[(3, same), (8, "#")]), Value::Null);
    assert_eq!(loops(&[(50, same)])[0]["count"], 10);
}

#[test]
fn top_tools_are_ten_by_count() {
    let mut lines = Vec::new();
    for name in 0..12 {
        for _ in 0..=name % 6 {
            let rest = r#","start_ms":1000,"end_ms":1500"#;
            lines.push(tool(lines.len(), &format!("n{name}"), rest));
        }
    }
    lines.push(tool(lines.len(), "", ""));
    let file = file(&fold_one(live(1, &lines.join("\n"))));
    let top = file["summary"]["topTools"].as_array().unwrap();
    let names: Vec<&str> = top
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["n5", "n11", "n4", "n10", "n3", "n9", "n2", "n8", "n1", "n7"]
    );
    assert_eq!(
        top[0],
        json!({"name": "n5", "count": 6, "totalDuration": 3000})
    );
    assert_eq!(
        file["spans"].as_array().unwrap().last().unwrap()["name"],
        "unknown"
    );
}

#[test]
fn a_model_is_named_with_its_provider() {
    for (metadata, model) in [
        (r#"{"model_id":"m","provider_id":"p"}"#, json!("p/m")),
        (r#"{"modelId":"p/m","providerId":"p"}"#, json!("p/m")),
        (
            r#"{"model_id":"meta/m","provider_id":"p"}"#,
            json!("p/meta/m"),
        ),
        (r#"{"model":"p/m"}"#, json!("p/m")),
        (r#"{"model":"q/m","provider_id":"p"}"#, json!("q/m")),
        (r#"{"model":"m","provider_id":"p"}"#, json!("p/m")),
        (
            r#"{"model":{"model_id":"m","provider_id":"p"}}"#,
            json!("p/m"),
        ),
        (r#"{"model":"m"}"#, json!("m")),
        (r#"{"model":7}"#, json!(7)),
        (r#"{"model":"","provider_id":"p"}"#, Value::Null),
    ] {
        let start = format!(r#"{{"type":"session.start","metadata":{metadata}}}"#);
        let file = file(&fold_one(live(1, &start)));
        assert_eq!(file["metadata"]["model"], model, "{metadata}");
    }
}

#[test]
fn a_narrative_is_passed_through() {
    let start = r#"{"type":"session.start","metadata":{"narrative":"Once","tags":["a"]}}"#;
    let file = file(&fold_one(live(1, start)));
    assert_eq!(file["summary"]["narrative"], "Once");
    assert_eq!(file["metadata"], json!({"tags": ["a"]}));
}

#[test]
fn too_many_spans_are_elided_in_the_middle() {
    let mut lines = vec![];
    for i in 0..99 {
        let parent = if i == 0 {
            "root".to_owned()
        } else {
            format!("t{}", i - 1)
        };
        lines.push(tool(i, "x", &format!(r#","parent":"{parent}","cost":1"#)));
    }
    lines.insert(0, r#"{"type":"session.start"}"#.to_owned());
    let snapshot = fold_one(live(1, &lines.join("\n")));
    for (max, head) in [(10, 3), (50, 15), (99, 29), (2, 1), (0, 1), (3, 1)] {
        let file = export(
            &snapshot,
            &TraceFileOptions {
                max_spans: max,
                full: false,
            },
        );
        let spans = file["spans"].as_array().unwrap();
        let max = max.max(2);
        assert_eq!(spans.len(), max);
        let marker = &spans[head];
        let attributes = json!({"elided": 100 - (max - 1), "total": 100});
        assert_eq!(
            (&marker["attributes"], &marker["spanId"]),
            (&attributes, &json!("elided"))
        );
        assert_eq!(spans[0]["spanId"], "root");
        if max > 3 {
            assert_eq!(spans[max - 1]["spanId"], "t98");
            assert_eq!(spans[head + 1]["parentSpanId"], spans[head - 1]["spanId"]);
        }
        assert_eq!(file["summary"]["totalToolCalls"], 99);
        assert_eq!(file["summary"]["totalCost"], 99);
    }
    for max in [100, 101, usize::MAX] {
        let file = export(
            &snapshot,
            &TraceFileOptions {
                max_spans: max,
                full: false,
            },
        );
        assert_eq!(file["spans"].as_array().unwrap().len(), 100);
    }
}

#[test]
fn a_writer_that_fails_gives_its_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let snapshot = fold_one(live(1, ""));
    let error = trace_file(&snapshot, &mut Full, &TraceFileOptions::default()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}
