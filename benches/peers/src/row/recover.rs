//! Row 7: reading and verifying 1 GiB of records that are in the page cache.

use super::{Case, Filling, Row, Task, engine_cases};
use crate::engine::{EVERYTHING, Outcome, Work};
use crate::figure::{Figure, Watch};
use crate::floor::count_frames;
use trace_journal::{Loss, Reader};

pub struct Recover;

impl Row for Recover {
    fn number(&self) -> u32 {
        7
    }

    fn title(&self) -> &'static str {
        "recover: read and verify 1 GiB of 256 B records, warm, per record"
    }

    fn bar(&self) -> &'static str {
        "at most 1.4x the floor on as many threads; at least 4x the best peer; at most 64 MiB"
    }

    fn cases(&self) -> Vec<Case> {
        let name = "recover/1 GiB/256";
        let mut cases = engine_cases(name, Work::Bulk, |_| true);
        let found = |who: &str| cases.iter().find(|case| case.who == who).cloned();
        let (floor, ours) = (found("floor"), found("ours"));
        let again = |case: Option<Case>, mode| case.map(|case| Case { mode, ..case });
        let extra = [again(floor, TWO_THREADS), again(ours, VERIFY)];
        for case in &mut cases {
            case.mode = "open, then read all records";
            case.survives = EVERYTHING;
            if case.who == "floor" {
                case.mode = "pread + crc, 1 thread";
            }
        }
        // Positioned or mapped, a journal looks the same on the disk.
        let mut seen_ours = false;
        cases.retain(|case| case.who != "ours" || !std::mem::replace(&mut seen_ours, true));
        extra.into_iter().flatten().chain(cases).collect()
    }

    fn filling(&self) -> Filling {
        Filling::Once
    }

    fn fill(&self, case: &Case, task: &Task) -> Outcome<()> {
        let count = count(task);
        let log = case.open(task, Work::Bulk, count)?;
        log.bulk(count, &case.payload())?;
        log.close()
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        let watch = Watch::start();
        let found = match case.mode {
            TWO_THREADS => count_frames(&task.dir, 2)?,
            VERIFY => verified(task)?,
            _ => case.engine()?.count(&task.dir)?,
        };
        let figure = watch.stop(count(task))?;
        let expected = u64::from(count(task));
        // The journal's own records are among those it verifies.
        let is_right = found == expected || (case.mode == VERIFY && found > expected);
        if !is_right {
            return Err(format!("{found} records of {expected} are there").into());
        }
        Ok(figure)
    }
}

fn count(task: &Task) -> u32 {
    task.count(1 << 22)
}

fn verified(task: &Task) -> Outcome<u64> {
    let report = Reader::options().verify(true).open(&task.dir)?.report();
    if report.loss() != Loss::None || !report.is_verified() {
        return Err("something is lost, or was not read".into());
    }
    Ok(report.counts.recovered)
}

const TWO_THREADS: &str = "pread + crc, 2 threads";
const VERIFY: &str = "verified Reader: survey, every checksum";
