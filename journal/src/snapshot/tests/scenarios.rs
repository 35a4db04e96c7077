//! Sessions as agents write them, and what must come back.

use std::time::Duration;

use crate::event::{Number, SessionStatus, SpanStatus};
use crate::snapshot::Snapshot;
use crate::snapshot::testing::{Run, closed, fold, fold_one, killed, live, note_kinds, span};
use crate::time::Timestamp;

const ONE_TURN: &str = r#"
    {"type":"session.start","trace_id":"t1","metadata":{"prompt":"Fix the bug"}}
    {"type":"span.start","span":"generation-1","kind":"generation","name":"generation-1"}
    {"type":"text","span":"generation-1","channel":"output","text":"I'll look "}
    {"type":"text","span":"generation-1","channel":"output","text":"at the code."}
    {"type":"span","span":"t1","parent":"generation-1","kind":"tool","name":"bash",
        "start_ms":1000,"end_ms":2000,"status":"ok"}
    {"type":"span.end","span":"generation-1","status":"ok","finish_reason":"stop","cost":0.005,
        "tokens":{"input":1500,"output":300,"reasoning":100,"cache_read":200,"cache_write":50}}
    {"type":"session.end","status":"completed"}
"#;

fn ids(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.spans().iter().map(|span| span.id()).collect()
}

fn interrupted(snapshot: &Snapshot) -> Vec<&str> {
    let spans = snapshot.spans().iter().filter(|span| span.is_interrupted());
    spans.map(|span| span.id()).collect()
}

#[test]
fn a_finished_turn_comes_back_whole() {
    let snapshot = fold_one(live(1, ONE_TURN));
    assert_eq!(snapshot.status(), SessionStatus::Completed);
    assert_eq!(ids(&snapshot), ["root", "generation-1", "t1"]);
    let totals = snapshot.totals();
    assert_eq!(totals.tokens_total, Number::I64(2150));
    assert_eq!(totals.cost, Number::F64(0.005));
    assert_eq!(
        (totals.tools, totals.generations, totals.records),
        (1, 1, 7)
    );
    assert_eq!(
        span(&snapshot, "t1").duration().map(|it| it.as_nanos()),
        Some(1_000_000_000)
    );
    let generation = span(&snapshot, "generation-1");
    assert_eq!(generation.text("output"), Some("I'll look at the code."));
    let root = snapshot.root();
    assert_eq!(
        (root.status(), root.status_message()),
        (SpanStatus::Ok, None)
    );
    assert_eq!(root.ended_at(), snapshot.ended_at());
    assert_eq!((snapshot.trace_id(), root.name()), ("t1", "s"));
    assert!(snapshot.notes().is_empty() && snapshot.error().is_none());
}

#[test]
fn a_killed_session_is_crashed_and_keeps_its_metadata() {
    let snapshot = fold_one(killed(
        1,
        r#"{"type":"session.start","metadata":{"title":"T","prompt":"P","model":"m",
            "tags":["a"]}}"#,
    ));
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    assert_eq!(snapshot.error(), Some("process ended without closing"));
    assert_eq!(
        (ids(&snapshot), snapshot.metadata().len()),
        (vec!["root"], 4)
    );
    assert_eq!(snapshot.ended_at(), Some(snapshot.started_at()));
}

#[test]
fn a_crash_with_a_reason_interrupts_what_was_open() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"session.start"}
        {"type":"span.start","span":"generation-1","kind":"generation","name":"g"}
        {"type":"span","span":"t1","parent":"generation-1","kind":"tool","name":"sql_execute",
            "start_ms":1000,"end_ms":3000}
        {"type":"text","span":"generation-1","channel":"output","text":"Got results."}
        {"type":"span.end","span":"generation-1","cost":0.005,"tokens":{"input":1000,
            "output":200,"reasoning":50,"cache_read":100,"cache_write":25}}
        {"type":"span.start","span":"generation-2","kind":"generation","name":"g"}
        {"type":"crash","reason":"SIGTERM"}
        "#,
    ));
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    assert_eq!(snapshot.error(), Some("SIGTERM"));
    let totals = snapshot.totals();
    assert_eq!((totals.generations, totals.tools, totals.spans), (2, 1, 4));
    assert_eq!(totals.tokens.input, Number::I64(1000));
    assert_eq!(totals.tokens_total, Number::I64(1375));
    assert_eq!(interrupted(&snapshot), ["root", "generation-2"]);
    assert_eq!(
        span(&snapshot, "generation-2").ended_at(),
        Some(snapshot.last_at())
    );
    assert_eq!(totals.errors, 0);
}

#[test]
fn tools_of_a_killed_generation_keep_their_parent() {
    let mut lines = r#"{"type":"session.start"}
        {"type":"span.start","span":"g","kind":"generation","name":"g"}"#
        .to_owned();
    for tool in 0..5 {
        lines += &format!(
            r#"
            {{"type":"span","span":"t{tool}","parent":"g","kind":"tool","name":"x"}}"#
        );
    }
    let snapshot = fold_one(killed(1, &lines));
    let tools = snapshot
        .spans()
        .iter()
        .filter(|span| span.parent() == Some("g"));
    assert_eq!((tools.count(), snapshot.totals().tools), (5, 5));
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
}

#[test]
fn an_end_after_a_crash_does_not_win() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"session.start"}
        {"type":"span","span":"t1","kind":"tool","name":"x"}
        {"type":"crash","reason":"early"}
        {"type":"session.end","status":"completed"}
        "#,
    ));
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    assert_eq!(snapshot.error(), Some("early"));
    assert_eq!(note_kinds(&snapshot), ["crash", "late-end"]);
}

#[test]
fn a_crash_after_an_end_is_a_late_note() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"session.start"}
        {"type":"session.end","status":"completed"}
        {"type":"crash","reason":"late"}
        "#,
    ));
    assert_eq!(snapshot.status(), SessionStatus::Completed);
    assert_eq!(snapshot.error(), None);
    assert_eq!(note_kinds(&snapshot), ["late-crash"]);
}

#[test]
fn the_first_of_three_crashes_gives_the_reason() {
    let snapshot = fold_one(killed(
        1,
        r#"
        {"type":"session.start"}
        {"type":"crash","reason":"1"}
        {"type":"crash","reason":"2"}
        {"type":"crash","reason":"3"}
        "#,
    ));
    assert_eq!(snapshot.error(), Some("1"));
    let texts: Vec<&str> = snapshot.notes().iter().map(|note| note.text()).collect();
    assert_eq!(texts, ["1", "2", "3"]);
}

fn killed_turn() -> Run {
    killed(
        1,
        r#"
        {"type":"session.start"}
        {"type":"span.start","span":"g","kind":"generation","name":"g"}
        {"type":"span","span":"t1","parent":"g","kind":"tool","name":"x"}
        "#,
    )
}

#[test]
fn a_second_process_goes_on_after_a_kill() {
    let tool = r#"{"type":"span","span":"t2","kind":"tool","name":"x"}"#;
    let snapshot = fold(&[killed_turn(), live(2, tool)]);
    assert_eq!(snapshot.status(), SessionStatus::Running);
    assert_eq!(
        (snapshot.ended_at(), snapshot.root().ended_at()),
        (None, None)
    );
    assert_eq!(interrupted(&snapshot), ["g"]);
    let generation = span(&snapshot, "g");
    assert_eq!(
        generation.ended_at(),
        Some(crate::snapshot::testing::second(1, 2))
    );
    assert_eq!(generation.status(), SpanStatus::Unset);
    assert_eq!(span(&snapshot, "t2").parent(), Some("root"));
    assert_eq!(snapshot.totals().errors, 0);
}

#[test]
fn a_second_process_takes_up_an_ended_session() {
    let ended = closed(
        1,
        r#"
        {"type":"session.start"}
        {"type":"span","span":"t1","kind":"tool","name":"x"}
        {"type":"session.end","status":"completed"}
        "#,
    );
    let tool = r#"{"type":"span","span":"t2","kind":"tool","name":"x"}"#;
    let snapshot = fold(&[ended.clone(), live(2, tool)]);
    assert_eq!(snapshot.status(), SessionStatus::Running);
    assert_eq!(
        (snapshot.root().ended_at(), snapshot.totals().tools),
        (None, 2)
    );
    assert_eq!(snapshot.root().status(), SpanStatus::Unset);
    let snapshot = fold(&[ended, killed(2, tool)]);
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
}

#[test]
fn turns_and_idle_times_do_not_end_a_session() {
    let lines = r#"
        {"type":"session.start"}
        {"type":"span","span":"t1","kind":"tool","name":"x"}
        {"type":"custom","name":"idle"}
        {"type":"span","span":"t2","kind":"tool","name":"x"}
        {"type":"custom","name":"idle"}
        {"type":"session.end","status":"completed"}
    "#;
    let run = killed(1, lines);
    let snapshot = fold_one(run.clone());
    assert_eq!(snapshot.status(), SessionStatus::Completed);
    assert_eq!((snapshot.totals().tools, snapshot.totals().spans), (2, 3));
    let snapshot = fold_one(run.cut(1));
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    assert_eq!(snapshot.totals().tools, 2);
}

#[test]
fn spans_are_listed_in_order_of_their_records() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"session.start"}
        {"type":"span","span":"u1","kind":"user-message","name":"user","at_ms":9000}
        {"type":"span","span":"t1","kind":"tool","name":"x","at_ms":1000}
        {"type":"span","span":"u2","kind":"user-message","name":"user","at_ms":5000}
        {"type":"span","span":"u3","kind":"user-message","name":"user","at_ms":1}
        "#,
    ));
    assert_eq!(ids(&snapshot), ["root", "u1", "t1", "u2", "u3"]);
}

#[test]
fn the_first_end_of_a_span_wins() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"session.start"}
        {"type":"span.start","span":"g","kind":"generation","name":"g"}
        {"type":"span.end","span":"g","at_ms":1700001005000,"tokens":{"input":100,"output":50}}
        {"type":"span.end","span":"g","at_ms":1700001006000,"tokens":{"input":300,"output":50},
            "status":"error"}
        "#,
    ));
    let totals = snapshot.totals();
    assert_eq!(
        (totals.generations, totals.tokens_total),
        (1, Number::I64(150))
    );
    let generation = span(&snapshot, "g");
    assert_eq!(
        generation.ended_at(),
        Some(Timestamp::new(1_700_001_005, 0))
    );
    assert_eq!((generation.status(), totals.errors), (SpanStatus::Unset, 0));
    assert_eq!(note_kinds(&snapshot), ["duplicate-end"]);
}

#[test]
fn a_span_open_at_the_end_of_its_session_stays_open() {
    let snapshot = fold_one(killed(
        1,
        r#"
        {"type":"session.start"}
        {"type":"span.start","span":"g1","kind":"generation","name":"g"}
        {"type":"span","span":"t1","parent":"g1","kind":"tool","name":"x"}
        {"type":"span.start","span":"g2","kind":"generation","name":"g"}
        {"type":"span.end","span":"g2","status":"ok"}
        {"type":"session.end","status":"completed"}
        "#,
    ));
    assert_eq!(snapshot.status(), SessionStatus::Completed);
    assert_eq!(snapshot.totals().generations, 2);
    let open = span(&snapshot, "g1");
    assert_eq!((open.ended_at(), open.is_interrupted()), (None, false));
}

#[test]
fn clocks_may_do_what_they_want() {
    let snapshot = fold_one(killed(
        1,
        r#"
        {"type":"session.start","at_ms":32503680000000}
        {"type":"span","span":"t1","kind":"tool","name":"x","start_ms":2000,"end_ms":1000}
        {"type":"span.start","span":"t2","kind":"tool","name":"x","at_ms":0}
        {"type":"log","level":"info","message":"x","at_ms":32503647600000}
        {"type":"session.end","status":"completed","at_ms":-5}
        "#,
    ));
    assert_eq!(ids(&snapshot), ["root", "t1", "t2"]);
    assert_eq!(snapshot.duration(), Duration::ZERO);
    assert_eq!(span(&snapshot, "t1").duration(), Some(Duration::ZERO));
    assert_eq!(note_kinds(&snapshot), ["end-before-start"]);
    assert_eq!(snapshot.last_at(), Timestamp::new(32_503_680_000, 0));
}

#[test]
fn two_processes_at_once_share_one_snapshot() {
    let first = r#"
        {"type":"session.start"}
        {"type":"span","span":"a","kind":"tool","name":"x"}
    "#;
    let second = r#"
        {"type":"session.start"}
        {"type":"span","span":"b","kind":"tool","name":"x"}
        {"type":"session.end","status":"completed"}
    "#;
    let snapshot = fold(&[live(1, first), live(2, second).saw_live(1)]);
    assert_eq!(snapshot.status(), SessionStatus::Running);
    assert_eq!(ids(&snapshot), ["root", "a", "b"]);
    let snapshot = fold(&[killed(1, first), live(2, second).saw_live(1)]);
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    let snapshot = fold(&[killed(1, first), live(2, second)]);
    assert_eq!(snapshot.status(), SessionStatus::Completed);
    assert_eq!(snapshot.runs().len(), 2);
    assert!(snapshot.runs()[0].is_superseded);
}

#[test]
fn every_prefix_of_a_session_folds() {
    let whole = live(1, ONE_TURN);
    let mut spans_before = 0;
    for cut in (0..whole.record_count()).rev() {
        let snapshot = fold_one(whole.cut(cut));
        let expected = match cut {
            0 => SessionStatus::Completed,
            _ => SessionStatus::Crashed,
        };
        assert_eq!(snapshot.status(), expected);
        assert!(snapshot.spans().len() >= spans_before);
        let open = snapshot
            .spans()
            .iter()
            .filter(|span| span.ended_at().is_none());
        assert_eq!(open.count(), 0);
        spans_before = snapshot.spans().len();
    }
}
