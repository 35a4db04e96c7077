//! Ids of spans that are given to one span after the other.

use crate::event::{Number, SpanStatus};
use crate::snapshot::testing::{fold, fold_one, killed, live, note_kinds, second, span};

#[test]
fn a_start_after_an_end_of_the_same_id_is_another_span() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"span.start","span":"call_0","kind":"tool","name":"first","input":1}
        {"type":"text","span":"call_0","text":"abc","offset":0}
        {"type":"span.start","span":"a","parent":"call_0","kind":"span","name":"a"}
        {"type":"span.end","span":"call_0","status":"ok","cost":1}
        {"type":"span.start","span":"call_0","kind":"tool","name":"second","parent":"a"}
        {"type":"span.start","span":"b","parent":"call_0","kind":"span","name":"b"}
        {"type":"text","span":"call_0","text":"de","offset":3}
        {"type":"text","span":"call_0","text":"f","offset":5}
        {"type":"counter","name":"n","value":1,"span":"call_0"}
        {"type":"span.update","span":"call_0","cost":2}
        {"type":"span.end","span":"call_0","status":"error"}
        {"type":"span","span":"call_0","kind":"tool","name":"third","status":"ok"}
        {"type":"log","span":"call_0","message":"m"}
        "#,
    ));
    let first = span(&snapshot, "call_0");
    let second_one = span(&snapshot, "call_0#2");
    let third = span(&snapshot, "call_0#3");
    let names = [first, second_one, third].map(|span| span.name());
    assert_eq!(names, ["first", "second", "third"]);
    assert_eq!(first.ended_at(), Some(second(1, 3)));
    assert_eq!(second_one.started_at(), second(1, 4));
    let statuses = [first, second_one, third].map(|span| span.status());
    assert_eq!(
        statuses,
        [SpanStatus::Ok, SpanStatus::Error, SpanStatus::Ok]
    );
    let costs = [first, second_one, third].map(|span| span.cost());
    assert_eq!(costs, [Some(Number::I64(1)), Some(Number::I64(2)), None]);
    assert_eq!(
        (first.text("output"), second_one.text("output")),
        (Some("abc"), Some("def"))
    );
    // Each child belongs to the one that was there when it began.
    let parents = ["a", "b", "call_0#2"].map(|id| span(&snapshot, id).parent());
    assert_eq!(parents, [Some("call_0"), Some("call_0#2"), Some("a")]);
    assert_eq!(third.logs().len(), 1);
    assert_eq!(snapshot.counters()[0].span.as_deref(), Some("call_0#2"));
    assert_eq!(note_kinds(&snapshot), ["reused-span"]);
    assert_eq!((snapshot.totals().spans, snapshot.totals().tools), (6, 3));
    let json = serde_json::to_value(&snapshot).unwrap();
    let ids = json["spans"].as_array().unwrap().iter();
    let ids: Vec<&str> = ids.map(|span| span["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["root", "call_0", "a", "call_0#2", "b", "call_0#3"]);
}

#[test]
fn no_two_spans_have_one_id() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"span","span":"x#2","kind":"tool","name":"own"}
        {"type":"span","span":"x","kind":"tool","name":"first"}
        {"type":"span","span":"x","kind":"tool","name":"second"}
        {"type":"span","span":"x#3","kind":"tool","name":"own too"}
        {"type":"span","span":"x#3","kind":"tool","name":"own again"}
        "#,
    ));
    let spans = snapshot.spans().iter().skip(1);
    let spans: Vec<_> = spans.map(|span| (span.id(), span.name())).collect();
    let expected = [
        ("x#2", "own"),
        ("x", "first"),
        ("x#3", "second"),
        ("x#3#2", "own too"),
        ("x#3#3", "own again"),
    ];
    assert_eq!(spans, expected);
}

#[test]
fn the_root_and_what_is_open_begin_only_once() {
    let open = r#"{"type":"span.start","span":"t","kind":"tool","name":"n"}"#;
    let root = r#"
        {"type":"session.start","span":"r"}
        {"type":"span","span":"r","kind":"span","name":"n"}
        {"type":"span","span":"r","kind":"span","name":"n"}"#;
    let snapshot = fold(&[killed(1, open), killed(2, open), live(3, root)]);
    assert_eq!(snapshot.spans().len(), 2);
    // What had the id before it turned out to be the root's goes into the root.
    let late = r#"
        {"type":"span","span":"r","kind":"span","name":"one","cost":1}
        {"type":"span","span":"r","kind":"span","name":"two","cost":2}
        {"type":"session.start","span":"r"}"#;
    let snapshot = fold_one(live(1, late));
    assert_eq!(snapshot.spans().len(), 1);
    assert_eq!(snapshot.root().cost(), Some(Number::I64(2)));
}

/// A child may come before its parent, whose id is then given to another span.
#[test]
fn a_parent_that_comes_later_is_the_first_of_its_id() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"span.start","span":"c","parent":"p","kind":"tool","name":"n"}
        {"type":"span","span":"p","kind":"span","name":"one"}
        {"type":"span","span":"p","kind":"span","name":"two"}
        "#,
    ));
    assert_eq!(span(&snapshot, "c").parent(), Some("p"));
}

/// A writer may count the bytes of each from 0, or those of all of one id.
#[test]
fn a_text_of_another_span_is_whole_however_its_bytes_are_counted() {
    for offsets in [[3, 5], [0, 2]] {
        let [second, third] = offsets;
        let snapshot = fold_one(live(
            1,
            &format!(
                r#"
                {{"type":"span.start","span":"t","kind":"tool","name":"n"}}
                {{"type":"text","span":"t","text":"abc","offset":0}}
                {{"type":"span.end","span":"t"}}
                {{"type":"span.start","span":"t","kind":"tool","name":"n"}}
                {{"type":"text","span":"t","text":"de","offset":{second}}}
                {{"type":"text","span":"t","text":"fgh","offset":{third}}}
                "#
            ),
        ));
        assert_eq!(span(&snapshot, "t#2").text("output"), Some("defgh"));
        assert_eq!(note_kinds(&snapshot), ["reused-span"]);
    }
}
