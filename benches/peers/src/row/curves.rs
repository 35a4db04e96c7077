//! Row 13: throughput of appends that wait for nothing, by threads, record size and write mode.

use super::{Case, Row, Task, engine_cases};
use crate::engine::{Outcome, Work};
use crate::figure::{Figure, Watch};

pub struct Curves;

impl Row for Curves {
    fn number(&self) -> u32 {
        13
    }

    fn title(&self) -> &'static str {
        "appends without waiting, threads 1 to 8, 64 B to 1 MiB, per record of all threads"
    }

    fn bar(&self) -> &'static str {
        "no cliff; total throughput does not fall as threads are added"
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for payload_len in [64, 256, 4 << 10, 64 << 10, 1 << 20] {
            for threads in [1, 2, 4, 8] {
                let name = format!("append/{threads} threads/{payload_len}");
                let ours = engine_cases(&name, Work::Append, |engine| engine.who() == "ours");
                cases.extend(ours.into_iter().map(|case| Case {
                    threads,
                    payload_len,
                    ..case
                }));
            }
        }
        cases
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        let threads = u32::from(case.threads);
        // The same bytes for every size, the same count for small ones.
        let fitting = BYTES / u32::try_from(case.payload_len)?;
        let each = task.count(fitting.min(COUNT_MAX)).div_ceil(threads);
        let count = each * threads;
        let log = case.open(task, Work::Append, count)?;
        let payload = case.payload();
        let watch = Watch::start();
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..usize::from(case.threads))
                .map(|thread| {
                    let (log, payload) = (&*log, &payload);
                    scope.spawn(move || (0..each).try_for_each(|_| log.append(thread, payload)))
                })
                .collect();
            for thread in running {
                thread.join().map_err(|_| "an appender panicked")??;
            }
            Outcome::Ok(())
        })?;
        let figure = watch.stop(count)?;
        log.close()?;
        case.verify(task, count)?;
        let bytes = f64::from(u32::try_from(case.payload_len)?);
        let mib_per_s = bytes / figure.ns_per_op * 1e9 / f64::from(1 << 20);
        Ok(figure.and("mib_per_s", mib_per_s))
    }
}

const BYTES: u32 = 256 << 20;
const COUNT_MAX: u32 = 1_000_000;
