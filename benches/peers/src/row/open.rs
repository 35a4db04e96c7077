//! Row 9: from `open` to a journal that is ready to append.

use std::fs::File;
use std::time::Instant;

use super::{Case, Filling, Row, Task, engine_cases};
use crate::engine::{EVERYTHING, Outcome, Setting, Work};
use crate::figure::{Figure, Watch, histogram, note};
use crate::floor::Mapped;
use crate::journal::{kind, options};

pub struct Open;

impl Row for Open {
    fn number(&self) -> u32 {
        9
    }

    fn title(&self) -> &'static str {
        "open, ready to append"
    }

    fn bar(&self) -> &'static str {
        "under 5 ms over the floor; finished segments are not read"
    }

    fn cases(&self) -> Vec<Case> {
        let floor = Case::of(EMPTY, "floor", "create, sync and map one file", EVERYTHING);
        let crashed = Case::of(CRASHED, "ours", "open", EVERYTHING);
        let runs = Case::of(RUNS, "ours", "open", EVERYTHING);
        let engines = engine_cases(EMPTY, Work::Durable, |engine| engine.who() != "floor");
        [vec![floor], engines, vec![crashed, runs]].concat()
    }

    fn filling(&self) -> Filling {
        Filling::EachRound
    }

    fn fill(&self, case: &Case, task: &Task) -> Outcome<()> {
        match case.name.as_str() {
            CRASHED => {
                let journal = options().open(&task.dir)?;
                let payload = case.payload();
                for _ in 0..task.count(1 << 22) {
                    journal.append_raw(kind(), &payload)?;
                }
                journal.sync()?;
                journal.append_raw(kind(), &payload)?;
                // Nothing is closed, no lock is given back by us: a crash.
                std::process::abort()
            }
            RUNS => {
                for _ in 0..task.count(1000) {
                    let journal = options().open(&task.dir)?;
                    journal.append_raw(kind(), case.payload())?;
                    journal.close()?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        let mut times = histogram();
        let rounds = if case.name == EMPTY { 20 } else { 1 };
        let watch = Watch::start();
        for round in 0..rounds {
            let dir = match case.name.as_str() {
                EMPTY => task.dir.join(round.to_string()),
                _ => task.dir.clone(),
            };
            std::fs::create_dir_all(&dir)?;
            let begun = Instant::now();
            let setting = Setting {
                dir,
                work: Work::Durable,
                threads: 1,
                expected_bytes: 0,
            };
            if case.who == "floor" {
                let map = floor(&setting)?;
                note(&mut times, begun.elapsed());
                drop(map);
            } else if case.engine.is_some() {
                let log = case.engine()?.open(&setting)?;
                note(&mut times, begun.elapsed());
                log.append(0, &case.payload())?;
                log.close()?;
            } else {
                let journal = options().open(&setting.dir)?;
                note(&mut times, begun.elapsed());
                journal.append_raw(kind(), case.payload())?;
                journal.close()?;
            }
        }
        let figure = watch.stop(1)?;
        let mean = times.mean();
        let figure = figure.with(&times);
        Ok(Figure {
            ns_per_op: mean,
            ..figure
        })
    }
}

/// The least that has to be done: space for a first segment, on record in its directory.
fn floor(setting: &Setting) -> Outcome<Mapped> {
    let file = File::create_new(setting.dir.join("floor"))?;
    drop(file);
    let path = setting.dir.join("floor");
    let file = File::options().read(true).write(true).open(path)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 1 << 20)?;
    file.sync_all()?;
    File::open(&setting.dir)?.sync_all()?;
    Mapped::new(&file)
}

const EMPTY: &str = "open/empty";
const CRASHED: &str = "open/after a crash/1 GiB";
const RUNS: &str = "open/1000 runs";
