//! Row 12: bytes on the disk.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Case, Row, Task, engine_cases};
use crate::engine::{Outcome, Work};
use crate::figure::Figure;

pub struct Space;

impl Row for Space {
    fn number(&self) -> u32 {
        12
    }

    fn title(&self) -> &'static str {
        "space"
    }

    fn bar(&self) -> &'static str {
        "at most 272 B per 256 B record; one record at most 1.2 MiB live, 24 KiB after close"
    }

    fn cases(&self) -> Vec<Case> {
        let many = engine_cases(MANY, Work::Bulk, |_| true);
        let one = engine_cases(ONE, Work::Durable, |engine| engine.who() != "floor");
        [many, one].concat()
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        if case.name == ONE {
            let log = case.open(task, Work::Durable, 1)?;
            log.append(0, &case.payload())?;
            let live = blocks_in(&task.dir)?;
            log.close()?;
            let closed = blocks_in(&task.dir)?;
            let figure = Figure::of_no_time().and("live_kib", f64::from(live) / 2.0);
            return Ok(figure.and("closed_kib", f64::from(closed) / 2.0));
        }
        let count = task.count(1_000_000);
        let log = case.open(task, Work::Bulk, count)?;
        log.bulk(count, &case.payload())?;
        log.close()?;
        let blocks = blocks_in(&task.dir)?;
        case.verify(task, count)?;
        let per_record = f64::from(blocks) * 512.0 / f64::from(count);
        Ok(Figure::of_no_time().and("bytes_per_record", per_record))
    }
}

/// Blocks of 512 bytes that the files of a directory take.
fn blocks_in(dir: &Path) -> Outcome<u32> {
    let mut blocks = 0;
    for entry in fs::read_dir(dir)? {
        blocks += u32::try_from(entry?.metadata()?.blocks())?;
    }
    Ok(blocks)
}

const MANY: &str = "space/1M records/256";
const ONE: &str = "space/one record/256";
