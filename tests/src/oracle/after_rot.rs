//! What must be true of a crash state whose files then rotted, vanished or were moved about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trace_journal::format::SegmentNumber;
use trace_journal::format::{FileName, HeaderState, SegmentHeader};
use trace_journal::reader::Gap;
use trace_journal::report::Fate;
use trace_journal::{Error, Item, Loss, ReadMode, Reader, RunId};

use crate::compare;
use crate::reference_reader::{ReferenceJournal, ReferenceRecord, varint};
use crate::simdisk::{Image, Process, SimDisk};

/// A record as the library gives it: run, number, kind, bytes.
pub type Given = (RunId, u64, u8, Vec<u8>);

/// Every record the library gives of a disk.
///
/// # Errors
/// If it cannot be read.
pub fn given(disk: &SimDisk) -> Result<Vec<Given>, String> {
    let reader = Reader::of_storage(Arc::new(Process::start(disk)), ReadMode::Salvage)
        .map_err(|error| format!("reading: {error}"))?;
    let mut all = Vec::new();
    for item in reader.records() {
        if let Item::Record(found) = item.map_err(|error| error.to_string())? {
            let payload = found.payload.to_vec();
            all.push((found.run, found.seq.get(), found.kind.get(), payload));
        }
    }
    Ok(all)
}

/// What came of a rotten state.
#[derive(Clone, Debug, Default)]
pub struct AfterRot {
    /// Intact records that the library gives, its own included, in order.
    pub given: Vec<Given>,
    /// The library reports damage.
    pub is_damaged: bool,
}

/// Checks a disk that rotted against what it held before: nothing is invented or reordered, every
/// record that is still intact is given, each number has one fate, each byte one class, and what
/// a witness that is left proves durable is either there or reported as damage.
///
/// # Errors
/// What is wrong.
pub fn check_after_rot(before: &Held, after: &SimDisk) -> Result<AfterRot, String> {
    let reader = match Reader::of_storage(Arc::new(Process::start(after)), ReadMode::Salvage) {
        Ok(reader) => reader,
        Err(Error::NotAJournal { .. } | Error::Unsupported { .. }) => {
            return nothing_held(before, after);
        }
        Err(error) => return Err(format!("reading: {error}")),
    };
    let items: Result<Vec<Item>, _> = reader.records().collect();
    let items = items.map_err(|error| error.to_string())?;
    let report = reader.report();
    compare::account(&report)?;
    let mut runs: BTreeMap<RunId, Run> = BTreeMap::new();
    let mut rotten = AfterRot {
        is_damaged: report.loss == Loss::Damage,
        ..AfterRot::default()
    };
    for item in items {
        match item {
            Item::Record(found) => {
                let payload = found.payload.to_vec();
                let (run, seq, kind) = (found.run, found.seq.get(), found.kind.get());
                runs.entry(run)
                    .or_default()
                    .given
                    .push((seq, kind, payload.clone()));
                rotten.given.push((run, seq, kind, payload));
            }
            Item::Gap(gap) => runs.entry(gap.run).or_default().gaps.push(gap),
        }
    }
    let mut returned = BTreeSet::new();
    for (run, found) in &runs {
        let in_run = |wrong| format!("{run}: {wrong}");
        let was = before.plain.runs.get(run);
        let given = found.check(was).map_err(in_run)?;
        returned.extend(given.into_iter().map(|seq| (*run, seq)));
        found.check_fates(was, rotten.is_damaged).map_err(in_run)?;
    }
    before.check_all_given(after, &returned)?;
    Ok(rotten)
}

/// For a disk that is not taken for a journal: whether that is so.
fn nothing_held(before: &Held, after: &SimDisk) -> Result<AfterRot, String> {
    before.check_all_given(after, &BTreeSet::new())?;
    Ok(AfterRot::default())
}

/// What a disk held before it rotted.
#[derive(Debug)]
pub struct Held {
    plain: ReferenceJournal,
    segments: BTreeMap<(RunId, SegmentNumber), Image>,
}

impl Held {
    /// What a disk holds.
    #[must_use]
    pub fn of(plain: ReferenceJournal, disk: &SimDisk) -> Held {
        Held {
            plain,
            segments: disk.segments(),
        }
    }

    /// Of each segment, whether the library gives all records of the copy that has most.
    fn check_all_given(
        &self,
        after: &SimDisk,
        returned: &BTreeSet<(RunId, u64)>,
    ) -> Result<(), String> {
        let mut copies: BTreeMap<(RunId, SegmentNumber), Vec<BTreeSet<u64>>> = BTreeMap::new();
        for (name, image) in after.images() {
            let Some(identity) = identity(&name, image.bytes()) else {
                continue;
            };
            let intact = self.intact(identity, &image);
            copies.entry(identity).or_default().push(intact);
        }
        for ((run, number), copies) in copies {
            let most = copies.iter().map(BTreeSet::len).max().unwrap_or(0);
            let is_given = |seqs: &BTreeSet<u64>| {
                let mut missing = seqs.iter().filter(|seq| !returned.contains(&(run, **seq)));
                missing.next().copied()
            };
            let best = copies.iter().filter(|copy| copy.len() == most);
            let lacks: Vec<Option<u64>> = best.map(is_given).collect();
            if let Some(seq) = lacks.iter().flatten().next()
                && lacks.iter().all(Option::is_some)
            {
                let file = FileName::Segment(run, number);
                return Err(format!("record {seq} of {file} is intact and is not given"));
            }
        }
        Ok(())
    }

    /// The records of a segment whose bytes a file still has in their places.
    fn intact(&self, identity: (RunId, SegmentNumber), image: &Image) -> BTreeSet<u64> {
        let (run, number) = identity;
        let Some(sound) = self.segments.get(&identity) else {
            return BTreeSet::new();
        };
        let is_intact = |record: &ReferenceRecord| {
            let from = usize::try_from(record.offset).unwrap_or(usize::MAX);
            let range = from..from + 16 + record.payload.len();
            let there = image.bytes().get(range.clone());
            there.is_some() && there == sound.bytes().get(range)
        };
        let records = self.plain.runs.get(&run).into_iter().flatten();
        let records = records.filter(|(_, record)| record.segment == number && is_intact(record));
        records.map(|(seq, _)| *seq).collect()
    }
}

/// Which segment a file is taken for.
fn identity(name: &str, bytes: &[u8]) -> Option<(RunId, SegmentNumber)> {
    let named = match FileName::parse(name) {
        Some(FileName::Segment(run, number)) => Some((run, number)),
        Some(_) => return None,
        None => None,
    };
    match SegmentHeader::decode(bytes) {
        HeaderState::Intact(header) | HeaderState::OnePage(header, _) => {
            Some((header.run, header.segment))
        }
        HeaderState::Broken => named,
        HeaderState::Unsupported(_) => None,
    }
}

/// What the library says of one run.
#[derive(Default)]
struct Run {
    given: Vec<(u64, u8, Vec<u8>)>,
    gaps: Vec<Gap>,
}

impl Run {
    /// Whether every record given was there, under its number, in this order; gives the numbers.
    fn check(
        &self,
        before: Option<&BTreeMap<u64, ReferenceRecord>>,
    ) -> Result<BTreeSet<u64>, String> {
        let mut last = 0;
        for (seq, kind, payload) in &self.given {
            if *seq <= last {
                return Err(format!("record {seq} comes behind record {last}"));
            }
            last = *seq;
            let there = before.and_then(|records| records.get(seq));
            if there.is_none_or(|r| r.kind != *kind || r.payload != *payload) {
                return Err(format!("record {seq} is invented"));
            }
        }
        Ok(self.given.iter().map(|given| given.0).collect())
    }

    /// Whether every number up to the last has one fate, and the right one where a witness is
    /// left.
    fn check_fates(
        &self,
        before: Option<&BTreeMap<u64, ReferenceRecord>>,
        is_damaged: bool,
    ) -> Result<(), String> {
        let there: BTreeSet<u64> = self.given.iter().map(|given| given.0).collect();
        let last_gap = self.gaps.iter().filter_map(|gap| gap.last).max();
        let last_gap = last_gap.map_or(0, |last| last.get());
        let last = there.last().copied().unwrap_or(0).max(last_gap);
        let witnessed = self.given.iter().filter_map(witnessed).max().unwrap_or(0);
        for seq in 1..=last.max(witnessed) {
            let is_in = |gap: &&Gap| {
                let is_before_end = gap.last.is_none_or(|last| seq <= last.get());
                gap.first.get() <= seq && is_before_end
            };
            let fates: Vec<Fate> = self.gaps.iter().filter(is_in).map(|gap| gap.fate).collect();
            let count = fates.len() + usize::from(there.contains(&seq));
            // What was never finished was not there before either, and is not missed.
            let was_there = before.is_none_or(|records| records.contains_key(&seq));
            if count != 1 && (count > 1 || was_there || seq <= witnessed) {
                return Err(format!("record {seq} has {count} fates: {:?}", self.gaps));
            }
            let is_lost = seq <= witnessed && !fates.is_empty();
            if is_lost && (fates.first() == Some(&Fate::Unwitnessed) || !is_damaged) {
                return Err(format!(
                    "record {seq} was durable, as {witnessed} was, and is lost as {fates:?}"
                ));
            }
        }
        Ok(())
    }
}

/// The number up to which a record of the library's own proves all others durable.
fn witnessed((seq, kind, payload): &(u64, u8, Vec<u8>)) -> Option<u64> {
    let mut rest = payload.as_slice();
    let durable = match *kind {
        // The start of a segment: first number, end of the one before, durable.
        1 => {
            varint(&mut rest)?;
            varint(&mut rest)?;
            varint(&mut rest)?
        }
        // A seal: last number, next segment if there is one, durable.
        2 => {
            varint(&mut rest)?;
            if varint(&mut rest)? == 1 {
                varint(&mut rest)?;
            }
            varint(&mut rest)?
        }
        // A sync mark: durable, first number.
        3 => varint(&mut rest)?,
        _ => return None,
    };
    Some(durable).filter(|durable| durable < seq)
}
