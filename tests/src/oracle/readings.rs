//! What a disk shows to the library and to the plain reader, held against each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use trace_journal::format::SegmentNumber;
use trace_journal::{Item, Loss, ReadMode, Reader, Report, RunId};

use crate::compare;
use crate::reference_reader::{ReferenceJournal, ReferenceSegment, varint};
use crate::simdisk::{Image, Process, SimDisk};

/// What a disk shows, whatever wrote it and whatever was promised.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Every intact record.
    pub plain: ReferenceJournal,
    /// The worst of what the library reports as lost.
    pub loss: Loss,
    /// Missing records, as reported.
    pub missing: u64,
    /// Missing records that are reported to have been durable.
    pub lost_durable: u64,
    /// How many numbers below the last one of each run neither are there nor said to be missing.
    pub unsaid: BTreeMap<RunId, usize>,
    /// Power loss would leave nothing, so that no number counts as missing where zeros are.
    pub is_in_memory: bool,
    /// Runs that a later one has put on record.
    pub recovered: BTreeSet<RunId>,
    /// Something is said to be, or to have been, durable.
    pub says_durable: bool,
    /// The report, in short.
    pub said: String,
    /// A sync had failed before.
    pub has_failed_sync: bool,
}

impl Shown {
    /// Reads a disk on which nothing runs, in both ways.
    ///
    /// # Errors
    /// The first difference; a record that is missing and not said to be; bytes without a class.
    pub fn look(disk: &SimDisk, scans: &mut Scans) -> Result<Shown, String> {
        // The library first: it drops the cache of a run that is marked as poisoned.
        let reader = Reader::of_storage(Arc::new(Process::start(disk)), ReadMode::Salvage)
            .map_err(|error| format!("reading: {error}"))?;
        let items: Result<Vec<Item>, _> = reader.records().collect();
        let items = items.map_err(|error| error.to_string())?;
        let report = reader.report();
        let plain = scans.plain(disk.segments());
        compare::check_items(&items, &report, &plain)?;
        Ok(Shown {
            unsaid: unsaid(&items, &plain)?,
            is_in_memory: disk.is_in_memory(),
            recovered: recovered(&plain),
            loss: report.loss,
            missing: report.missing(),
            lost_durable: report.counts.lost_durable,
            says_durable: says_durable(&report, &items),
            said: short(&report),
            has_failed_sync: disk.has_failed_sync(),
            plain,
        })
    }

    /// Checks what a kill leaves in memory: nothing reads as if it were missing, and nothing was
    /// ever durable.
    ///
    /// # Errors
    /// What is wrong.
    pub fn is_of_memory(&self) -> Result<(), String> {
        if self.says_durable {
            return Err(format!(
                "in memory something is called durable: {}",
                self.said
            ));
        }
        match self.loss {
            Loss::None => Ok(()),
            loss => Err(format!("in memory a kill reads as {loss:?}: {}", self.said)),
        }
    }
}

fn says_durable(report: &Report, items: &[Item]) -> bool {
    let is_durable = |item: &Item| matches!(item, Item::Gap(gap) if gap.is_durable());
    report.counts.lost_durable > 0
        || report.ranges.iter().any(|range| range.durable)
        || report.runs.iter().any(|run| run.durable_seq.is_some())
        || items.iter().any(is_durable)
}

/// Segments that were read before: of most crash states, most segments are the same.
#[derive(Debug, Default)]
pub struct Scans(HashMap<(RunId, SegmentNumber, u64), Arc<ReferenceSegment>>);

impl Scans {
    /// Reads segments as the plain reader does.
    pub fn plain(&mut self, segments: BTreeMap<(RunId, SegmentNumber), Image>) -> ReferenceJournal {
        if self.0.len() > SCANS_MAX {
            self.0.clear();
        }
        ReferenceJournal::join(segments.into_iter().map(|((run, number), image)| {
            let scan = || Arc::new(ReferenceSegment::scan(run, number, image.bytes()));
            let known = self.0.entry((run, number, image.hash()));
            ((run, number), Arc::clone(known.or_insert_with(scan)))
        }))
    }
}

/// How many numbers below the last one of each run are no record and in no gap.
fn unsaid(items: &[Item], plain: &ReferenceJournal) -> Result<BTreeMap<RunId, usize>, String> {
    let mut unsaid = BTreeMap::new();
    let mut said: BTreeMap<RunId, Vec<(u64, u64)>> = BTreeMap::new();
    for item in items {
        if let Item::Gap(gap) = item {
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
        let count = missing.iter().filter(|seq| !is_said(seq)).count();
        unsaid.insert(*run, count);
        let have: BTreeSet<u64> = plain.run(*run).into_iter().map(|(seq, _)| seq).collect();
        let is_there = |gap: &&(u64, u64)| have.range(gap.0..=gap.1).next().is_some();
        if let Some(gap) = gaps.iter().find(is_there) {
            return Err(format!("{run}: {gap:?} is said to be missing and is not"));
        }
    }
    Ok(unsaid)
}

fn recovered(plain: &ReferenceJournal) -> BTreeSet<RunId> {
    let records = plain.runs.values().flat_map(|records| records.values());
    let records = records.filter(|record| record.kind == RUN_RECOVERED);
    let about = records.filter_map(|record| {
        let mut rest = record.payload.as_slice();
        let generation = u32::try_from(varint(&mut rest)?).ok()?;
        Some(RunId::new(generation, varint(&mut rest)?))
    });
    about.collect()
}

const RUN_RECOVERED: u8 = 6;

fn short(report: &Report) -> String {
    if report.ranges.is_empty() {
        return String::new();
    }
    format!("{:?} {:?}", report.counts, report.ranges)
}

const SCANS_MAX: usize = 1 << 12;
