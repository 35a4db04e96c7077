//! Row 10: a list of sessions.

use std::fs;

use super::{Case, Filling, Row, Task};
use crate::engine::{EVERYTHING, Outcome};
use crate::events::Events;
use crate::figure::{Figure, Watch};
use crate::journal::options;

pub struct List;

impl Row for List {
    fn number(&self) -> u32 {
        10
    }

    fn title(&self) -> &'static str {
        "the list of all sessions, per list"
    }

    fn bar(&self) -> &'static str {
        "grows with sessions, not bytes, with index caches; without, at disk / memory speed"
    }

    fn cases(&self) -> Vec<Case> {
        let modes = [CACHED, UNCACHED];
        let cases = JOURNALS
            .iter()
            .flat_map(|journal| modes.map(|mode| Case::of(journal.name, "ours", mode, EVERYTHING)));
        cases.collect()
    }

    fn filling(&self) -> Filling {
        Filling::Once
    }

    fn fill(&self, case: &Case, task: &Task) -> Outcome<()> {
        let shape = shape(case)?;
        let bytes = u64::from(task.count(shape.mib)) << 20;
        let journal = options().open(&task.dir)?;
        let events = Events::new(task.count(shape.sessions), bytes);
        for line in events.at_once(shape.at_once) {
            journal.append_json(&line)?;
        }
        journal.close()?;
        if case.mode == UNCACHED {
            for entry in fs::read_dir(&task.dir)? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "idx") {
                    fs::remove_file(path)?;
                }
            }
        }
        Ok(())
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        let shape = shape(case)?;
        let watch = Watch::start();
        let rows = trace_journal::Reader::summaries(&task.dir)?.sessions;
        let figure = watch.stop(1)?;
        let expected = usize::try_from(task.count(shape.sessions))?;
        if rows.len() != expected || rows.iter().any(|row| row.cost.is_zero()) {
            return Err(format!("{} sessions are there", rows.len()).into());
        }
        let seconds = figure.ns_per_op / 1e9;
        let mib = f64::from(task.count(shape.mib));
        Ok(figure.and("mib_per_s", mib / seconds))
    }
}

/// A journal to be listed.
struct Shape {
    name: &'static str,
    sessions: u32,
    /// How many sessions are at work at the same time.
    at_once: u32,
    mib: u32,
}

fn shape(case: &Case) -> Outcome<&'static Shape> {
    let mut journals = JOURNALS.iter();
    let shape = journals.find(|journal| journal.name == case.name);
    shape.ok_or("there is no such journal".into())
}

/// Whoever has all sessions in every segment has most to read of caches.
const JOURNALS: [Shape; 5] = [
    Shape {
        name: "list/1000 sessions, 10 at a time/1 GiB",
        sessions: 1_000,
        at_once: 10,
        mib: 1 << 10,
    },
    Shape {
        name: "list/1000 sessions, 10 at a time/10 GiB",
        sessions: 1_000,
        at_once: 10,
        mib: 10 << 10,
    },
    Shape {
        name: "list/1000 sessions, all in all segments/1 GiB",
        sessions: 1_000,
        at_once: 1_000,
        mib: 1 << 10,
    },
    Shape {
        name: "list/1000 sessions, all in all segments/10 GiB",
        sessions: 1_000,
        at_once: 1_000,
        mib: 10 << 10,
    },
    Shape {
        name: "list/10000 sessions, all in all segments/10 GiB",
        sessions: 10_000,
        at_once: 10_000,
        mib: 10 << 10,
    },
];

const CACHED: &str = "Reader::summaries, index caches";
const UNCACHED: &str = "Reader::summaries, no caches";
