//! Row 1: raw appends that wait for nothing.

use std::time::Instant;

use super::{Case, Row, Task, engine_cases};
use crate::engine::{Outcome, Work};
use crate::figure::{Figure, Watch, histogram, note};

pub struct Append;

impl Row for Append {
    fn number(&self) -> u32 {
        1
    }

    fn title(&self) -> &'static str {
        "raw append, 256 B, 1 thread"
    }

    fn bar(&self) -> &'static str {
        "at most 2x the floor of warm pages; 5x faster than any peer that survives kill -9"
    }

    fn cases(&self) -> Vec<Case> {
        let plain = engine_cases("append/raw/256", Work::Append, |_| true);
        let unsynced = engine_cases("append/raw unsynced/256", Work::AppendUnsynced, |engine| {
            ["ours", "floor"].contains(&engine.who())
        });
        [plain, unsynced].concat()
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        let work = if case.name.contains("unsynced") {
            Work::AppendUnsynced
        } else {
            Work::Append
        };
        let (count, timed) = (task.count(1_000_000), task.count(200_000));
        let log = case.open(task, work, count + timed)?;
        let payload = case.payload();
        let watch = Watch::start();
        for _ in 0..count {
            log.append(0, &payload)?;
        }
        let figure = watch.stop(count)?;
        // Reading the clock costs as much as an append: single ones are timed apart.
        let mut times = histogram();
        for _ in 0..timed {
            let begun = Instant::now();
            log.append(0, &payload)?;
            note(&mut times, begun.elapsed());
        }
        log.close()?;
        case.verify(task, count + timed)?;
        Ok(figure.with(&times))
    }
}
