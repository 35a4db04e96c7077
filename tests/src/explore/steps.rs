//! Does the steps of a workload, and takes down what was promised.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use trace_journal::report::RunState;
use trace_journal::{Journal, Liveness, Loss, ReadMode, Reader, RunId, Seq};

use super::crash::{Explorer, open};
use super::ops::{Act, Interleaved, Step};
use super::repro::Way;
use crate::oracle::Truth;
use crate::random::Random;
use crate::simdisk::{Faults, Image, Process, SimDisk, Style, TMPFS};
use crate::workload::Sent;

/// A program with a journal.
pub(super) struct Program {
    process: Process,
    /// The directory it has open.
    pub(super) disk: SimDisk,
    journal: Journal,
    pub(super) run: RunId,
    sent: Sent,
    /// An append failed: the next one may take a lock.
    has_refused: bool,
}

/// What is done to a disk, one step after the other.
pub(super) struct Workload<'e> {
    pub(super) explorer: &'e Arc<Explorer>,
    /// The directory that the journal's path leads to.
    pub(super) disk: SimDisk,
    watched: SimDisk,
    pub(super) programs: Vec<Program>,
    writers: u64,
    /// Calls failed that a program may notice.
    has_failures: bool,
}

impl<'e> Workload<'e> {
    pub(super) fn new(explorer: &'e Arc<Explorer>) -> Workload<'e> {
        let disk = SimDisk::new(Random::part(explorer.plan.seed, 3));
        disk.set_bug(explorer.plan.bug);
        if explorer.plan.is_in_memory {
            disk.set_file_system(TMPFS);
        }
        let mut workload = Workload {
            explorer,
            watched: disk.clone(),
            disk,
            programs: Vec::new(),
            writers: 0,
            has_failures: false,
        };
        workload.watch();
        workload
    }

    pub(super) fn watch(&mut self) {
        let explorer = Arc::clone(self.explorer);
        let watcher = move |disk: &SimDisk| explorer.crash(disk);
        self.watched = self.disk.watched(Arc::new(watcher));
    }

    /// Does all of these steps; crashes are looked at from the one at `from` on.
    pub(super) fn run(mut self, steps: &[Step], from: usize) -> Result<(), String> {
        let mut done = Ok(());
        for (at, step) in steps.iter().enumerate() {
            self.explorer.begin_step(step.id, at < from);
            let seed = self.explorer.plan.seed;
            self.disk.set_random(Random::part(seed, 1 << 33 | step.id));
            done = self.step(*step);
            // Nothing may follow that shows what the step has left.
            for program in &self.programs {
                self.explorer.crash(&program.disk);
            }
            self.explorer.crash(&self.disk);
            let is_durable = |program: &Program| program.journal.durable().is_some();
            if self.explorer.plan.is_in_memory && self.programs.iter().any(is_durable) {
                done = Err("in memory a journal calls records durable".to_owned());
            }
            if let Some(foul) = self.disk.foul() {
                done = done.and(Err(foul));
            }
            if done.is_err() || self.explorer.has_failed() {
                break;
            }
        }
        for program in &self.programs {
            program.process.kill();
        }
        done
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        match step.act {
            Act::Fail(faults) => {
                self.has_failures |= faults.fault.is_some_and(|fault| !fault.is_harmless());
                self.disk.set_faults(faults);
                return Ok(());
            }
            Act::PowerLoss(_) if self.explorer.plan.is_in_memory => return Ok(()),
            Act::PowerLoss(style) => return self.power_loss(style),
            Act::Read => return self.read(),
            Act::Start if self.programs.len() < 2 => return self.start(),
            Act::Start => return Ok(()),
            Act::Close | Act::Kill if self.programs.is_empty() => return Ok(()),
            _ if self.programs.is_empty() => self.start()?,
            _ => {}
        }
        if self.programs.is_empty() {
            return Ok(());
        }
        let which = usize::try_from(step.which).unwrap_or(0) % self.programs.len();
        match step.act {
            Act::Append(len) => self.append(which, len),
            Act::MidCall(acts) => self.interleave(which, acts),
            Act::Rotate => self.rotate(which),
            Act::Sync => self.sync(which),
            Act::Meddle(what) => {
                self.meddle(which, what);
                Ok(())
            }
            Act::Close => self.close(which),
            _ => {
                self.programs.swap_remove(which).process.kill();
                Ok(())
            }
        }
    }

    /// What is wrong, unless calls have failed that explain it.
    fn explained(&self, what: &str, error: &dyn fmt::Display) -> Result<(), String> {
        match self.has_failures {
            true => Ok(()),
            false => Err(format!("{what}: {error}")),
        }
    }

    /// The same, or segments were taken from the run.
    fn explained_of(&self, run: RunId, what: &str, error: &dyn fmt::Display) -> Result<(), String> {
        let oracle = self.explorer.oracle();
        match oracle.runs.get(&run).is_some_and(|t| t.is_meddled) {
            true => Ok(()),
            false => self.explained(what, error),
        }
    }

    fn start(&mut self) -> Result<(), String> {
        let process = Process::start(&self.watched);
        let journal = match open(&process, self.explorer.plan.mode) {
            Ok(journal) => journal,
            Err(wrong) => {
                process.kill();
                self.disk.set_faults(Faults::default());
                return self.explained("start", &wrong);
            }
        };
        let run = journal.info().run.ok_or("no run")?.run;
        self.explorer.promise(|oracle| {
            oracle
                .runs
                .insert(run, Truth::of_folder(self.disk.folder()))
        });
        self.writers += 1;
        self.programs.push(Program {
            process,
            disk: self.disk.clone(),
            journal,
            run,
            sent: Sent {
                writer: self.writers,
                thread: 0,
                counter: self.writers << 32,
            },
            has_refused: false,
        });
        Ok(())
    }

    fn append(&mut self, which: usize, len: u64) -> Result<(), String> {
        let program = self.programs.get_mut(which).ok_or("no program")?;
        program.sent.counter += 1;
        let (sent, journal, run) = (program.sent, program.journal.clone(), program.run);
        let appended = append(self.explorer, &journal, run, (sent, len));
        program.has_refused |= appended.is_err();
        appended.or_else(|error| self.explained_of(run, "append", &error))
    }

    fn rotate(&mut self, which: usize) -> Result<(), String> {
        let program = self.programs.get(which).ok_or("no program")?;
        let (journal, run) = (program.journal.clone(), program.run);
        let segment = || journal.info().run.map(|run| run.segment);
        let before = segment();
        for _ in 0..ROTATED_WITHIN {
            self.append(which, ROTATING_LEN)?;
            if segment() != before {
                return Ok(());
            }
        }
        self.explained_of(run, "rotate", &"no other segment")
    }

    fn interleave(&mut self, which: usize, acts: Interleaved) -> Result<(), String> {
        let program = self.programs.get_mut(which).ok_or("no program")?;
        program.sent.counter += 2;
        let (journal, run) = (program.journal.clone(), program.run);
        let other = Sent {
            counter: program.sent.counter - 1,
            ..program.sent
        };
        let explorer = Arc::clone(self.explorer);
        let before = explorer.oracle();
        let before = before.runs.get(&run).and_then(|t| t.written.keys().max());
        let before = before
            .and_then(|seq| Seq::new(*seq))
            .filter(|_| acts.is_waited);
        let (inner, process) = (journal.clone(), program.process.clone());
        let disk = program.disk.clone();
        let first = Arc::new(std::sync::Mutex::new(None));
        let told = Arc::clone(&first);
        if !program.has_refused {
            program.process.mid_store(acts.stores, move || {
                let appended = append(&explorer, &inner, run, (other, acts.other_len));
                *super::crash::lock(&told) = Some(appended);
                let Some(seq) = before else { return };
                process.forgive();
                if inner.wait_durable(seq).is_ok() {
                    let is_news = explorer.promise(|oracle| {
                        let truth = oracle.runs.entry(run).or_default();
                        let before = truth.durable_to;
                        truth.durable_to = before.max(seq.get());
                        before < seq.get()
                    });
                    // What was said before stays said.
                    if is_news && let Err(wrong) = explorer.check_there(&disk, run) {
                        explorer.fail(wrong, None);
                    }
                }
            });
        }
        let appended = append(self.explorer, &journal, run, (program.sent, acts.len));
        let was_mid_store = program.process.was_mid_store();
        let inner = super::crash::lock(&first).take();
        let inner = match inner {
            Some(inner) if was_mid_store => inner,
            _ => append(self.explorer, &journal, run, (other, acts.other_len)),
        };
        program.has_refused |= appended.is_err() || inner.is_err();
        appended
            .and(inner)
            .or_else(|error| self.explained_of(run, "append", &error))
    }

    fn sync(&mut self, which: usize) -> Result<(), String> {
        let program = self.programs.get(which).ok_or("no program")?;
        let (run, journal) = (program.run, program.journal.clone());
        match journal.sync() {
            Ok(seq) => {
                self.truth(run, |t| t.durable_to = t.durable_to.max(seq.get()));
                self.explorer.check_there(&program.disk, run)
            }
            Err(error) => self.explained_of(run, "sync", &error),
        }
    }

    fn close(&mut self, which: usize) -> Result<(), String> {
        let program = self.programs.swap_remove(which);
        let closed = match program.journal.close() {
            Ok(()) => {
                let last = |t: &Truth| t.written.keys().max().copied().unwrap_or(0);
                self.truth(program.run, |t| t.durable_to = t.durable_to.max(last(t)));
                self.explorer.check_there(&program.disk, program.run)
            }
            Err(error) => {
                self.disk.set_faults(Faults::default());
                self.explained_of(program.run, "close", &error)
            }
        };
        // A close that failed leaves the journal as a crash does.
        program.process.kill();
        closed
    }

    fn truth(&self, run: RunId, change: impl FnOnce(&mut Truth)) {
        self.explorer
            .promise(|oracle| change(oracle.runs.entry(run).or_default()));
    }

    fn power_loss(&mut self, style: Style) -> Result<(), String> {
        for program in self.programs.drain(..) {
            program.process.kill();
        }
        let random = Random::part(self.explorer.plan.seed, 1 << 34);
        self.disk = self.disk.after_power_loss(random, style);
        self.watch();
        let oracle = self.explorer.oracle();
        let folders: BTreeSet<usize> = oracle.runs.values().map(|t| t.folder).collect();
        for folder in folders {
            let disk = self.disk.showing(folder);
            self.explorer.settle(&disk, Way::Power(style))?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), String> {
        let storage = Arc::new(Process::start(&self.disk));
        let reader = match Reader::of_storage(storage, ReadMode::Salvage) {
            Ok(reader) => reader,
            Err(error) => return self.explained("reading beside writers", &error),
        };
        if self.has_failures {
            return Ok(());
        }
        let report = reader.report();
        let here = self.explorer.oracle().of_folder(self.disk.folder());
        if here.is_meddled() {
            return Ok(());
        }
        if report.loss == Loss::Damage {
            return Err(format!("damage beside writers: {:?}", report.ranges));
        }
        for program in &self.programs {
            if !here.runs.contains_key(&program.run) {
                continue;
            }
            let mut runs = report.runs.iter();
            let found = runs.find(|run| run.run == program.run);
            if found.is_none_or(|run| run.state != RunState::Live) {
                return Err(format!("{}: {:?} is not seen", program.run, Liveness::Live));
            }
        }
        Ok(())
    }
}

/// Appends a record and takes down what was promised.
fn append(
    explorer: &Explorer,
    journal: &Journal,
    run: RunId,
    (sent, len): (Sent, u64),
) -> trace_journal::Result<()> {
    let payload = Image::new(sent.payload_of(len));
    explorer.allow(run, payload.clone());
    let appended = journal.append_raw(sent.kind(), payload.bytes());
    explorer.promise(|oracle| {
        let truth = oracle.runs.entry(run).or_default();
        truth.in_flight.retain(|image| image != &payload);
        if let Ok(seq) = &appended {
            truth.written.insert(seq.get(), payload.clone());
        }
    });
    appended.map(drop)
}

/// A segment has room for two of these, and so each third one needs another.
const ROTATING_LEN: u64 = 3000;
const ROTATED_WITHIN: u32 = 4;
