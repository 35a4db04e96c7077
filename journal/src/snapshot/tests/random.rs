//! Sessions no program would write: whatever the records say, the snapshot holds together.

use std::collections::HashSet;

use crate::event::{Event, JsonLine, SessionStatus};
use crate::hash::{GOLDEN, mixed};
use crate::recovery::Liveness;
use crate::seq::Seq;
use crate::snapshot::Snapshot;
use crate::snapshot::testing::{Run, fold, killed, run_id};

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(GOLDEN);
        let limit = u64::try_from(limit).unwrap();
        usize::try_from(mixed(self.0) % limit).unwrap()
    }

    fn pick<'p>(&mut self, of: &[&'p str]) -> &'p str {
        of[self.below(of.len())]
    }
}

/// The ids that records used.
#[derive(Debug, Default)]
struct Seen {
    spans: HashSet<&'static str>,
    /// For the root: the first one names it, the others mean it.
    roots: HashSet<&'static str>,
}

const IDS: [&str; 8] = ["a", "b", "c", "d", "root", "r2", "a b", "é"];
const KINDS: [&str; 4] = ["tool", "generation", "span", "user-message"];
const TIMES: [&str; 6] = [
    "0",
    "-5",
    "1000.5",
    "1700000000000",
    "32503680000000",
    "1e18",
];

fn line(random: &mut Random, seen: &mut Seen) -> String {
    let form = random.below(13);
    let id = random.pick(&IDS);
    let time = random.pick(&TIMES);
    let at = match random.below(3) {
        0 => format!(r#","at_ms":{time}"#),
        _ => String::new(),
    };
    let parent = random.pick(&IDS);
    let kind = random.pick(&KINDS);
    match form {
        0 => seen.roots.insert(id),
        5..=10 => seen.spans.insert(id),
        _ => false,
    };
    match form {
        0 => format!(r#"{{"type":"session.start","span":"{id}","metadata":{{"title":""}}{at}}}"#),
        1 => format!(r#"{{"type":"session.update","metadata":{{"{id}":1}}{at}}}"#),
        2 => format!(r#"{{"type":"session.end","status":"completed"{at}}}"#),
        3 => format!(r#"{{"type":"session.end","status":"error","error":"e"{at}}}"#),
        4 => format!(r#"{{"type":"crash","reason":"{parent}"{at}}}"#),
        5 | 6 => format!(
            r#"{{"type":"span.start","span":"{id}","parent":"{parent}","kind":"{kind}",
                "name":"n"{at}}}"#
        ),
        7 => format!(
            r#"{{"type":"span","span":"{id}","parent":"{parent}","kind":"{kind}","name":"",
                "start_ms":{time},"end_ms":5,"cost":-0.1}}"#
        ),
        8 => format!(
            r#"{{"type":"span.end","span":"{id}","status":"ok","tokens":{{"input":0.5}}{at}}}"#
        ),
        9 => format!(r#"{{"type":"span.update","span":"{id}","status":"error"{at}}}"#),
        10 => format!(
            r#"{{"type":"text","span":"{id}","channel":"output","offset":{},"text":"xyz"{at}}}"#,
            parent.len() * 2
        ),
        11 => format!(r#"{{"type":"log","level":"info","message":1{at}}}"#),
        _ => format!(r#"{{"type":"counter","name":"{id}","value":1e300{at}}}"#),
    }
}

fn event(line: &str) -> Event<'static> {
    let parsed = JsonLine::parse(line.as_bytes(), Some("s"));
    parsed
        .unwrap_or_else(|e| panic!("{e} in {line}"))
        .event
        .into_owned()
}

fn run(random: &mut Random, generation: u32, seen: &mut Seen) -> Run {
    let mut run = killed(generation, "");
    run.facts.liveness = match random.below(4) {
        0 => Liveness::Live,
        1 => Liveness::Unknown,
        _ => Liveness::Dead,
    };
    run.facts.closed = Some(Seq::FIRST).filter(|_| random.below(4) == 0);
    for other in 1..generation {
        if random.below(2) == 0 {
            run.facts.live_runs.insert(run_id(other));
        }
    }
    for _ in 0..random.below(12) {
        run = run.with(event(&line(random, seen)));
    }
    run
}

fn check(snapshot: &Snapshot, seen: &Seen, record_count: usize) {
    let ids: HashSet<&str> = snapshot.spans().iter().map(|span| span.id()).collect();
    assert_eq!(ids.len(), snapshot.spans().len(), "one span for each id");
    let root = snapshot.root();
    let mut missing = seen.spans.iter().filter(|id| !ids.contains(*id));
    assert!(missing.all(|id| seen.roots.contains(id)), "a span is gone");
    assert_eq!((root.parent(), root.kind().as_str()), (None, "session"));
    let parents = snapshot.spans()[1..].iter().map(|span| span.parent());
    assert!(
        parents
            .into_iter()
            .all(|parent| parent.is_some_and(|id| ids.contains(id)))
    );
    assert_eq!(snapshot.tree().count(), snapshot.spans().len());
    let is_running = snapshot.status() == SessionStatus::Running;
    assert_eq!(snapshot.ended_at().is_none(), is_running);
    assert_eq!(root.ended_at(), snapshot.ended_at());
    if snapshot.status() == SessionStatus::Crashed {
        assert!(snapshot.error().is_some() && snapshot.crash_cause().is_some());
    }
    for span in snapshot.spans() {
        assert!(!span.is_interrupted() || span.ended_at().is_some());
    }
    assert_eq!(
        snapshot.totals().records,
        u64::try_from(record_count).unwrap()
    );
    let json = serde_json::to_value(snapshot).unwrap();
    assert_eq!(json["spans"].as_array().unwrap().len(), ids.len());
}

#[test]
fn any_records_in_any_order_make_a_sound_snapshot() {
    for seed in 0..3_000 {
        let mut random = Random(seed);
        let mut seen = Seen::default();
        let count = u32::try_from(1 + random.below(4)).unwrap();
        let runs: Vec<Run> = (1..=count)
            .map(|generation| run(&mut random, generation, &mut seen))
            .collect();
        let record_count = runs.iter().map(Run::record_count).sum();
        let outcome = std::panic::catch_unwind(|| {
            check(&fold(&runs), &seen, record_count);
        });
        assert!(outcome.is_ok(), "seed {seed}: {runs:#?}");
    }
}
