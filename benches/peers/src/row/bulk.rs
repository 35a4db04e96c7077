//! Row 6: a million records at full speed until all are durable.

use super::{Case, Row, Task, engine_cases};
use crate::engine::{Outcome, Work};
use crate::figure::{Figure, Watch};

pub struct Bulk;

impl Row for Bulk {
    fn number(&self) -> u32 {
        6
    }

    fn title(&self) -> &'static str {
        "1M x 256 B at full speed until all is durable, per record"
    }

    fn bar(&self) -> &'static str {
        "at most 0.9x the best peer; at most 1.4x large writes + fdatasync"
    }

    fn cases(&self) -> Vec<Case> {
        engine_cases("bulk/until durable/256", Work::Bulk, |_| true)
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        let count = task.count(1_000_000);
        let log = case.open(task, Work::Bulk, count)?;
        let payload = case.payload();
        let watch = Watch::start();
        log.bulk(count, &payload)?;
        let figure = watch.stop(count)?;
        log.close()?;
        case.verify(task, count)?;
        Ok(figure)
    }
}
