//! What spans become.

use crate::event::{Action, SpanEnd, SpanFields};
use crate::event::{Event, Number, SpanStatus, Tokens};
use crate::snapshot::testing::{closed, fold, fold_one, killed, live, note_kinds, second, span};

#[test]
fn updates_merge_last_wins_and_empty_never_overwrites() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"session.start","metadata":{"title":"first","agent":"a","model":"m"}}
        {"type":"session.update","metadata":{"title":"","agent":null,"model":"n","tags":[]}}
        {"type":"session.start","trace_id":"late","metadata":{"title":"second"}}
        {"type":"span.start","span":"t","kind":"tool","name":"x","input":{"a":1},
            "attributes":{"k":1,"n":null}}
        {"type":"span.update","span":"t","name":"","call_id":"c","attributes":{"k":2,"l":""}}
        {"type":"span.end","span":"t","status":"ok","output":"out","input":{},
            "model":{"model_id":"m"}}
        {"type":"span.update","span":"t","output":"","call_id":"","attributes":{"k":null},
            "model":{"provider_id":"p"}}
        "#,
    ));
    let metadata = serde_json::to_value(snapshot.metadata()).unwrap();
    let expected = serde_json::json!({"title":"second","agent":"a","model":"n","tags":[]});
    assert_eq!(metadata, expected);
    let tool = serde_json::to_value(span(&snapshot, "t")).unwrap();
    assert_eq!(tool["name"], "x");
    assert_eq!(tool["input"], serde_json::json!({"a":1}));
    assert_eq!(
        (&tool["output"], &tool["call_id"]),
        (&"out".into(), &"c".into())
    );
    assert_eq!(
        tool["attributes"],
        serde_json::json!({"k":null,"n":null,"l":""})
    );
    let model = serde_json::json!({"model_id":"m","provider_id":"p","variant":null});
    assert_eq!(tool["model"], model);
}

#[test]
fn a_span_without_a_start_still_appears() {
    for line in [
        r#"{"type":"span.end","span":"x","status":"error","status_message":"m"}"#,
        r#"{"type":"span.update","span":"x","attributes":{"a":1}}"#,
        r#"{"type":"text","span":"x","channel":"output","text":"t"}"#,
        r#"{"type":"log","span":"x","level":"info","message":"t"}"#,
        r#"{"type":"link","span":"x","to_span":"y"}"#,
    ] {
        let snapshot = fold_one(live(1, line));
        let found = span(&snapshot, "x");
        assert_eq!(
            (found.name(), found.parent()),
            ("x", Some("root")),
            "{line}"
        );
        assert_eq!(found.kind().as_str(), "span");
        assert_eq!(note_kinds(&snapshot), ["missing-start"], "{line}");
    }
}

#[test]
fn a_start_behind_other_records_is_a_start() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"text","span":"x","channel":"output","text":"t"}
        {"type":"span.start","span":"x","kind":"tool","name":"n"}
        "#,
    ));
    let found = span(&snapshot, "x");
    assert_eq!(
        (found.name(), found.kind().as_str(), found.text("output")),
        ("n", "tool", Some("t"))
    );
    assert!(snapshot.notes().is_empty());
}

#[test]
fn unknown_parents_and_cycles_hang_under_the_root() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"span.start","span":"a","parent":"gone","kind":"tool","name":"n"}
        {"type":"span.start","span":"b","parent":"d","kind":"tool","name":"n"}
        {"type":"span.start","span":"c","parent":"b","kind":"tool","name":"n"}
        {"type":"span.start","span":"d","parent":"c","kind":"tool","name":"n"}
        {"type":"span.start","span":"e","parent":"e","kind":"tool","name":"n"}
        {"type":"span.start","span":"f","parent":"d","kind":"tool","name":"n"}
        {"type":"span.start","span":"g","parent":"","kind":"tool","name":"n"}
        "#,
    ));
    let parents: Vec<_> = snapshot
        .spans()
        .iter()
        .map(|one| (one.id(), one.parent()))
        .collect();
    let root = Some("root");
    let expected = [
        ("root", None),
        ("a", root),
        ("b", root),
        ("c", Some("b")),
        ("d", Some("c")),
        ("e", root),
        ("f", Some("d")),
        ("g", root),
    ];
    assert_eq!(parents, expected);
    assert_eq!(
        note_kinds(&snapshot),
        ["unknown-parent", "parent-cycle", "parent-cycle"]
    );
    let tree: Vec<_> = snapshot
        .tree()
        .map(|(depth, one)| (depth, one.id()))
        .collect();
    let expected = [
        (0, "root"),
        (1, "a"),
        (1, "b"),
        (2, "c"),
        (3, "d"),
        (4, "f"),
        (1, "e"),
        (1, "g"),
    ];
    assert_eq!(tree, expected);
}

#[test]
fn a_parent_may_come_after_its_child_and_from_another_run() {
    let child = r#"{"type":"span","span":"c","parent":"p","kind":"tool","name":"n"}"#;
    let parent = r#"{"type":"span.start","span":"p","kind":"generation","name":"n"}"#;
    let snapshot = fold(&[killed(1, child), live(2, parent)]);
    assert_eq!(span(&snapshot, "c").parent(), Some("p"));
    assert!(snapshot.notes().is_empty());
}

#[test]
fn a_span_started_twice_is_one_span() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"span.start","span":"t","kind":"tool","name":"n","input":1}
        {"type":"span.start","span":"t","kind":"tool","name":"n","call_id":"c"}
        {"type":"span.end","span":"t","status":"ok"}
        {"type":"span.end","span":"t","status":"error"}
        "#,
    ));
    let found = span(&snapshot, "t");
    assert_eq!(
        (found.started_at(), found.ended_at()),
        (second(1, 0), Some(second(1, 2)))
    );
    assert_eq!(
        (found.name(), found.call_id(), found.status()),
        ("n", Some("c"), SpanStatus::Ok)
    );
    let expected = ["duplicate-start", "duplicate-end"];
    assert_eq!(note_kinds(&snapshot), expected);
}

#[test]
fn a_complete_span_ends_the_one_that_was_started() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"span.start","span":"t","kind":"tool","name":"n"}
        {"type":"span","span":"t","kind":"tool","name":"n","status":"ok","output":"o"}
        "#,
    ));
    let found = span(&snapshot, "t");
    assert_eq!(
        (found.status(), found.ended_at()),
        (SpanStatus::Ok, Some(second(1, 1)))
    );
}

#[test]
fn a_later_run_may_end_what_a_dead_one_left_open() {
    let open = r#"{"type":"span.start","span":"t","kind":"tool","name":"n"}"#;
    let end = r#"{"type":"span.end","span":"t","status":"ok"}"#;
    let snapshot = fold(&[killed(1, open), live(2, end)]);
    let found = span(&snapshot, "t");
    assert_eq!(
        (found.is_interrupted(), found.ended_at()),
        (false, Some(second(2, 0)))
    );
    // Started again in a run that goes on, it is at work again.
    let snapshot = fold(&[killed(1, open), live(2, open)]);
    let found = span(&snapshot, "t");
    assert_eq!((found.is_interrupted(), found.ended_at()), (false, None));
    assert_eq!(found.started_at(), second(1, 0));
}

#[test]
fn interrupted_spans_end_with_the_activity_of_their_own_run() {
    let open =
        |id: &str| format!(r#"{{"type":"span.start","span":"{id}","kind":"tool","name":"n"}}"#);
    let first = format!(
        "{}\n{{\"type\":\"log\",\"level\":\"info\",\"message\":\"m\"}}",
        open("a")
    );
    let snapshot = fold(&[killed(1, &first), closed(2, &open("b"))]);
    assert_eq!(span(&snapshot, "a").ended_at(), Some(second(1, 1)));
    assert_eq!(span(&snapshot, "b").ended_at(), Some(second(2, 0)));
    assert_eq!(snapshot.totals().interrupted, 3);
    assert_eq!(snapshot.ended_at(), Some(second(2, 0)));
}

#[test]
fn the_first_start_names_the_root() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"log","span":"r","level":"info","message":"early"}
        {"type":"log","level":"info","message":"rootless"}
        {"type":"span.start","span":"t1","parent":"r","kind":"tool","name":"n"}
        {"type":"session.start","span":"r","name":"n"}
        {"type":"session.start","span":"r2","name":""}
        {"type":"span.start","span":"t2","parent":"r2","kind":"tool","name":"n"}
        {"type":"span.update","span":"r","attributes":{"k":1}}
        {"type":"span.end","span":"r","status":"ok"}
        "#,
    ));
    let ids: Vec<_> = snapshot
        .spans()
        .iter()
        .map(|one| (one.id(), one.parent()))
        .collect();
    assert_eq!(ids, [("r", None), ("t1", Some("r")), ("t2", Some("r"))]);
    let root = snapshot.root();
    assert_eq!(
        (root.logs().len(), root.attributes().len(), root.name()),
        (2, 1, "n")
    );
    assert_eq!((root.ended_at(), root.kind().as_str()), (None, "session"));
    assert_eq!(root.started_at(), second(1, 3));
    assert_eq!(note_kinds(&snapshot), ["root-end"]);
}

#[test]
fn a_root_with_a_very_long_id_is_called_root_and_still_found() {
    let long = "r".repeat(257);
    let lines = format!(
        r#"{{"type":"span.start","span":"a","parent":"{long}","kind":"tool","name":"n"}}
        {{"type":"session.start","session":"s","span":"{long}"}}
        {{"type":"text","span":"{long}","channel":"output","text":"t"}}"#
    );
    let snapshot = fold_one(live(1, &lines));
    assert_eq!(snapshot.root().id(), "root");
    assert_eq!(span(&snapshot, "a").parent(), Some("root"));
    assert_eq!(snapshot.root().text("output"), Some("t"));
    assert_eq!(note_kinds(&snapshot), [""; 0]);
}

#[test]
fn a_missing_piece_of_text_shows() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"span.start","span":"g","kind":"generation","name":"n"}
        {"type":"text","span":"g","channel":"output","offset":0,"text":"ab"}
        {"type":"text","span":"g","channel":"reasoning","offset":0,"text":"hm"}
        {"type":"text","span":"g","channel":"output","offset":5,"text":"cd"}
        "#,
    ));
    let texts: Vec<_> = span(&snapshot, "g").texts().collect();
    assert_eq!(texts, [("output", "abcd"), ("reasoning", "hm")]);
    assert_eq!(note_kinds(&snapshot), ["missing-text"]);
    assert_eq!(snapshot.notes()[0].seq().unwrap().get(), 6);
}

#[test]
fn texts_of_following_runs_are_joined_in_order() {
    let text = |text: &str| {
        format!(r#"{{"type":"text","span":"g","channel":"output","offset":0,"text":"{text}"}}"#)
    };
    let snapshot = fold(&[killed(1, &text("one ")), live(2, &text("two"))]);
    assert_eq!(span(&snapshot, "g").text("output"), Some("one two"));
}

#[test]
fn counters_keep_their_last_value_by_name_and_span() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"counter","name":"n","value":1,"unit":"By"}
        {"type":"counter","name":"n","value":7,"span":"t"}
        {"type":"counter","name":"n","value":2.5}
        "#,
    ));
    let counters: Vec<_> = snapshot
        .counters()
        .iter()
        .map(|one| {
            (
                one.name.as_str(),
                one.value,
                one.unit.as_deref(),
                one.span.as_deref(),
            )
        })
        .collect();
    let expected = [
        ("n", Number::F64(2.5), Some("By"), None),
        ("n", Number::I64(7), None, Some("t")),
    ];
    assert_eq!(counters, expected);
    assert_eq!(snapshot.spans().len(), 1);
}

#[test]
fn odd_numbers_are_kept_or_zero_never_an_error() {
    let end = Action::SpanEnd(SpanEnd {
        span: "g".into(),
        fields: SpanFields {
            cost: Some(Number::F64(f64::NAN)),
            tokens: Some(Tokens {
                input: Number::I64(-5),
                output: Number::F64(f64::INFINITY),
                reasoning: Number::F64(0.5),
                ..Tokens::default()
            }),
            ..SpanFields::default()
        },
        ..SpanEnd::default()
    });
    let snapshot = fold_one(live(1, "").with(Event::new(end)));
    let totals = snapshot.totals();
    assert_eq!(
        (totals.cost, totals.tokens_total),
        (Number::I64(0), Number::F64(-4.5))
    );
    assert_eq!(note_kinds(&snapshot), ["negative-number", "missing-start"]);
}

#[test]
fn a_trace_id_not_given_is_always_the_same() {
    let snapshot = fold_one(live(1, r#"{"type":"custom","name":"n"}"#));
    assert_eq!(snapshot.trace_id(), "d228cb69811a8caf78912b704e4a9f8a");
}

#[test]
fn a_chain_of_a_hundred_thousand_spans_is_no_problem() {
    let mut lines = String::new();
    for i in 0..100_000 {
        let parent = if i == 0 { 99_999 } else { i - 1 };
        lines += &format!(
            r#"{{"type":"span.start","span":"s{i}","parent":"s{parent}","kind":"tool","name":"n"}}"#
        );
        lines.push('\n');
    }
    let snapshot = fold_one(killed(1, &lines));
    assert_eq!(note_kinds(&snapshot), ["parent-cycle"]);
    assert_eq!(snapshot.tree().map(|(depth, _)| depth).max(), Some(100_000));
    let json = serde_json::to_vec(&snapshot).unwrap();
    assert!(json.len() > 1_000_000);
}
