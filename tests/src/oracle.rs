//! What a journal has promised, beside the journal; and the check of what is found of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trace_journal::{Item, Loss, Mode, Reader, Report, RunId};

use crate::compare;
use crate::plain::Plain;
use crate::simdisk::{Process, SimDisk};

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
    pub written: BTreeMap<u64, Vec<u8>>,
    /// The payload of the append that is under way.
    pub in_flight: Option<Vec<u8>>,
    /// Up to here everything was said to be durable.
    pub durable_to: u64,
}

/// How the programs came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Killed: what was written must be there.
    Kill,
    /// Power was lost: what was durable must be there.
    PowerLoss,
}

impl Oracle {
    /// Checks a disk on which nothing runs: every promise is kept, nothing is invented, nothing
    /// missing goes unsaid, no byte is unaccounted for, and a crash is never taken for damage.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, disk: &SimDisk, end: End) -> Result<Plain, String> {
        let reader = Reader::of_storage(Arc::new(Process::start(disk)), Mode::Salvage)
            .map_err(|error| format!("reading: {error}"))?;
        // After a failed sync nothing more is promised, and what is cached may not be shown:
        // looked at behind the reader, who drops the cache of a poisoned run.
        let end = match disk.has_failed_sync() {
            true => End::PowerLoss,
            false => end,
        };
        let plain = Plain::of(disk.segments());
        for (run, truth) in &self.runs {
            truth
                .check(*run, &plain, end)
                .map_err(|wrong| format!("{run}: {wrong}"))?;
        }
        for run in plain.runs.keys().filter(|run| !self.runs.contains_key(run)) {
            let records = plain.run(*run);
            if records
                .iter()
                .any(|(_, record)| record.kind >= USER_KIND_FIRST)
            {
                return Err(format!("{run}: records of nobody"));
            }
        }
        compare::check(&reader, &plain)?;
        self.check_given(&reader)?;
        all_missing_are_said(&reader, &plain)?;
        let report = reader.report();
        if report.loss == Loss::Damage || report.counts.lost_durable > 0 {
            return Err(format!("a crash is taken for damage: {}", short(&report)));
        }
        if end == End::Kill && self.has_lost_nothing_before() && report.missing() > 0 {
            return Err(format!("a kill lost something: {}", short(&report)));
        }
        Ok(plain)
    }

    /// Whether every record of a caller that the library gives has the number it was given out
    /// with.
    fn check_given(&self, reader: &Reader) -> Result<(), String> {
        for item in reader.records() {
            let Item::Record(given) = item.map_err(|error| error.to_string())? else {
                continue;
            };
            let (run, seq) = (given.run, given.seq.get());
            let truth = self.runs.get(&run).filter(|_| given.kind.is_user());
            let Some(truth) = truth else { continue };
            let is_right = match truth.written.get(&seq) {
                Some(bytes) => *bytes == given.payload,
                None => truth
                    .in_flight
                    .as_ref()
                    .is_some_and(|b| *b == given.payload),
            };
            if !is_right {
                let mut all = truth.written.iter();
                let real = all.find(|(_, bytes)| **bytes == given.payload);
                let real = real.map(|(seq, _)| seq);
                return Err(format!("{run}: record {real:?} is given as number {seq}"));
            }
        }
        Ok(())
    }

    /// Takes what is there after a crash and a recovery for all that was ever written, and for
    /// durable: what a recovery has reported must stay.
    pub fn settle(&mut self, plain: &Plain) {
        for (run, truth) in &mut self.runs {
            truth.in_flight = None;
            truth.durable_to = u64::MAX;
            let records = plain.run(*run).into_iter();
            let own = records.filter(|(_, record)| record.kind >= USER_KIND_FIRST);
            truth.written = own.map(|(seq, r)| (seq, r.payload.clone())).collect();
        }
    }

    fn has_lost_nothing_before(&self) -> bool {
        self.runs.values().all(|truth| truth.durable_to < u64::MAX)
    }
}

impl Truth {
    fn check(&self, run: RunId, plain: &Plain, end: End) -> Result<(), String> {
        let there = plain.runs.get(&run);
        let payload = |seq: u64| {
            let record = there.and_then(|records| records.get(&seq));
            record.map(|record| record.payload.as_slice())
        };
        for (seq, bytes) in &self.written {
            let is_promised = end == End::Kill || *seq <= self.durable_to;
            match payload(*seq) {
                None if is_promised => return Err(format!("record {seq} was promised, is lost")),
                Some(found) if found != bytes => {
                    return Err(format!("record {seq} has other bytes"));
                }
                _ => {}
            }
        }
        let own = there.into_iter().flatten();
        let own = own.filter(|(_, record)| record.kind >= USER_KIND_FIRST);
        let mut surplus = own.filter(|(seq, _)| !self.written.contains_key(seq));
        let Some((seq, record)) = surplus.next() else {
            return Ok(());
        };
        if self.in_flight.as_ref() != Some(&record.payload) || surplus.next().is_some() {
            return Err(format!("record {seq} is invented"));
        }
        Ok(())
    }
}

/// Whether every number below the last one of a run is a record or in a gap.
fn all_missing_are_said(reader: &Reader, plain: &Plain) -> Result<(), String> {
    let mut said: BTreeMap<RunId, Vec<(u64, u64)>> = BTreeMap::new();
    for item in reader.records() {
        if let Item::Gap(gap) = item.map_err(|error| error.to_string())? {
            let last = gap.last.map_or(u64::MAX, |last| last.get());
            said.entry(gap.run)
                .or_default()
                .push((gap.first.get(), last));
        }
    }
    for run in plain.runs.keys() {
        let gaps = said.remove(run).unwrap_or_default();
        let is_said = |seq: &u64| {
            gaps.iter()
                .any(|(first, last)| (*first..=*last).contains(seq))
        };
        let missing = plain.missing(*run);
        if let Some(seq) = missing.iter().find(|seq| !is_said(seq)) {
            return Err(format!("{run}: nobody says that record {seq} is missing"));
        }
        let have: BTreeSet<u64> = plain.run(*run).into_iter().map(|(seq, _)| seq).collect();
        let is_there = |gap: &&(u64, u64)| have.range(gap.0..=gap.1).next().is_some();
        if let Some(gap) = gaps.iter().find(is_there) {
            return Err(format!("{run}: {gap:?} is said to be missing and is not"));
        }
    }
    Ok(())
}

fn short(report: &Report) -> String {
    format!("{:?} {:?}", report.counts, report.ranges)
}
