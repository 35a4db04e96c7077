//! Row 3: how long single appends take at a steady rate, with commits running and segments
//! rotating.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::{Case, Row, Task, engine_cases};
use crate::engine::{Log, Outcome, Work};
use crate::figure::{Figure, Watch, histogram, note};

pub struct Latency;

impl Row for Latency {
    fn number(&self) -> u32 {
        3
    }

    fn title(&self) -> &'static str {
        "append latency at a steady 100,000/s, commits every 50 ms"
    }

    fn bar(&self) -> &'static str {
        "p99.9 at most 20 us, no append above 5 ms that is not the device itself"
    }

    fn cases(&self) -> Vec<Case> {
        let of = |threads: u16| {
            let name = format!("append/steady 100k per s, {threads} threads/256");
            // SQLite cannot keep up with the rate.
            let cases = engine_cases(&name, Work::Append, |engine| engine.who() != "rusqlite");
            cases.into_iter().map(move |case| Case { threads, ..case })
        };
        of(1).chain(of(4)).collect()
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        let ticks = task.count(30_000);
        let per_tick = 100 / u32::from(case.threads);
        let count = ticks * per_tick * u32::from(case.threads);
        let log = case.open(task, Work::Append, count)?;
        let is_over = AtomicBool::new(false);
        let payload = case.payload();
        let watch = Watch::start();
        let times = std::thread::scope(|scope| {
            // This journal commits by itself; for the others somebody has to.
            if case.who != "ours" {
                scope.spawn(|| sync_every_interval(&*log, &is_over));
            }
            let running: Vec<_> = (0..case.threads)
                .map(|thread| {
                    let (log, payload) = (&*log, &payload);
                    scope.spawn(move || pace(log, thread, payload, ticks, per_tick))
                })
                .collect();
            let mut all = histogram();
            for thread in running {
                all.add(thread.join().map_err(|_| "an appender panicked")??)?;
            }
            is_over.store(true, Ordering::Relaxed);
            Outcome::Ok(all)
        });
        is_over.store(true, Ordering::Relaxed);
        let times = times?;
        let figure = watch.stop(count)?;
        log.close()?;
        case.verify(task, count)?;
        let long = times.count_between(5_000_000, u64::MAX);
        let long = f64::from(u32::try_from(long)?);
        let mean = times.mean();
        let figure = figure.with(&times).and("appends_over_5_ms", long);
        Ok(Figure {
            ns_per_op: mean,
            ..figure
        })
    }
}

/// Appends a burst each millisecond; a thread that is late catches up.
fn pace(
    log: &dyn Log,
    thread: u16,
    payload: &[u8],
    ticks: u32,
    per_tick: u32,
) -> Outcome<Histogram<u64>> {
    let mut times = histogram();
    let mut next = Instant::now();
    for _ in 0..ticks {
        next += Duration::from_millis(1);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        for _ in 0..per_tick {
            let begun = Instant::now();
            log.append(usize::from(thread), payload)?;
            note(&mut times, begun.elapsed());
        }
    }
    Ok(times)
}

fn sync_every_interval(log: &dyn Log, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
        if log.sync().is_err() {
            return;
        }
    }
}
