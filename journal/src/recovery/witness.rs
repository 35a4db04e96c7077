//! What proves that sequence numbers were durable, and the fate of those that are missing.

use std::collections::BTreeMap;

use super::recovered::Recovered;
use super::segment_scan::Part;
use crate::format::{DurablePlace, seq_from};
use crate::seeded::{self, Bug};
use crate::seq::RunId;
use crate::storage::FileSystem;
use crate::words::shown_words;

/// What became of a missing sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// A witness proves that its record was durable: it was lost to damage.
    Durable,
    /// A witness proves that its record had been written, in a file system in memory, where nothing
    /// is durable: it was lost to damage.
    Written,
    /// Retention removed its record, and a record says so.
    Retired,
    /// Nothing proves that its record was durable: a crash can explain the loss.
    Unwitnessed,
}

shown_words!(Fate: "fate", {
    Durable => "durable",
    Written => "written",
    Retired => "retired",
    Unwitnessed => "unwitnessed",
});

/// All proofs about one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness {
    /// The highest sequence number a record of the run itself proves durable, 0 for none.
    pub(crate) in_band: u64,
    /// The highest one that files beside its segments prove durable, 0 for none.
    pub(crate) beside: u64,
    /// The place that its `.run` file notes, unless records up to that one or behind it are there:
    /// it was durable, and more may have been written behind it.
    pub(crate) noted: Option<DurablePlace>,
    /// Its process ended, and nothing that it had written is lost for that: no power failed and no
    /// sync. A frame that was begun is that of an append that no caller was told of.
    pub(crate) is_killed: bool,
    /// It has no `.run` file: it is over, or that was removed.
    pub(crate) is_unlocked: bool,
    /// What later runs found when they recovered it.
    pub(crate) recovered: Vec<Recovered>,
    /// What retention removed, first and last of each range.
    pub(crate) retired: Vec<(u64, u64)>,
    /// The run was written in a file system in memory: what else would be proved durable is
    /// proved to have been written, and power loss leaves nothing.
    pub(crate) is_in_memory: bool,
}

impl Fate {
    /// Whether a witness proves that the record was there.
    pub(crate) fn is_proved(self) -> bool {
        matches!(self, Fate::Durable | Fate::Written)
    }
}

impl Witness {
    /// Takes from the run itself, if it tells, where it was written; else it was where it is now.
    pub(super) fn note_place(&mut self, parts: &[Part]) {
        let opened = parts.iter().find_map(|part| part.notes.open.as_ref());
        if let Some(opened) = opened {
            self.is_in_memory = FileSystem::is_memory(opened.owner.file_system);
        }
        self.is_in_memory &= !seeded::has(Bug::TmpfsCalledDurable);
    }

    /// Takes in up to which number records are there.
    pub(super) fn look_at_note(&mut self, last_there: u64) {
        let is_reached = |place: &DurablePlace| place.seq <= last_there;
        let reached = self.noted.take_if(|place| is_reached(place));
        if reached.is_some() && seeded::has(Bug::ReachedNoteForgotten) {
            self.beside = 0;
        }
    }

    /// The highest sequence number known to have been durable, 0 for none.
    pub(crate) fn durable(&self) -> u64 {
        match self.is_in_memory {
            true => 0,
            false => self.proved(),
        }
    }

    /// The highest one known to have been there: durable, or in memory written.
    fn proved(&self) -> u64 {
        let recovered = self.recovered.iter().map(|r| r.last_seq);
        let in_files = self.in_band.max(self.beside);
        recovered.max().unwrap_or(0).max(in_files)
    }

    /// The highest sequence number known to have been given out and then removed or made durable.
    pub(crate) fn highest(&self) -> u64 {
        let retired = self.retired.iter().map(|(_, last)| *last);
        retired.max().unwrap_or(0).max(self.proved())
    }

    /// Whether the run was found when nothing that it had written could be lost.
    pub(super) fn was_killed(&self) -> bool {
        let is_known = self.is_killed || self.recovered.iter().any(|found| found.is_killed);
        is_known && !seeded::has(Bug::KillTakenForPowerLoss)
    }

    /// Whether it is not known how many numbers behind this one were given out.
    pub(super) fn is_open_behind(&self, last: u64) -> bool {
        let is_noted = self.noted.is_some_and(|place| place.seq == last);
        is_noted && self.recovered.is_empty() && last == self.highest()
    }
}

/// What the records of all runs say of other runs.
pub(super) fn witnesses<'a>(parts: impl Iterator<Item = &'a Part>) -> BTreeMap<RunId, Witness> {
    let mut witnesses = BTreeMap::<RunId, Witness>::new();
    for part in parts {
        for recovered in &part.notes.recovered {
            // Only a later run can have recovered it.
            if recovered.run.generation < part.segment.run.generation {
                let witness = witnesses.entry(recovered.run).or_default();
                witness.recovered.push(recovered.clone());
            }
        }
        for (run, first, last) in &part.notes.retired {
            let witness = witnesses.entry(*run).or_default();
            witness.retired.push((*first, *last));
        }
    }
    witnesses
}

/// The highest sequence number of an intact record, 0 for none.
pub(super) fn last_there(parts: &[Part], firsts: &[u64]) -> u64 {
    let last = |(part, first): (&Part, &u64)| Some(first + u64::from(part.scanned.last()?));
    let lasts = parts.iter().zip(firsts).filter_map(last);
    lasts.max().unwrap_or(0)
}

/// The highest sequence number the records of a run prove durable.
pub(super) fn in_band(parts: &[Part], firsts: &[u64]) -> u64 {
    let mut highest = 0;
    for (part, first) in parts.iter().zip(firsts) {
        highest = highest.max(part.claims.durable);
        if let Some((low, durable)) = part.claims.closed {
            let is_valid = durable < seq_from(*first, low);
            highest = highest.max(if is_valid { durable } else { 0 });
        }
    }
    highest.saturating_sub(u64::from(seeded::has(Bug::LastDurableForgotten)))
}
