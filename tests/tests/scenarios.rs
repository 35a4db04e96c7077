//! Promises: killed, many-processes, clock, private.
//!
//! Sessions as coding agents write them, through the library, in a process that is killed; then
//! what a reader makes of what it left.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use journal_tests::agent::Agent;
use journal_tests::event_child::EventChild;
use serde_json::{Value, json};
use tempfile::TempDir;
use trace_journal::export::{self, TraceFileOptions};
use trace_journal::{Item, Journal, Loss, Number, Reader, SessionStatus, SessionSummary, Snapshot};

const SCRIBE: &str = env!("CARGO_BIN_EXE_journal-event-child");

/// A journal and the processes that write it.
struct Scene {
    dir: TempDir,
}

impl Scene {
    fn new() -> Scene {
        Scene {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn child(&self) -> EventChild {
        EventChild::start(SCRIBE, self.path())
    }

    /// A process that writes these lines and is still there.
    fn live(&self, lines: &str) -> EventChild {
        let mut child = self.child();
        child.write(lines);
        child
    }

    /// A process that wrote these lines and was killed.
    fn killed(&self, lines: &str) {
        self.live(lines).kill();
    }

    /// A process that wrote these lines and closed the journal.
    fn closed(&self, lines: &str) {
        self.live(lines).close();
    }

    fn snapshot(&self, session: &str) -> Snapshot {
        let snapshot = Reader::open(self.path())
            .unwrap()
            .snapshot(session)
            .unwrap();
        assert_eq!(snapshot.loss(), Loss::None);
        let rows = Reader::summaries(self.path()).unwrap().sessions;
        let row = rows.into_iter().find(|row| row.id == session);
        // A snapshot's records are read; a row may come from a cache, and says so.
        let row = row.map(|mut row| {
            row.verified = true;
            row
        });
        assert_eq!(row, Some(SessionSummary::from(&snapshot)));
        snapshot
    }

    fn file(&self, session: &str) -> Value {
        trace_file(&self.snapshot(session))
    }
}

fn trace_file(snapshot: &Snapshot) -> Value {
    let mut out = Vec::new();
    export::trace_file(snapshot, &mut out, &TraceFileOptions::default()).unwrap();
    serde_json::from_slice(&out).unwrap()
}

fn spans_of<'f>(file: &'f Value, kind: &str) -> Vec<&'f Value> {
    let spans = file["spans"].as_array().unwrap();
    spans.iter().filter(|span| span["kind"] == kind).collect()
}

fn errors(file: &Value) -> usize {
    let spans = file["spans"].as_array().unwrap();
    let is_error = |span: &&Value| span["status"] == "error" && span["interrupted"] != true;
    spans.iter().filter(is_error).count()
}

const START: &str = r#"{"agent":"start","session":"s","metadata":{"prompt":"Fix the bug"}}"#;
const STEP: &str = r#"{"agent":"step-start","session":"s","id":"1"}"#;
const TOOL: &str =
    r#"{"agent":"tool","session":"s","name":"bash","start":1000,"end":2000,"output":"ok"}"#;
const IDLE: &str = r#"{"agent":"idle","session":"s"}"#;
const END: &str = r#"{"agent":"end","session":"s"}"#;

fn lines(lines: &[&str]) -> String {
    lines.join("\n")
}

fn tool(name: &str, rest: &str) -> String {
    format!(
        r#"{{"agent":"tool","session":"s","name":"{name}","start":1000,"end":2000,
            "output":"out"{rest}}}"#
    )
}

fn crash(reason: &str) -> String {
    format!(r#"{{"agent":"crash","session":"s","reason":"{reason}"}}"#)
}

#[test]
fn s1_a_finished_turn() {
    let scene = Scene::new();
    scene.closed(&lines(&[
        START,
        r#"{"agent":"assistant-message","session":"s","id":"a1"}"#,
        STEP,
        r#"{"agent":"text","message":"a1","text":"I'll look at "}"#,
        r#"{"agent":"text","message":"a1","text":"the code."}"#,
        TOOL,
        r#"{"agent":"step-finish","session":"s","reason":"stop","cost":0.005,
            "tokens":[1500,300,100,200,50]}"#,
        END,
    ]));
    let file = scene.file("s");
    let summary = &file["summary"];
    assert_eq!(summary["status"], "completed");
    assert_eq!(file["spans"].as_array().unwrap().len(), 3);
    assert_eq!(
        (&summary["totalTokens"], &summary["totalCost"]),
        (&json!(2150), &json!(0.005))
    );
    assert_eq!(
        (&summary["totalToolCalls"], &summary["totalGenerations"]),
        (&json!(1), &json!(1))
    );
    let generation = spans_of(&file, "generation")[0];
    assert_eq!(generation["output"], "I'll look at the code.");
    assert_eq!(
        (&generation["finishReason"], &generation["spanId"]),
        (&json!("stop"), &json!("generation-1"))
    );
    let tool = spans_of(&file, "tool")[0];
    assert_eq!(
        (&tool["tool"]["durationMs"], &tool["parentSpanId"]),
        (&json!(1000), &json!("generation-1"))
    );
    let snapshot = scene.snapshot("s");
    assert_eq!((snapshot.totals().records, snapshot.notes().len()), (7, 0));
    assert_eq!(snapshot.runs()[0].records, 7);
    let root = &file["spans"][0];
    assert_eq!(
        (&root["status"], root.get("statusMessage")),
        (&json!("ok"), None)
    );
    assert_eq!(
        (&root["input"], &root["parentSpanId"]),
        (&json!("Fix the bug"), &Value::Null)
    );
    assert!(root["endTime"].is_i64());
}

#[test]
fn s2_killed_after_the_start() {
    let scene = Scene::new();
    scene.killed(
        r#"{"agent":"start","session":"s","metadata":{"title":"T","prompt":"P","model":"p/m",
            "tags":["a","b"]}}"#,
    );
    let file = scene.file("s");
    assert_eq!(file["spans"].as_array().unwrap().len(), 1);
    let metadata = json!({"title":"T","prompt":"P","model":"p/m","tags":["a","b"]});
    assert_eq!(file["metadata"], metadata);
    let (status, error) = (&file["summary"]["status"], &file["summary"]["error"]);
    assert_eq!(status, "crashed");
    assert_eq!(error, "Process exited before trace completed");
    assert_eq!(errors(&file), 0);
    let snapshot = scene.snapshot("s");
    assert_eq!(snapshot.error(), Some("process ended without closing"));
}

#[test]
fn s3_crashed_with_a_reason() {
    let scene = Scene::new();
    let running = scene.live(&lines(&[
        START,
        STEP,
        r#"{"agent":"tool","session":"s","name":"sql_execute","start":1000,"end":3000}"#,
        r#"{"type":"text","session":"s","span":"generation-1","channel":"output",
            "text":"Got results."}"#,
        r#"{"agent":"step-finish","session":"s","cost":0.005,"tokens":[1000,200,50,100,25]}"#,
        r#"{"agent":"step-start","session":"s","id":"2"}"#,
        &crash("SIGTERM"),
    ]));
    let while_running = scene.file("s");
    running.kill();
    let file = scene.file("s");
    assert_eq!(file["summary"], while_running["summary"]);
    let summary = &file["summary"];
    assert_eq!(
        (&summary["status"], &summary["error"]),
        (&json!("crashed"), &json!("SIGTERM"))
    );
    assert_eq!(
        (&summary["totalGenerations"], &summary["totalToolCalls"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        (&summary["tokens"]["input"], &summary["totalTokens"]),
        (&json!(1000), &json!(1375))
    );
    assert_eq!(file["spans"].as_array().unwrap().len(), 4);
    let open = spans_of(&file, "generation")[1];
    assert_eq!(
        (&open["interrupted"], open["endTime"].is_i64()),
        (&json!(true), true)
    );
    assert_eq!(spans_of(&file, "generation")[0].get("interrupted"), None);
    assert_eq!(file["endedAt"].as_str().map(str::len), Some(24));
}

#[test]
fn s4_killed_after_five_tools() {
    let scene = Scene::new();
    scene.killed(&lines(&[START, STEP, TOOL, TOOL, TOOL, TOOL, TOOL]));
    let file = scene.file("s");
    let tools = spans_of(&file, "tool");
    assert_eq!(
        (tools.len(), &file["summary"]["totalToolCalls"]),
        (5, &json!(5))
    );
    assert!(
        tools
            .iter()
            .all(|tool| tool["parentSpanId"] == "generation-1")
    );
    assert_eq!(file["summary"]["status"], "crashed");
    assert_eq!(errors(&file), 0);
}

#[test]
fn s6_an_end_after_a_crash() {
    let scene = Scene::new();
    scene.closed(&lines(&[START, TOOL, &crash("early"), END]));
    let snapshot = scene.snapshot("s");
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    assert!(snapshot.error().unwrap().contains("early"));
    assert!(
        snapshot
            .notes()
            .iter()
            .any(|note| note.kind() == "late-end")
    );
}

#[test]
fn s7_a_crash_after_an_end() {
    let scene = Scene::new();
    scene.closed(&lines(&[START, END, &crash("late")]));
    let snapshot = scene.snapshot("s");
    assert_eq!(
        (snapshot.status(), snapshot.error()),
        (SessionStatus::Completed, None)
    );
    assert!(snapshot.notes().iter().any(|note| note.text() == "late"));
}

#[test]
fn s8_three_crashes() {
    let scene = Scene::new();
    scene.killed(&lines(&[START, &crash("1"), &crash("2"), &crash("3")]));
    let snapshot = scene.snapshot("s");
    assert_eq!(
        (snapshot.status(), snapshot.error()),
        (SessionStatus::Crashed, Some("1"))
    );
    let texts: Vec<&str> = snapshot.notes().iter().map(|note| note.text()).collect();
    assert_eq!(texts, ["1", "2", "3"]);
}

#[test]
fn s10_one_of_two_sessions_crashes() {
    let scene = Scene::new();
    scene.closed(&lines(&[
        r#"{"agent":"start","session":"a"}"#,
        r#"{"agent":"start","session":"b"}"#,
        r#"{"agent":"tool","session":"a","name":"x"}"#,
        r#"{"agent":"crash","session":"a","reason":"r"}"#,
        r#"{"agent":"tool","session":"b","name":"x"}"#,
        r#"{"agent":"end","session":"b"}"#,
    ]));
    let (a, b) = (scene.snapshot("a"), scene.snapshot("b"));
    assert_eq!((a.status(), a.totals().tools), (SessionStatus::Crashed, 1));
    assert_eq!(
        (b.status(), b.totals().tools),
        (SessionStatus::Completed, 1)
    );
}

#[test]
fn s11_two_sessions_interleaved() {
    let scene = Scene::new();
    let mut both = Vec::new();
    for line in [
        START,
        STEP,
        TOOL,
        r#"{"agent":"step-finish","session":"s"}"#,
        END,
    ] {
        both.push(line.replace("\"s\"", "\"a\""));
        both.push(line.replace("\"s\"", "\"b\""));
    }
    scene.closed(&both.join("\n"));
    for id in ["a", "b"] {
        let snapshot = scene.snapshot(id);
        assert_eq!(snapshot.status(), SessionStatus::Completed);
        assert_eq!((snapshot.spans().len(), snapshot.totals().tools), (3, 1));
        let own = |tool: &str| tool.contains(&format!("-{id}-"));
        let ids = snapshot.spans().iter().map(|span| span.id());
        assert!(ids.filter(|id| id.starts_with("tool")).all(own));
    }
}

#[test]
fn s13_a_second_process_after_a_kill() {
    let scene = Scene::new();
    scene.killed(&lines(&[START, STEP, TOOL]));
    let second = scene.live(
        r#"{"type":"span","session":"s","span":"p2","kind":"tool","name":"x","status":"ok"}"#,
    );
    let file = scene.file("s");
    assert_eq!(file["summary"]["status"], "running");
    let generation = spans_of(&file, "generation")[0];
    assert_eq!(
        (&generation["interrupted"], generation["endTime"].is_i64()),
        (&json!(true), true)
    );
    assert!(
        generation["statusMessage"]
            .as_str()
            .unwrap()
            .contains("interrupted")
    );
    assert_eq!(errors(&file), 0);
    let tools = spans_of(&file, "tool");
    assert_eq!(
        (tools.len(), &tools[1]["parentSpanId"]),
        (2, &file["spans"][0]["spanId"])
    );
    second.kill();
    assert_eq!(scene.file("s")["summary"]["status"], "crashed");
}

#[test]
fn s14_a_second_process_after_the_end() {
    let scene = Scene::new();
    scene.closed(&lines(&[START, TOOL, END]));
    let _second =
        scene.live(r#"{"type":"span","session":"s","span":"p2","kind":"tool","name":"x"}"#);
    let file = scene.file("s");
    assert_eq!(
        (file["spans"][0].get("endTime"), file.get("endedAt")),
        (None, None)
    );
    assert_eq!(file["summary"]["status"], "running");
    assert_eq!(file["summary"]["totalToolCalls"], 2);
}

#[test]
fn s16_turns_and_idle_times() {
    let scene = Scene::new();
    let turns = [START, TOOL, IDLE, TOOL, IDLE];
    scene.closed(&lines(&[&turns[..], &[END]].concat()));
    let file = scene.file("s");
    assert_eq!(
        (
            spans_of(&file, "session").len(),
            spans_of(&file, "tool").len()
        ),
        (1, 2)
    );
    assert_eq!(file["summary"]["status"], "completed");
    let scene = Scene::new();
    scene.killed(&lines(&turns));
    let file = scene.file("s");
    assert_eq!(
        (&file["summary"]["status"], spans_of(&file, "tool").len()),
        (&json!("crashed"), 2)
    );
}

fn user(message: &str, part: &str, words: &str, rest: &str) -> String {
    format!(r#"{{"agent":"text","message":"{message}","part":"{part}","text":"{words}"{rest}}}"#)
}

fn user_message(id: &str) -> String {
    format!(r#"{{"agent":"user-message","session":"s","id":"{id}"}}"#)
}

#[test]
fn s17_user_messages_in_order() {
    let scene = Scene::new();
    scene.closed(&lines(&[
        START,
        &user_message("u1"),
        &user("u1", "1", "first", ""),
        TOOL,
        &user_message("u2"),
        &user("u2", "1", "second", ""),
        TOOL,
        &user_message("u3"),
        &user("u3", "1", "third", ""),
    ]));
    let file = scene.file("s");
    let spans: Vec<&str> = file["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| span["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        spans,
        [
            "session",
            "user-message",
            "tool",
            "user-message",
            "tool",
            "user-message"
        ]
    );
    let messages = spans_of(&file, "user-message");
    let inputs: Vec<&Value> = messages.iter().map(|span| &span["input"]).collect();
    assert_eq!(inputs, ["first", "second", "third"]);
    assert!(
        messages
            .iter()
            .all(|span| span["startTime"] == span["endTime"])
    );
}

#[test]
fn s18_prompts_are_what_the_user_wrote() {
    let scene = Scene::new();
    let first = [
        r#"{"agent":"start","session":"s"}"#.to_owned(),
        user_message("u1"),
        user("u1", "1", "list my files", ""),
        user("u1", "2", "<file>", r#","synthetic":true"#),
        r#"{"agent":"title","session":"s","title":"List files"}"#.to_owned(),
        user("u1", "3", "all of them", ""),
    ];
    scene.killed(&first.join("\n"));
    let file = scene.file("s");
    let metadata = json!({"title": "List files", "prompt": "all of them"});
    assert_eq!(file["metadata"], metadata);
    let inputs: Vec<&Value> = spans_of(&file, "user-message")
        .iter()
        .map(|span| &span["input"])
        .collect();
    assert_eq!(inputs, ["list my files", "all of them"]);
}

#[test]
fn s19_a_message_is_routed_by_its_parent() {
    let scene = Scene::new();
    scene.closed(&lines(&[
        START,
        &user_message("u1"),
        r#"{"agent":"assistant-message","id":"a1","parent":"u1"}"#,
        r#"{"agent":"step-start","message":"a1","id":"1"}"#,
        r#"{"agent":"text","message":"a1","text":"Hi"}"#,
        r#"{"agent":"step-finish","message":"a1"}"#,
    ]));
    assert_eq!(Reader::open(scene.path()).unwrap().ids().len(), 1);
    assert_eq!(spans_of(&scene.file("s"), "generation")[0]["output"], "Hi");
}

#[test]
fn s21_hostile_ids() {
    let scene = Scene::new();
    let long = "x".repeat(10_000);
    let ids = [
        "../../etc/passwd",
        "weird:session/with.unsafe:chars",
        "",
        &long,
        "ses_日本",
        "a/b",
        "a.b",
        "a_b",
        ".",
        "CON",
        "a_B",
    ];
    let starts =
        ids.map(|id| json!({"type": "session.start", "session": id, "name": id}).to_string());
    scene.killed(&starts.join("\n"));
    let reader = Reader::open(scene.path()).unwrap();
    let found: Vec<String> = reader.ids().map(str::to_owned).collect();
    let expected = ids.map(|id| if id.is_empty() { "unknown" } else { id });
    assert_eq!(found, expected);
    assert_eq!(reader.snapshot("").unwrap().id(), "unknown");
    let mut names = export::file_names(&found);
    for name in &mut names {
        assert!(Path::new(name.as_str()).components().count() == 1 && name.len() <= 255);
        name.make_ascii_lowercase();
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), ids.len());
    let parent = scene.path().parent().unwrap();
    assert!(!parent.join("etc").exists());
}

#[test]
fn s23_a_step_finished_twice() {
    let scene = Scene::new();
    let finish = r#"{"type":"span.end","session":"s","span":"generation-1","tokens":{"input":100,
        "output":50}}"#;
    scene.closed(&lines(&[START, STEP, finish, finish]));
    let snapshot = scene.snapshot("s");
    assert_eq!(snapshot.totals().generations, 1);
    assert_eq!(snapshot.totals().tokens_total, Number::I64(150));
    // The agent's second one finds no generation open.
    let scene = Scene::new();
    let finish = r#"{"agent":"step-finish","session":"s","tokens":[100,50,0,0,0]}"#;
    scene.closed(&lines(&[START, STEP, finish, finish]));
    let snapshot = scene.snapshot("s");
    assert_eq!(
        (snapshot.totals().tokens_total, snapshot.notes().len()),
        (Number::I64(150), 0)
    );
}

#[test]
fn s24_a_step_left_open_at_the_end() {
    let scene = Scene::new();
    scene.closed(&lines(&[
        START,
        STEP,
        TOOL,
        r#"{"agent":"step-start","session":"s","id":"2"}"#,
        r#"{"agent":"step-finish","session":"s"}"#,
        END,
    ]));
    let file = scene.file("s");
    let generations = spans_of(&file, "generation");
    assert_eq!(
        (generations.len(), generations[0].get("endTime")),
        (2, None)
    );
    assert!(generations[1]["endTime"].is_i64());
    assert_eq!(file["summary"]["status"], "completed");
}

/// A plan, five tools of which one fails, and another try.
fn three_generations() -> Vec<String> {
    let say = |step: u8, text: &str| {
        format!(
            r#"{{"type":"text","session":"s","span":"generation-{step}","channel":"output",
                "text":"{text}"}}"#
        )
    };
    let begin = |step: u8| format!(r#"{{"agent":"step-start","session":"s","id":"{step}"}}"#);
    let finish = |tokens: &str| {
        format!(r#"{{"agent":"step-finish","session":"s","cost":0.003,"tokens":{tokens}}}"#)
    };
    let mut all = vec![
        START.to_owned(),
        begin(1),
        say(1, "Let me plan."),
        finish("[300,150,10,100,20]"),
    ];
    all.push(begin(2));
    for step in 0..5 {
        let failed = if step == 3 {
            r#","error":"Step 3 failed""#
        } else {
            ""
        };
        all.push(tool(&format!("step-{step}"), failed));
    }
    all.extend([
        say(2, "One failed."),
        finish("[300,100,5,100,20]"),
        begin(3),
    ]);
    all.extend([
        tool("retry", ""),
        finish("[300,100,5,100,10]"),
        END.to_owned(),
    ]);
    all
}

#[test]
fn s25_three_generations() {
    let scene = Scene::new();
    scene.closed(&three_generations().join("\n"));
    let file = scene.file("s");
    assert_eq!(file["spans"].as_array().unwrap().len(), 10);
    let tools = spans_of(&file, "tool");
    let under = |generation: &str| {
        tools
            .iter()
            .filter(|tool| tool["parentSpanId"] == generation)
            .count()
    };
    assert_eq!(
        [
            under("generation-1"),
            under("generation-2"),
            under("generation-3")
        ],
        [0, 5, 1]
    );
    let summary = &file["summary"];
    assert_eq!(
        (&summary["totalToolCalls"], &summary["totalCost"]),
        (&json!(6), &json!(0.009))
    );
    let tokens =
        json!({"input": 900, "output": 350, "reasoning": 20, "cacheRead": 300, "cacheWrite": 50});
    assert_eq!(summary["tokens"], tokens);
    let generations = spans_of(&file, "generation");
    let input = generations[2]["input"].as_str().unwrap();
    assert!(
        input.contains("[step-0]") && input.contains("error: Step 3 failed"),
        "{input}"
    );
    assert_eq!(
        (generations[1].get("input"), &generations[1]["output"]),
        (None, &json!("One failed."))
    );
    assert_eq!(generations[2]["output"], "[tool calls: retry]");
    assert_eq!(tools[3]["output"], json!({"error": "Step 3 failed"}));
    assert_eq!((&tools[3]["status"], errors(&file)), (&json!("error"), 1));
}

#[test]
fn s32_clocks() {
    let scene = Scene::new();
    scene.killed(
        r#"
        {"type":"session.start","session":"s","at_ms":32503680000000}
        {"type":"span","session":"s","span":"t1","kind":"tool","name":"x","start_ms":2000,
            "end_ms":1000}
        {"type":"span.start","session":"s","span":"t2","kind":"tool","name":"x","at_ms":0}
        {"type":"span","session":"s","span":"t3","kind":"tool","name":"x","at_ms":32503647600000}
        {"type":"session.end","session":"s","status":"completed","at_ms":32503647600000}
        "#,
    );
    let snapshot = scene.snapshot("s");
    let ids: Vec<&str> = snapshot.spans().iter().map(|span| span.id()).collect();
    assert_eq!(ids, ["root", "t1", "t2", "t3"]);
    assert_eq!(snapshot.duration().as_nanos(), 0);
    let file = trace_file(&snapshot);
    assert_eq!(
        (&file["summary"]["duration"], &file["startedAt"]),
        (&json!(0), &json!("3000-01-01T00:00:00.000Z"))
    );
    assert_eq!(spans_of(&file, "tool")[0]["tool"]["durationMs"], 0);
}

#[test]
fn s34_a_reader_sees_a_session_run_and_end() {
    let scene = Scene::new();
    let mut child = scene.child();
    for line in [
        START,
        STEP,
        TOOL,
        r#"{"agent":"step-finish","session":"s"}"#,
        STEP,
    ] {
        child.write(line);
        assert_eq!(scene.snapshot("s").status(), SessionStatus::Running);
    }
    child.write(END);
    assert_eq!(scene.snapshot("s").status(), SessionStatus::Completed);
    child.close();
    assert_eq!(scene.snapshot("s").status(), SessionStatus::Completed);
}

#[test]
fn s35_two_processes_hold_one_session() {
    let scene = Scene::new();
    let mut first = scene.live(&lines(&[START, STEP]));
    let mut second =
        scene.live(r#"{"type":"span","session":"s","span":"b","kind":"tool","name":"x"}"#);
    first.write(&lines(&[TOOL, END]));
    let snapshot = scene.snapshot("s");
    assert_eq!(
        (snapshot.status(), snapshot.runs().len()),
        (SessionStatus::Running, 2)
    );
    second.write(r#"{"type":"session.end","session":"s","status":"completed"}"#);
    let snapshot = scene.snapshot("s");
    assert_eq!(snapshot.status(), SessionStatus::Completed);
    assert_eq!((snapshot.totals().tools, snapshot.spans().len()), (2, 4));
    first.close();
    second.kill();
    assert_eq!(scene.snapshot("s").status(), SessionStatus::Completed);
}

#[test]
fn s37_a_hundred_quick_sessions_on_ten_threads() {
    let scene = Scene::new();
    let journal = Journal::open(scene.path()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..10 {
            let mut agent = Agent::new(journal.clone());
            scope.spawn(move || {
                for number in 0..10 {
                    let id = format!("s{thread}-{number}");
                    for line in [
                        START,
                        STEP,
                        TOOL,
                        r#"{"agent":"step-finish","session":"s"}"#,
                        END,
                    ] {
                        let event = line.replace("\"s\"", &format!("\"{id}\""));
                        agent.take(&serde_json::from_str(&event).unwrap()).unwrap();
                    }
                }
            });
        }
    });
    journal.close().unwrap();
    let reader = Reader::open(scene.path()).unwrap();
    let snapshots: Vec<Snapshot> = reader.sessions().map(Result::unwrap).collect();
    assert_eq!(snapshots.len(), 100);
    for snapshot in &snapshots {
        assert_eq!(snapshot.status(), SessionStatus::Completed);
        assert_eq!((snapshot.spans().len(), snapshot.notes().len()), (3, 0));
    }
    let names = std::fs::read_dir(scene.path()).unwrap();
    assert_eq!(
        names
            .filter(|name| !is_kept(&name.as_ref().unwrap().path()))
            .count(),
        0
    );
}

/// Whether a file stays when a journal is closed: a segment or its cache.
fn is_kept(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "seg" || extension == "idx")
}

#[test]
fn a_session_left_open_has_the_reason_for_its_crash() {
    let scene = Scene::new();
    scene.closed(&lines(&[START, TOOL]));
    let snapshot = scene.snapshot("s");
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    assert_eq!(
        snapshot.error(),
        Some("journal closed without ending the session")
    );
    let journal = Journal::open(scene.path()).unwrap();
    drop(journal.session("other").start());
    journal.note_crash("panicked");
    assert_eq!(scene.snapshot("other").status(), SessionStatus::Running);
}

#[test]
fn what_an_agent_enriches_and_annotates_is_merged() {
    let scene = Scene::new();
    scene.killed(&lines(&[
        START,
        r#"{"agent":"enrich","session":"s","model_id":"m1","provider_id":"p","agent_name":""}"#,
        r#"{"agent":"enrich","session":"s","model_id":"m2","provider_id":""}"#,
        STEP,
        TOOL,
        r#"{"agent":"attributes","session":"s","target":"tool","attributes":{"a":1,"b":null}}"#,
        r#"{"agent":"attributes","session":"s","target":"tool","attributes":{"a":2}}"#,
        r#"{"agent":"attributes","session":"s","target":"generation","attributes":{"g":true}}"#,
        r#"{"agent":"attributes","session":"s","target":"session","attributes":{"r":"x"}}"#,
    ]));
    let file = scene.file("s");
    assert_eq!(
        (&file["metadata"]["model"], &file["metadata"]["prompt"]),
        (&json!("p/m2"), &json!("Fix the bug"))
    );
    assert_eq!(
        spans_of(&file, "tool")[0]["attributes"],
        json!({"a": 2, "b": null})
    );
    assert_eq!(
        spans_of(&file, "generation")[0]["attributes"],
        json!({"g": true})
    );
    assert_eq!(file["spans"][0]["attributes"], json!({"r": "x"}));
}

/// The snapshot as JSON, without what tells runs apart.
fn portable(snapshot: &Snapshot) -> Value {
    let mut json = serde_json::to_value(snapshot).unwrap();
    json.as_object_mut().unwrap().remove("runs");
    for note in json["notes"].as_array_mut().unwrap() {
        let note = note.as_object_mut().unwrap();
        note.remove("run");
        note.remove("seq");
    }
    json
}

#[test]
fn records_in_their_json_form_fold_into_the_same_snapshot() {
    let scene = Scene::new();
    scene.closed(&three_generations().join("\n"));
    scene.closed(
        r#"
        {"type":"session.start","session":"t","name":"n","metadata":{"title":"T"}}
        {"type":"span.start","session":"t","span":"g","kind":"generation","name":"g"}
        {"type":"text","session":"t","span":"g","channel":"reasoning","text":"hm"}
        {"type":"log","session":"t","span":"g","level":"warn","message":{"a":[1,null]}}
        {"type":"link","session":"t","span":"g","to_session":"s","to_span":"root"}
        {"type":"counter","session":"t","name":"n","value":2.5,"unit":"By"}
        {"type":"crash","session":"t","reason":"r"}
        {"type":"session.end","session":"t","status":"completed"}
        "#,
    );
    let copy = Scene::new();
    let journal = Journal::open(copy.path()).unwrap();
    let reader = Reader::open(scene.path()).unwrap();
    for id in reader.ids() {
        for item in reader.session(id).records() {
            let Item::Record(record) = item.unwrap() else {
                panic!("nothing is missing");
            };
            let line = serde_json::to_string(&record.event()).unwrap();
            journal.append_json(&line).unwrap();
        }
    }
    journal.close().unwrap();
    for id in ["s", "t"] {
        assert_eq!(portable(&scene.snapshot(id)), portable(&copy.snapshot(id)));
    }
}
