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
        let mut cases = Vec::new();
        for (sessions, size) in [(1_000, "1 GiB"), (1_000, "10 GiB"), (10_000, "10 GiB")] {
            for mode in [CACHED, UNCACHED] {
                let name = format!("list/{sessions} sessions/{size}");
                cases.push(Case::of(&name, "ours", mode, EVERYTHING));
            }
        }
        cases
    }

    fn filling(&self) -> Filling {
        Filling::Once
    }

    fn fill(&self, case: &Case, task: &Task) -> Outcome<()> {
        let bytes = u64::from(task.count(mib(case))) << 20;
        let journal = options().open(&task.dir)?;
        for line in Events::new(task.count(sessions(case)), bytes) {
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
        let watch = Watch::start();
        let (rows, _) = trace_journal::list(&task.dir)?;
        let figure = watch.stop(1)?;
        let expected = usize::try_from(task.count(sessions(case)))?;
        if rows.len() != expected || rows.iter().any(|row| row.cost.is_zero()) {
            return Err(format!("{} sessions are there", rows.len()).into());
        }
        let seconds = figure.ns_per_op / 1e9;
        let mib = f64::from(task.count(mib(case)));
        Ok(figure.and("mib_per_s", mib / seconds))
    }
}

fn mib(case: &Case) -> u32 {
    if case.name.ends_with("10 GiB") {
        10 << 10
    } else {
        1 << 10
    }
}

fn sessions(case: &Case) -> u32 {
    if case.name.contains("10000 sessions") {
        10_000
    } else {
        1_000
    }
}

const CACHED: &str = "list(), index caches";
const UNCACHED: &str = "list(), no caches";
