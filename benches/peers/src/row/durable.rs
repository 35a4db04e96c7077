//! Rows 4 and 5: appends that each wait until they are durable.

use std::time::Instant;

use super::{Case, Row, Task, engine_cases};
use crate::engine::{Outcome, Work};
use crate::figure::{Figure, Watch, histogram, note};

pub enum Durable {
    OneThread,
    ManyThreads,
}

impl Row for Durable {
    fn number(&self) -> u32 {
        match self {
            Durable::OneThread => 4,
            Durable::ManyThreads => 5,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Durable::OneThread => "durable append, 1 thread",
            Durable::ManyThreads => "durable append, 16 and 64 threads",
        }
    }

    fn bar(&self) -> &'static str {
        match self {
            Durable::OneThread => {
                "at most 1.1x pwrite + fdatasync into a zeroed file; not slower than any peer"
            }
            Durable::ManyThreads => "at least 1.3x the best peer each",
        }
    }

    fn cases(&self) -> Vec<Case> {
        match self {
            Durable::OneThread => engine_cases("durable/1 thread/256", Work::Durable, |_| true),
            Durable::ManyThreads => [16, 64].into_iter().flat_map(many).collect(),
        }
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        let threads = u32::from(case.threads);
        let full = match case.threads {
            1 => 4_000,
            // Those without group commit would take minutes.
            _ if is_one_by_one(case) => 6_000,
            16 => 60_000,
            _ => 150_000,
        };
        let each = task.count(full).div_ceil(threads);
        let count = each * threads;
        let log = case.open(task, Work::Durable, count)?;
        let payload = case.payload();
        let watch = Watch::start();
        let times = std::thread::scope(|scope| {
            let work = |thread: u16| {
                let (log, payload) = (&*log, &payload);
                scope.spawn(move || {
                    let mut times = histogram();
                    for _ in 0..each {
                        let begun = Instant::now();
                        log.append(usize::from(thread), payload)?;
                        note(&mut times, begun.elapsed());
                    }
                    Outcome::Ok(times)
                })
            };
            let running: Vec<_> = (0..case.threads).map(work).collect();
            let mut all = histogram();
            for thread in running {
                all.add(thread.join().map_err(|_| "an appender panicked")??)?;
            }
            Outcome::Ok(all)
        })?;
        let figure = watch.stop(count)?;
        log.close()?;
        case.verify(task, count)?;
        Ok(figure.with(&times))
    }
}

fn many(threads: u16) -> Vec<Case> {
    let name = format!("durable/{threads} threads/256");
    let cases = engine_cases(&name, Work::Durable, |_| true);
    let cases = cases.into_iter().map(|case| Case { threads, ..case });
    cases.collect()
}

fn is_one_by_one(case: &Case) -> bool {
    ["open-wal", "rusqlite"].contains(&case.who) || case.mode.starts_with("pwrite")
}
