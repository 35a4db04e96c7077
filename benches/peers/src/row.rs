//! The workloads: one file each.

mod append;
mod bulk;
mod curves;
mod durable;
mod growing;
mod latency;
mod list;
mod open;
mod recover;
mod snapshots;
mod space;
mod span_event;

use std::path::PathBuf;

use crate::engine::{Engine, Log, Outcome, Setting, Survives, Work, all};
use crate::figure::Figure;

/// One workload, in several cases.
pub trait Row: Sync {
    /// Its number in the table of bars.
    fn number(&self) -> u32;

    fn title(&self) -> &'static str;

    /// What is to be reached.
    fn bar(&self) -> &'static str;

    /// Everything that is measured, always in the same order.
    fn cases(&self) -> Vec<Case>;

    /// When directories are filled before the clock starts.
    fn filling(&self) -> Filling {
        Filling::Never
    }

    /// Fills the directory, in a process of its own, which may die of it.
    fn fill(&self, _case: &Case, _task: &Task) -> Outcome<()> {
        Ok(())
    }

    /// Takes one measurement, in a process and a directory of its own.
    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure>;
}

/// One thing that is measured.
#[derive(Clone)]
pub struct Case {
    /// `what/condition/size`.
    pub name: String,
    pub who: &'static str,
    pub mode: &'static str,
    pub survives: Survives,
    /// Place in [`all`]; what has no engine is told apart by `mode`.
    pub engine: Option<usize>,
    pub threads: u16,
    pub payload_len: usize,
}

/// When directories are filled before the clock starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    Never,
    /// Once; measuring changes nothing.
    Once,
    EachRound,
}

/// Where and how much.
#[derive(Clone, Debug)]
pub struct Task {
    pub dir: PathBuf,
    /// Full size is 1.
    pub scale: f64,
}

/// All workloads in order.
pub fn rows() -> Vec<Box<dyn Row>> {
    vec![
        Box::new(append::Append),
        Box::new(span_event::SpanEvent),
        Box::new(latency::Latency),
        Box::new(durable::Durable::OneThread),
        Box::new(durable::Durable::ManyThreads),
        Box::new(bulk::Bulk),
        Box::new(recover::Recover),
        Box::new(snapshots::Snapshots),
        Box::new(open::Open),
        Box::new(list::List),
        Box::new(growing::Growing),
        Box::new(space::Space),
        Box::new(curves::Curves),
    ]
}

impl Case {
    /// A case without an engine of its own.
    pub fn of(name: &str, who: &'static str, mode: &'static str, survives: Survives) -> Case {
        Case {
            name: name.to_owned(),
            who,
            mode,
            survives,
            engine: None,
            threads: 1,
            payload_len: PAYLOAD_LEN,
        }
    }

    /// The engine the case is about.
    pub fn engine(&self) -> Outcome<&'static dyn Engine> {
        let place = self.engine.ok_or("the case has no engine")?;
        Ok(*all().get(place).ok_or("no such engine")?)
    }

    /// Opens the engine's log for `count` records.
    pub fn open(&self, task: &Task, work: Work, count: u32) -> Outcome<Box<dyn Log>> {
        let frame_len = u64::try_from(self.payload_len)? + 16;
        let setting = Setting {
            dir: task.dir.clone(),
            work,
            threads: usize::from(self.threads),
            expected_bytes: u64::from(count) * frame_len + (1 << 20),
        };
        self.engine()?.open(&setting)
    }

    /// Fails unless exactly this many records are there: no figure may measure nothing.
    pub fn verify(&self, task: &Task, count: u32) -> Outcome<()> {
        let found = self.engine()?.count(&task.dir)?;
        if found == u64::from(count) {
            return Ok(());
        }
        Err(format!("{found} records of {count} are there").into())
    }

    /// The record that is appended.
    pub fn payload(&self) -> Vec<u8> {
        vec![b'x'; self.payload_len]
    }
}

impl Task {
    /// A count at the task's scale, at least 1.
    pub fn count(&self, full: u32) -> u32 {
        let count = (f64::from(full) * self.scale).round().max(1.0);
        // Through text: there is no conversion of floats that says when it does not fit.
        format!("{count:.0}").parse().unwrap_or(full)
    }
}

/// One case of each engine that does this kind of work and that `wanted` lets pass.
pub fn engine_cases(name: &str, work: Work, wanted: impl Fn(&dyn Engine) -> bool) -> Vec<Case> {
    let engines = all().into_iter().enumerate();
    let wanted = engines.filter(|(_, engine)| wanted(*engine));
    let cases = wanted.filter_map(|(place, engine)| {
        let mode = engine.mode(work)?;
        let case = Case::of(name, engine.who(), mode.name, mode.survives);
        Some(Case {
            engine: Some(place),
            ..case
        })
    });
    cases.collect()
}

/// The length of a record where nothing else is said.
pub const PAYLOAD_LEN: usize = 256;
