//! What a killed process had been told is durable, and is then damaged, is told as damage.

use std::sync::Arc;

use trace_journal::format::FileName;
use trace_journal::report::Fate;
use trace_journal::storage::Storage;
use trace_journal::{Item, Loss, ReadMode, Reader, RunId};

use super::crash::{Explorer, Found};
use crate::harm::Harm;
use crate::oracle::Oracle;
use crate::random::Random;
use crate::reference_reader::{ReferenceJournal, ReferenceRecord};
use crate::simdisk::{Process, SimDisk};

impl Explorer {
    /// Damages one record of each run that was said to be durable, in the very files that the kill
    /// left, and checks what is said of it.
    pub(super) fn harm(
        &self,
        oracle: &Oracle,
        found: &mut Found,
        plain: &ReferenceJournal,
    ) -> Result<(), String> {
        // Where calls fail, that may be the one that notes what is durable.
        let may_not_be_noted = self.plan.has_faults || found.disk.has_failed_sync();
        if may_not_be_noted || oracle.is_meddled() {
            return Ok(());
        }
        for (run, truth) in &oracle.runs {
            let is_known = truth.durable_to < u64::MAX;
            let durable = truth
                .written
                .range(..=truth.durable_to)
                .map(|(seq, _)| *seq);
            let durable: Vec<u64> = durable.filter(|_| is_known).collect();
            let seq = match found.random.once_in(2) {
                true => durable.last(),
                false => found.random.pick(&durable),
            };
            let records = plain.runs.get(run);
            let Some((seq, record)) = seq.and_then(|seq| Some((*seq, records?.get(seq)?))) else {
                continue;
            };
            let harm = found.random.pick(&Harm::ALL).copied();
            let harm = harm.unwrap_or(Harm::FirstWord);
            let disk = found.disk.after_kill(Random::new(found.random.draw()));
            do_harm(&disk, *run, record, harm)?;
            told(&disk, *run, seq).map_err(|wrong| {
                format!("{harm:?} befalls record {seq} of {run}, which was durable: {wrong}")
            })?;
        }
        Ok(())
    }
}

fn do_harm(disk: &SimDisk, run: RunId, record: &ReferenceRecord, harm: Harm) -> Result<(), String> {
    let name = FileName::Segment(run, record.segment).to_string();
    let images = disk.images();
    let image = images.get(&name).ok_or("its file is not there")?;
    let mut bytes = image.bytes().to_vec();
    let place = harm.befall(record, &mut bytes);
    let from = u64::try_from(place.start).unwrap_or(u64::MAX);
    let file = Process::start(disk).open(&name);
    let changed = bytes.get(place).unwrap_or(&[]);
    let changed = file.and_then(|file| file.write_at(changed, from));
    changed.map_err(|error| error.to_string())
}

/// Checks that the loss of a record is told as that of one that was durable, or written.
fn told(disk: &SimDisk, run: RunId, seq: u64) -> Result<(), String> {
    let reader = Reader::of_storage(Arc::new(Process::start(disk)), ReadMode::Salvage)
        .map_err(|error| format!("reading: {error}"))?;
    let report = reader.report();
    let mut fates = Vec::new();
    for item in reader.records() {
        if let Item::Gap(gap) = item.map_err(|error| error.to_string())?
            && gap.run == run
            && gap.first.get() <= seq
            && gap.last.is_none_or(|last| seq <= last.get())
        {
            fates.push(gap.fate);
        }
    }
    let is_told = matches!(fates[..], [Fate::Durable | Fate::Written]);
    match report.loss {
        Loss::Damage if is_told => Ok(()),
        loss => Err(format!("{loss:?}, {fates:?}, {:?}", report.ranges)),
    }
}
