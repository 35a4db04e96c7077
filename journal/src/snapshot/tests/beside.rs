//! What events say besides what the library knows, and what only OpenTelemetry has a word for.

use crate::event::{Map, Value};
use crate::snapshot::testing::{fold_one, live, note_kinds, span};

#[test]
fn members_that_are_not_known_reach_the_snapshot() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"session.start","own":1}
        {"type":"session.update","own":2,"more":[]}
        {"type":"span.start","span":"t","kind":"tool","name":"n","a":1,"run":"x"}
        {"type":"span.update","span":"t","a":2}
        {"type":"span.end","span":"t","b":{"c":1}}
        {"type":"span","span":"w","kind":"tool","name":"n","d":1}
        {"type":"log","span":"t","message":"m","line":7}
        {"type":"link","span":"t","to_span":"w","why":"y"}
        "#,
    ));
    let json = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(json["extra"], serde_json::json!({"own":2,"more":[]}));
    let shown = &json["spans"][1];
    assert_eq!(
        shown["extra"],
        serde_json::json!({"a":2,"run":"x","b":{"c":1}})
    );
    assert_eq!(shown["logs"][0]["extra"], serde_json::json!({"line":7}));
    assert_eq!(shown["links"][0]["extra"], serde_json::json!({"why":"y"}));
    assert_eq!(span(&snapshot, "w").extra(), &Map::from([("d", 1)]));
    // Where there are none, they take no place.
    assert!(json["spans"][0].get("extra").is_none() && shown.get("otel").is_none());
    assert_eq!(note_kinds(&snapshot), Vec::<&str>::new());
}

#[test]
fn members_without_a_place_are_named() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"span.start","span":"t","kind":"tool","name":"n"}
        {"type":"text","span":"t","text":"a","index":0}
        {"type":"text","span":"t","text":"b","index":1}
        {"type":"counter","name":"c","value":1,"own":1,"otel":{"flags":1}}
        {"type":"custom","name":"c","data":1,"own":1}
        "#,
    ));
    let texts: Vec<&str> = snapshot.notes().iter().map(|note| note.text()).collect();
    let expected = [
        "member index of texts is in the records only",
        "member own of counters is in the records only",
        "member otel of counters is in the records only",
    ];
    assert_eq!(texts, expected);
    assert_eq!(note_kinds(&snapshot), ["extra-member"; 3]);
}

#[test]
fn what_opentelemetry_says_reaches_the_snapshot() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"span.start","span":"t","kind":"tool","name":"n",
            "otel":{"flags":1,"trace_state":"a=b","scope":{"name":"lib"}}}
        {"type":"span.end","span":"t","otel":{"dropped_links":2}}
        {"type":"link","span":"t","to_span":"w","otel":{"flags":0}}
        {"type":"log","span":"t","message":"m","otel":{"is_log":true}}
        "#,
    ));
    let found = span(&snapshot, "t");
    let json = serde_json::to_string(found.otel()).unwrap();
    let expected = r#"{"flags":1,"trace_state":"a=b","scope":{"name":"lib"},"dropped_links":2}"#;
    assert_eq!(json, expected);
    assert_eq!(found.links()[0].otel().get("flags"), Some(&Value::from(0)));
    assert_eq!(
        found.logs()[0].otel().get("is_log"),
        Some(&Value::from(true))
    );
    assert!(found.extra().is_empty());
}

#[test]
fn a_parent_that_is_no_span_here_is_kept() {
    let snapshot = fold_one(live(
        1,
        r#"
        {"type":"span.start","span":"a","parent":"far","kind":"tool","name":"n",
            "otel":{"parent_is_remote":true}}
        {"type":"span.start","span":"b","parent":"lost","kind":"tool","name":"n"}
        {"type":"span.start","span":"c","parent":"b","kind":"tool","name":"n",
            "otel":{"parent_is_remote":true}}
        "#,
    ));
    let parents = ["a", "b", "c"].map(|id| {
        let span = span(&snapshot, id);
        (span.parent(), span.given_parent())
    });
    let root = Some(snapshot.root().id());
    assert_eq!(
        parents,
        [(root, Some("far")), (root, Some("lost")), (Some("b"), None)]
    );
    assert_eq!(note_kinds(&snapshot), ["unknown-parent"]);
    let json = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(json["spans"][1]["given_parent"], "far");
    assert!(json["spans"][3].get("given_parent").is_none());
}

#[test]
fn what_was_converted_is_noted_once() {
    let line = r#"{"type":"log","message":1,"converted":["message"]}"#;
    let snapshot = fold_one(live(1, &format!("{line}\n{line}")));
    assert_eq!(note_kinds(&snapshot), ["converted"]);
}
