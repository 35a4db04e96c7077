//! How sessions stand.

use crate::event::{Action, Event, SessionEnd, SessionStatus};
use crate::recovery::{Liveness, Loss};
use crate::seq::Seq;
use crate::snapshot::testing::{
    Run, closed, fold, fold_one, killed, live, note_kinds, run_id, second, span,
};
use crate::snapshot::{CrashCause, Fold};

const START: &str = r#"{"type":"session.start"}"#;
const TOOL: &str = r#"{"type":"span","span":"t","kind":"tool","name":"x"}"#;
const OPEN: &str = r#"{"type":"span.start","span":"o","kind":"tool","name":"x"}"#;
const END: &str = r#"{"type":"session.end","status":"completed"}"#;
const FAIL: &str = r#"{"type":"session.end","status":"error","error":"no"}"#;
const CRASH: &str = r#"{"type":"crash","reason":"why"}"#;
const UPDATE: &str = r#"{"type":"session.update","metadata":{"title":"T"}}"#;

fn lines(lines: &[&str]) -> String {
    lines.join("\n")
}

fn status(runs: &[Run]) -> SessionStatus {
    fold(runs).status()
}

#[test]
fn a_session_stands_as_its_run_does() {
    let work = lines(&[START, TOOL]);
    assert_eq!(status(&[live(1, &work)]), SessionStatus::Running);
    assert_eq!(status(&[killed(1, &work)]), SessionStatus::Crashed);
    assert_eq!(status(&[closed(1, &work)]), SessionStatus::Crashed);
    for end in [live, killed, closed] {
        assert_eq!(
            status(&[end(1, &lines(&[START, END]))]),
            SessionStatus::Completed
        );
        assert_eq!(
            status(&[end(1, &lines(&[START, FAIL]))]),
            SessionStatus::Error
        );
        assert_eq!(
            status(&[end(1, &lines(&[START, CRASH]))]),
            SessionStatus::Crashed
        );
    }
}

#[test]
fn the_best_known_reason_of_a_crash_is_given() {
    let cause = |run: Run| {
        let snapshot = fold_one(run);
        (
            snapshot.crash_cause().unwrap(),
            snapshot.error().unwrap().to_owned(),
        )
    };
    let told = cause(killed(1, &lines(&[START, CRASH])).noted("panicked"));
    assert_eq!(told, (CrashCause::Session, "why".to_owned()));
    let told = cause(killed(1, START).noted("").noted("panicked").noted("again"));
    assert_eq!(told, (CrashCause::Run, "panicked".to_owned()));
    let told = cause(closed(1, START).noted("panicked"));
    let closed = "journal closed without ending the session".to_owned();
    assert_eq!(told, (CrashCause::JournalClosed, closed));
    let told = cause(killed(1, START));
    assert_eq!(
        told,
        (
            CrashCause::ProcessEnded,
            "process ended without closing".to_owned()
        )
    );
    let bare = r#"{"type":"crash"}"#;
    assert_eq!(cause(live(1, bare)).0, CrashCause::Unexplained);
    assert_eq!(cause(killed(1, bare).noted("panicked")).1, "panicked");
}

#[test]
fn a_caught_panic_crashes_nothing() {
    let snapshot = fold_one(live(1, START).noted("caught"));
    assert_eq!(
        (snapshot.status(), snapshot.error()),
        (SessionStatus::Running, None)
    );
    let snapshot = fold_one(killed(1, &lines(&[START, END])).noted("caught"));
    assert_eq!(snapshot.status(), SessionStatus::Completed);
}

#[test]
fn unknown_liveness_counts_as_dead_and_says_so() {
    let snapshot = fold_one(killed(1, START).unverified());
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    assert_eq!(snapshot.liveness(), Liveness::Unknown);
    assert_eq!(
        serde_json::to_value(&snapshot).unwrap()["liveness"],
        "unknown"
    );
}

#[test]
fn a_closed_run_is_over_though_its_lock_is_held() {
    let mut run = closed(1, START);
    run.facts.liveness = Liveness::Live;
    assert_eq!(status(&[run.clone()]), SessionStatus::Crashed);
    assert_eq!(
        status(&[run, live(2, &lines(&[TOOL, END]))]),
        SessionStatus::Completed
    );
}

#[test]
fn work_after_the_end_is_late_unless_the_session_starts_again() {
    let late = fold_one(killed(1, &lines(&[START, END, TOOL, OPEN])));
    assert_eq!(late.status(), SessionStatus::Completed);
    assert_eq!(
        (late.spans().len(), late.ended_at()),
        (3, Some(second(1, 1)))
    );
    assert!(!span(&late, "o").is_interrupted());
    assert_eq!(note_kinds(&late), ["late-work"]);
    let again = lines(&[START, END, START, OPEN]);
    assert_eq!(status(&[live(1, &again)]), SessionStatus::Running);
    let died = fold_one(killed(1, &again));
    assert_eq!(died.status(), SessionStatus::Crashed);
    assert!(span(&died, "o").is_interrupted());
}

#[test]
fn a_span_left_open_at_an_end_is_not_interrupted_by_a_later_crash() {
    let again = lines(&[START, OPEN, END, START, TOOL]);
    let snapshot = fold_one(killed(1, &again));
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    let open = span(&snapshot, "o");
    assert_eq!((open.ended_at(), open.is_interrupted()), (None, false));
}

#[test]
fn a_session_that_goes_on_after_a_crash_stays_crashed() {
    let end = r#"{"type":"span.end","span":"o"}"#;
    let snapshot = fold_one(live(1, &lines(&[START, OPEN, CRASH, TOOL, end])));
    assert_eq!(snapshot.error(), Some("why"));
    assert_eq!(snapshot.spans().len(), 3);
    assert!(!span(&snapshot, "o").is_interrupted());
    assert_eq!(snapshot.ended_at(), Some(second(1, 4)));
    let again = live(1, &lines(&[START, OPEN, CRASH, START, TOOL]));
    let snapshot = fold_one(again);
    assert_eq!(snapshot.status(), SessionStatus::Running);
    let open = span(&snapshot, "o");
    assert_eq!(
        (open.is_interrupted(), open.ended_at()),
        (true, Some(second(1, 2)))
    );
}

#[test]
fn only_work_of_a_following_run_reopens_a_session() {
    let ended = closed(1, &lines(&[START, END]));
    let updated = fold(&[ended.clone(), killed(2, UPDATE)]);
    assert_eq!(updated.status(), SessionStatus::Completed);
    assert_eq!(updated.title(), Some("T"));
    assert_eq!(updated.ended_at(), Some(second(1, 1)));
    assert_eq!(updated.runs()[1].status, None);
    let noted = fold(&[ended.clone(), killed(2, CRASH)]);
    assert_eq!(noted.status(), SessionStatus::Completed);
    assert_eq!(note_kinds(&noted), ["late-crash"]);
    for work in [
        TOOL,
        START,
        OPEN,
        r#"{"type":"text","span":"t","channel":"output","text":"x"}"#,
        r#"{"type":"log","level":"info","message":"x"}"#,
        r#"{"type":"counter","name":"n","value":1}"#,
        r#"{"type":"custom","name":"n"}"#,
    ] {
        let snapshot = fold(&[ended.clone(), live(2, work)]);
        assert_eq!(snapshot.status(), SessionStatus::Running, "{work}");
        assert_eq!(snapshot.root().ended_at(), None);
        let snapshot = fold(&[ended.clone(), killed(2, work)]);
        assert_eq!(snapshot.status(), SessionStatus::Crashed, "{work}");
    }
}

#[test]
fn an_end_alone_ends_what_an_earlier_run_left_open() {
    let open = killed(1, &lines(&[START, OPEN]));
    let snapshot = fold(&[open.clone(), killed(2, END)]);
    assert_eq!(snapshot.status(), SessionStatus::Completed);
    assert!(span(&snapshot, "o").is_interrupted());
    assert_eq!(snapshot.ended_at(), Some(second(2, 0)));
    let crashed = killed(1, &lines(&[START, CRASH]));
    let snapshot = fold(&[crashed, killed(2, END)]);
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    assert_eq!(note_kinds(&snapshot), ["crash", "late-end"]);
    let ended = killed(1, &lines(&[START, END]));
    assert_eq!(status(&[ended, killed(2, FAIL)]), SessionStatus::Completed);
}

#[test]
fn a_session_of_notes_only_still_stands_somehow() {
    assert_eq!(status(&[killed(1, CRASH)]), SessionStatus::Crashed);
    assert_eq!(status(&[killed(1, END)]), SessionStatus::Completed);
    assert_eq!(status(&[killed(1, UPDATE)]), SessionStatus::Crashed);
    assert_eq!(status(&[live(1, UPDATE)]), SessionStatus::Running);
    assert_eq!(
        status(&[killed(1, END), killed(2, UPDATE)]),
        SessionStatus::Completed
    );
}

#[test]
fn concurrent_runs_weigh_running_crashed_error_completed() {
    let run = |make: fn(u32, &str) -> Run, generation, end: &str| {
        let mut run = make(generation, &lines(&[START, end]));
        for earlier in 1..generation {
            run = run.saw_live(earlier);
        }
        run
    };
    let (ended, failed) = (run(killed, 1, END), run(killed, 2, FAIL));
    let (died, goes_on) = (run(killed, 3, TOOL), run(live, 4, TOOL));
    let all = [ended, failed, died, goes_on];
    assert_eq!(status(&all), SessionStatus::Running);
    assert_eq!(status(&all[..3]), SessionStatus::Crashed);
    assert_eq!(status(&all[..2]), SessionStatus::Error);
    assert_eq!(status(&all[..1]), SessionStatus::Completed);
    assert_eq!(fold(&all[..2]).error(), Some("no"));
}

#[test]
fn runs_of_one_generation_are_concurrent() {
    let mut twin = killed(1, &lines(&[START, END]));
    twin.facts.run.random = 99;
    assert_eq!(status(&[killed(1, START), twin]), SessionStatus::Crashed);
}

#[test]
fn a_run_that_lives_is_never_superseded() {
    // The list of the second run may be lost; that the first run lives says enough.
    let snapshot = fold(&[live(1, START), killed(2, &lines(&[TOOL, END]))]);
    assert_eq!(snapshot.status(), SessionStatus::Running);
}

#[test]
fn an_end_that_names_an_error_and_went_well_keeps_it_in_a_note() {
    let end = Event::new(Action::SessionEnd(SessionEnd {
        status: SessionStatus::Completed,
        error: Some("odd".into()),
    }));
    let snapshot = fold_one(live(1, START).with(end));
    assert_eq!(snapshot.status(), SessionStatus::Completed);
    assert_eq!(
        (snapshot.error(), note_kinds(&snapshot)),
        (None, vec!["end-error"])
    );
}

#[test]
fn notes_say_where_they_belong() {
    let snapshot = fold(&[
        killed(1, &lines(&[START, CRASH])),
        killed(2, &lines(&[TOOL, CRASH])),
    ]);
    let places: Vec<_> = snapshot
        .notes()
        .iter()
        .map(|note| (note.run(), note.seq()))
        .collect();
    let crash = Seq::new(4);
    assert_eq!(places, [(Some(run_id(1)), crash), (Some(run_id(2)), crash)]);
}

#[test]
fn raw_records_are_work() {
    let mut fold = Fold::new("");
    let facts = killed(1, "").facts;
    fold.begin_branch(facts.clone().into());
    fold.raw_record(Seq::FIRST, crate::format::RecordKind(128), 10);
    let snapshot = fold.finish(Loss::Tail);
    assert_eq!((snapshot.id(), snapshot.totals().records), ("unknown", 1));
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    assert_eq!(snapshot.loss(), Loss::Tail);
    assert_eq!(Some(snapshot.started_at()), facts.opened_at);
}
