//! What a random workload does, one step after the other.

use std::sync::Arc;

use trace_journal::{Journal, Liveness, Loss, Mode, Reader, RunId, RunState};

use super::{Explorer, lock, open};
use crate::oracle::{End, Truth};
use crate::random::Random;
use crate::simdisk::{Faults, Process, SimDisk, Style};
use crate::workload::Sent;

/// A program with a journal.
struct Program {
    process: Process,
    journal: Journal,
    run: RunId,
    counter: u64,
}

/// What is done to a disk, one step after the other.
pub(super) struct Workload<'e> {
    explorer: &'e Arc<Explorer>,
    random: Random,
    disk: SimDisk,
    watched: SimDisk,
    programs: Vec<Program>,
    writers: u64,
}

impl<'e> Workload<'e> {
    pub(super) fn new(explorer: &'e Arc<Explorer>) -> Workload<'e> {
        let mut random = Random::part(explorer.plan.seed, 2);
        let disk = SimDisk::new(Random::new(random.draw()));
        disk.set_bug(explorer.plan.bug);
        let mut workload = Workload {
            explorer,
            random,
            watched: disk.clone(),
            disk,
            programs: Vec::new(),
            writers: 0,
        };
        workload.watch();
        workload
    }

    fn watch(&mut self) {
        let explorer = Arc::clone(self.explorer);
        let watcher = move |disk: &SimDisk| explorer.crash(disk);
        self.watched = self.disk.watched(Arc::new(watcher));
    }

    pub(super) fn run(mut self) -> Result<(), String> {
        for _ in 0..self.random.within(12, 40) {
            if self.explorer.has_failed() {
                return Ok(());
            }
            self.step()?;
            if let Some(foul) = self.disk.foul() {
                return Err(foul);
            }
        }
        self.disk.set_faults(Faults::default());
        while !self.programs.is_empty() {
            self.close()?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), String> {
        if self.programs.is_empty() {
            return self.start();
        }
        match self.random.below(40) {
            22..=28 => self.sync(),
            29 | 30 => self.close(),
            31 | 32 => self.kill(),
            33 => self.power_loss(),
            34 | 35 if self.programs.len() < 2 => self.start(),
            36 | 37 => self.read(),
            10..=13 if self.explorer.plan.has_faults => {
                self.disk.set_faults(Faults::random(&mut self.random));
                Ok(())
            }
            _ => self.append(),
        }
    }

    fn start(&mut self) -> Result<(), String> {
        let process = Process::start(&self.watched);
        let journal = match open(&process, self.explorer.plan.mode) {
            Ok(journal) => journal,
            Err(_) if self.explorer.plan.has_faults => {
                process.kill();
                self.disk.set_faults(Faults::default());
                return Ok(());
            }
            Err(wrong) => return Err(wrong),
        };
        let run = journal.info().run.ok_or("no run")?.run;
        lock(&self.explorer.oracle)
            .runs
            .insert(run, Truth::default());
        self.writers += 1;
        self.programs.push(Program {
            process,
            journal,
            run,
            counter: self.writers << 32,
        });
        Ok(())
    }

    fn choose(&mut self) -> usize {
        let count = u64::try_from(self.programs.len()).unwrap_or(1);
        usize::try_from(self.random.below(count)).unwrap_or(0)
    }

    fn truth<T>(&self, run: RunId, change: impl FnOnce(&mut Truth) -> T) -> T {
        change(lock(&self.explorer.oracle).runs.entry(run).or_default())
    }

    fn append(&mut self) -> Result<(), String> {
        let which = self.choose();
        let len = match self.random.below(12) {
            0 => self.random.within(2000, 9000),
            1..=3 => self.random.within(400, 1200),
            _ => self.random.within(16, 200),
        };
        let program = self.programs.get_mut(which).ok_or("no program")?;
        program.counter += 1;
        let sent = Sent {
            writer: self.writers,
            thread: 0,
            counter: program.counter,
        };
        let (run, journal) = (program.run, program.journal.clone());
        let payload = sent.payload_of(len);
        self.truth(run, |truth| truth.in_flight = Some(payload.clone()));
        let appended = journal.append(sent.kind(), &payload);
        self.truth(run, |truth| {
            truth.in_flight = None;
            if let Ok(seq) = &appended {
                truth.written.insert(seq.get(), payload);
            }
        });
        match appended {
            Err(error) if !self.explorer.plan.has_faults => Err(format!("append: {error}")),
            _ => Ok(()),
        }
    }

    fn sync(&mut self) -> Result<(), String> {
        let which = self.choose();
        let program = self.programs.get(which).ok_or("no program")?;
        let (run, journal) = (program.run, program.journal.clone());
        match journal.sync() {
            Ok(seq) => self.truth(run, |t| t.durable_to = t.durable_to.max(seq.get())),
            Err(_) if self.explorer.plan.has_faults => {}
            Err(error) => return Err(format!("sync: {error}")),
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let which = self.choose();
        let program = self.programs.swap_remove(which);
        match program.journal.close() {
            Ok(()) => {
                let last = |t: &Truth| t.written.keys().max().copied().unwrap_or(0);
                self.truth(program.run, |t| t.durable_to = t.durable_to.max(last(t)));
            }
            Err(_) if self.explorer.plan.has_faults => self.disk.set_faults(Faults::default()),
            Err(error) => return Err(format!("close: {error}")),
        }
        // A close that failed leaves the journal as a crash does.
        program.process.kill();
        Ok(())
    }

    /// Kills one program; the others go on.
    fn kill(&mut self) -> Result<(), String> {
        let which = self.choose();
        let program = self.programs.swap_remove(which);
        program.process.kill();
        Ok(())
    }

    /// Ends everything; what is left of it is the disk of what follows.
    fn power_loss(&mut self) -> Result<(), String> {
        for program in self.programs.drain(..) {
            program.process.kill();
        }
        let style = *self.random.pick(&INLINE_STYLES).ok_or("no style")?;
        let random = Random::new(self.random.draw());
        self.disk = self.disk.after_power_loss(random, style);
        self.watch();
        let mut oracle = lock(&self.explorer.oracle).clone();
        let plain = self.explorer.check(&oracle, &self.disk, End::PowerLoss)?;
        oracle.settle(&plain);
        // On a disk found like this nothing is un-synced.
        *lock(&self.explorer.oracle) = oracle;
        Ok(())
    }

    /// Reads while the programs are alive.
    fn read(&mut self) -> Result<(), String> {
        let storage = Arc::new(Process::start(&self.disk));
        let reader = match Reader::of_storage(storage, Mode::Salvage) {
            Ok(reader) => reader,
            Err(_) if self.explorer.plan.has_faults => return Ok(()),
            Err(error) => return Err(format!("reading beside writers: {error}")),
        };
        if self.explorer.plan.has_faults {
            return Ok(());
        }
        let report = reader.report();
        if report.loss == Loss::Damage {
            return Err(format!("damage beside writers: {:?}", report.ranges));
        }
        for program in &self.programs {
            let mut runs = report.runs.iter();
            let found = runs.find(|run| run.run == program.run);
            if found.is_none_or(|run| run.state != RunState::Live) {
                return Err(format!("{}: {:?} is not seen", program.run, Liveness::Live));
            }
        }
        Ok(())
    }
}

const INLINE_STYLES: [Style; 4] = [Style::Nothing, Style::Some, Style::Torn, Style::Most];
