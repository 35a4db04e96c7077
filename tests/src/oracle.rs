//! What a journal has promised, beside the journal; and the check of what is found of it.

mod after_rot;
mod readings;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use trace_journal::{Loss, RunId};

use crate::reference_reader::ReferenceJournal;
use crate::simdisk::Image;
pub use after_rot::{AfterRot, Given, Held, check_after_rot, given};
pub use readings::{Scans, Shown};

/// Kinds from here on are the caller's.
const USER_KIND_FIRST: u8 = 128;

/// Everything that was appended to a journal and what was said of it.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    /// By run.
    pub runs: BTreeMap<RunId, Truth>,
}

/// What one run has promised.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Payloads of acknowledged records, by sequence number.
    pub written: BTreeMap<u64, Image>,
    /// The payloads of the appends that are under way.
    pub in_flight: Vec<Image>,
    /// How many were when it ended.
    pub unfinished: usize,
    /// Up to here everything was said to be durable.
    pub durable_to: u64,
    /// Which directory of the disk it is in.
    pub folder: usize,
    /// Segments were taken from it: of what they held, nothing is promised any more.
    pub is_meddled: bool,
}

/// How the programs came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Killed: what was written must be there.
    Kill,
    /// Power was lost: what was durable must be there.
    PowerLoss,
}

impl Oracle {
    /// Checks what a disk shows on which nothing runs: every promise is kept, nothing is
    /// invented, and a crash is never taken for damage.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, shown: &Shown, end: End) -> Result<(), String> {
        // After a failed sync nothing more is promised, and what is cached may not be shown.
        let end = match shown.has_failed_sync {
            true => End::PowerLoss,
            false => end,
        };
        for (run, truth) in &self.runs {
            truth
                .check(*run, &shown.plain, end)
                .map_err(|wrong| format!("{run}: {wrong}"))?;
        }
        // Killed between a failed sync and its mark, a run looks like any other that was killed,
        // and what the disk never got like an append that was never finished.
        if !shown.has_failed_sync {
            self.check_unsaid(shown, end)?;
        }
        let plain = &shown.plain;
        for (run, records) in plain.runs.iter().filter(|r| !self.runs.contains_key(r.0)) {
            if records.values().any(|r| r.kind >= USER_KIND_FIRST) {
                return Err(format!("{run}: records of nobody"));
            }
        }
        if self.is_meddled() {
            return Ok(());
        }
        if shown.loss == Loss::Damage || shown.lost_durable > 0 {
            return Err(format!("a crash is taken for damage: {}", shown.said));
        }
        let flying = self.runs.values().map(|truth| truth.in_flight.len()).sum();
        let missing = usize::try_from(shown.missing).unwrap_or(usize::MAX);
        if end == End::Kill && self.has_lost_nothing_before() && missing > flying {
            return Err(format!("a kill lost something: {}", shown.said));
        }
        Ok(())
    }

    /// Checks that nothing is missing in silence but what was under way when a process was killed,
    /// and never finished.
    fn check_unsaid(&self, shown: &Shown, end: End) -> Result<(), String> {
        let counted = shown.unsaid.iter();
        for (run, count) in counted.filter(|_| end == End::Kill || !shown.is_in_memory) {
            let may_be = end == End::Kill || shown.recovered.contains(run);
            let truth = self.runs.get(run).filter(|_| may_be);
            let unfinished = truth.map_or(0, |truth| truth.unfinished + truth.in_flight.len());
            if *count > unfinished {
                return Err(format!(
                    "{run}: nobody says that {count} records are missing"
                ));
            }
        }
        Ok(())
    }

    /// Takes what is there after a crash and a recovery for all that was ever written, and for
    /// durable: what a recovery has reported must stay.
    pub fn settle(&mut self, plain: &ReferenceJournal) {
        for (run, truth) in &mut self.runs {
            truth.settle(*run, plain);
        }
    }

    /// The same, of the runs in one directory.
    pub fn settle_in(&mut self, folder: usize, plain: &ReferenceJournal) {
        for (run, truth) in self.runs.iter_mut().filter(|(_, t)| t.folder == folder) {
            truth.settle(*run, plain);
        }
    }

    /// The part of it that is in one directory.
    #[must_use]
    pub fn of_folder(self: &Arc<Oracle>, folder: usize) -> Arc<Oracle> {
        if self.runs.values().all(|truth| truth.folder == folder) {
            return Arc::clone(self);
        }
        let runs = self.runs.iter().filter(|(_, t)| t.folder == folder);
        let runs = runs.map(|(run, truth)| (*run, truth.clone())).collect();
        Arc::new(Oracle { runs })
    }

    /// Whether segments were taken from any run.
    #[must_use]
    pub fn is_meddled(&self) -> bool {
        self.runs.values().any(|truth| truth.is_meddled)
    }

    /// A number that oracles of other promises do not have.
    #[must_use]
    pub fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (run, truth) in &self.runs {
            let is_meddled = truth.is_meddled;
            (run, truth.durable_to, truth.written.len(), is_meddled).hash(&mut hasher);
            for (seq, image) in &truth.written {
                (seq, image.hash()).hash(&mut hasher);
            }
            for image in &truth.in_flight {
                image.hash().hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    fn has_lost_nothing_before(&self) -> bool {
        self.runs.values().all(|truth| truth.durable_to < u64::MAX)
    }
}

impl Truth {
    /// Of a run in this directory of the disk, which has promised nothing yet.
    #[must_use]
    pub fn of_folder(folder: usize) -> Truth {
        Truth {
            folder,
            ..Truth::default()
        }
    }

    fn settle(&mut self, run: RunId, plain: &ReferenceJournal) {
        self.unfinished += self.in_flight.len();
        self.in_flight.clear();
        self.durable_to = u64::MAX;
        let records = plain.run(run).into_iter();
        let own = records.filter(|(_, record)| record.kind >= USER_KIND_FIRST);
        self.written = own
            .map(|(seq, r)| (seq, Image::new(r.payload.clone())))
            .collect();
    }

    /// Whether every record that was said to be durable is under a name in the directory.
    ///
    /// # Errors
    /// The first that is not.
    pub fn is_in_directory(&self, run: RunId, plain: &ReferenceJournal) -> Result<(), String> {
        let there = plain.runs.get(&run);
        for (seq, image) in self.written.range(..=self.durable_to) {
            let found = there.and_then(|records| records.get(seq));
            if found.is_none_or(|record| record.payload != image.bytes()) {
                return Err(format!(
                    "{run}: record {seq} is said to be durable and is not in the directory"
                ));
            }
        }
        Ok(())
    }

    fn check(&self, run: RunId, plain: &ReferenceJournal, end: End) -> Result<(), String> {
        let there = plain.runs.get(&run);
        let payload = |seq: u64| {
            let record = there.and_then(|records| records.get(&seq));
            record.map(|record| record.payload.as_slice())
        };
        for (seq, image) in &self.written {
            let is_due = end == End::Kill || *seq <= self.durable_to;
            let is_promised = is_due && !self.is_meddled;
            match payload(*seq) {
                None if is_promised => return Err(format!("record {seq} was promised, is lost")),
                Some(found) if found != image.bytes() => {
                    return Err(format!("record {seq} has other bytes"));
                }
                _ => {}
            }
        }
        let own = there.into_iter().flatten();
        let own = own.filter(|(_, record)| record.kind >= USER_KIND_FIRST);
        let surplus = own.filter(|(seq, _)| !self.written.contains_key(seq));
        let mut flying = self.in_flight.clone();
        for (seq, record) in surplus {
            let whose = flying.iter().position(|i| i.bytes() == record.payload);
            let whose = whose.ok_or_else(|| format!("record {seq} is invented"))?;
            flying.swap_remove(whose);
        }
        Ok(())
    }
}
