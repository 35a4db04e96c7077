//! Row 10: what a list of sessions needs.

use trace_journal::Reader;

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
        "ids, records and losses of 1,000 sessions, per list"
    }

    fn bar(&self) -> &'static str {
        "grows with sessions, not bytes, with index caches; without, at memory speed"
    }

    fn cases(&self) -> Vec<Case> {
        let of = |name| {
            Case::of(
                name,
                "ours",
                "Reader::open, ids, counts, losses",
                EVERYTHING,
            )
        };
        vec![
            of("list/1000 sessions/1 GiB"),
            of("list/1000 sessions/10 GiB"),
        ]
    }

    fn filling(&self) -> Filling {
        Filling::Once
    }

    fn fill(&self, case: &Case, task: &Task) -> Outcome<()> {
        let bytes = u64::from(task.count(mib(case))) << 20;
        let journal = options().open(&task.dir)?;
        for line in Events::new(task.count(1000), bytes) {
            journal.append_json(&line)?;
        }
        Ok(journal.close()?)
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        let watch = Watch::start();
        let reader = Reader::open(&task.dir)?;
        let mut sessions = 0;
        for id in reader.ids() {
            let session = reader.session(id);
            std::hint::black_box((session.record_count(), session.loss()));
            sessions += 1;
        }
        let figure = watch.stop(1)?;
        if sessions != task.count(1000) {
            return Err(format!("{sessions} sessions are there").into());
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
