//! The library's reader against the plain one.

use std::collections::BTreeMap;
use std::path::Path;

use trace_journal::format::HEADER_PAGE_LEN;
use trace_journal::report::{Fate, SegmentState};
use trace_journal::{Item, Reader, Report};

use crate::reference_reader::ReferenceJournal;

/// Reads a journal without a writer both ways, and gives the library's report.
///
/// # Errors
/// The first difference: a record one of them has and the other has not, one out of order, or
/// byte classes that do not make up a file.
pub fn compare(dir: &Path, plain: &ReferenceJournal) -> Result<Report, String> {
    let reader = Reader::open(dir).map_err(|error| error.to_string())?;
    check(&reader, plain)?;
    Ok(reader.report())
}

/// Compares what a reader gives with what is there.
///
/// # Errors
/// As [`compare`].
pub fn check(reader: &Reader, plain: &ReferenceJournal) -> Result<(), String> {
    let items: Result<Vec<Item>, _> = reader.records().collect();
    let items = items.map_err(|error| error.to_string())?;
    check_items(&items, &reader.report(), plain)
}

/// Compares all that a reader gave, and its report, with what is there.
///
/// # Errors
/// As [`compare`].
pub fn check_items(
    items: &[Item],
    report: &Report,
    plain: &ReferenceJournal,
) -> Result<(), String> {
    let runs = plain.runs.iter();
    let mut due =
        runs.flat_map(|(run, records)| records.iter().map(move |(seq, r)| (*run, *seq, r)));
    for item in items {
        let Item::Record(found) = item else {
            continue;
        };
        let (run, seq) = (found.run, found.seq.get());
        let expected = due.next();
        let is_same = expected.is_some_and(|(due_run, due_seq, record)| {
            (due_run, due_seq) == (run, seq)
                && record.kind == found.kind.get()
                && record.payload == found.payload
        });
        if !is_same {
            let expected = expected.map(|(run, seq, _)| (run.to_string(), seq));
            return Err(format!(
                "record {run}:{seq} is given, {expected:?} is there"
            ));
        }
    }
    if let Some((run, seq, _)) = due.next() {
        return Err(format!("record {run}:{seq} is there and is not given"));
    }
    one_story(items, report)?;
    account(report)
}

/// Checks that steps through all records and the report tell of the same gaps.
///
/// # Errors
/// The gap that only one of them tells of.
pub fn one_story(items: &[Item], report: &Report) -> Result<(), String> {
    let mut told = BTreeMap::new();
    for range in &report.ranges {
        if let Some(first) = range.first_missing {
            let run = range.file.split('-').take(2).collect::<Vec<_>>().join("-");
            let gap = (run, first, range.last_missing, range.durable);
            *told.entry(gap).or_insert(0) += 1;
        }
    }
    for item in items {
        if let Item::Gap(gap) = item
            && gap.fate != Fate::Retired
        {
            let gap = (gap.run.to_string(), gap.first, gap.last, gap.is_durable());
            *told.entry(gap).or_insert(0) -= 1;
        }
    }
    match told.iter().find(|(_, count)| **count != 0) {
        Some((gap, 1..)) => Err(format!("no step tells of {gap:?}")),
        Some((gap, _)) => Err(format!("the report does not tell of {gap:?}")),
        None => Ok(()),
    }
}

/// Checks that every byte of every file has one class.
///
/// # Errors
/// The file of which that is not so.
pub fn account(report: &Report) -> Result<(), String> {
    for segment in &report.segments {
        let sum = segment.bytes.sum();
        if sum != segment.size {
            let (file, size) = (&segment.file, segment.size);
            return Err(format!("{file}: {size} bytes, {sum} of them classed"));
        }
        let is_sound = matches!(segment.state, SegmentState::Active | SegmentState::Sealed);
        let header = 2 * u64::try_from(HEADER_PAGE_LEN).unwrap_or(0);
        if is_sound && segment.bytes.header != header {
            return Err(format!("{}: sound without its header", segment.file));
        }
    }
    Ok(())
}
