//! Journals of a released format, as they are kept in the repository for every later version to
//! read, and what is told of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use serde_json::{Value, json};
use trace_journal::{Item, ReadMode, Reader};

use crate::random::Random;
use crate::simdisk::{Image, Process, SimDisk};

/// The files of a journal.
pub type Files = BTreeMap<String, Vec<u8>>;

/// All that a reader tells of a journal, on a machine that has nothing to do with it.
///
/// # Panics
/// If it cannot be read at all.
#[must_use]
pub fn told(files: &Files) -> Value {
    let images = files.iter();
    let images = images.map(|(name, bytes)| (name.clone(), Image::new(bytes.clone())));
    let disk = SimDisk::of(images.collect(), Random::new(1));
    let storage = Arc::new(Process::start(&disk));
    let reader = Reader::of_storage(storage, ReadMode::Salvage).expect("a journal");
    let records = reader
        .records()
        .map(|item| match item.expect("a record or a gap") {
            Item::Record(record) => json!({
                "run": record.run.to_string(),
                "seq": record.seq.get(),
                "kind": record.kind.get(),
                "session": record.session.as_deref(),
                "payload": hex(&record.payload),
            }),
            Item::Gap(gap) => json!({
                "run": gap.run.to_string(),
                "first": gap.first.get(),
                "last": gap.last.map(|last| last.get()),
                "fate": format!("{:?}", gap.fate),
            }),
        });
    let records: Vec<Value> = records.collect();
    let snapshots = reader.sessions().map(|snapshot| {
        let snapshot = snapshot.expect("a snapshot");
        serde_json::to_value(&snapshot).expect("a snapshot as JSON")
    });
    let snapshots: Vec<Value> = snapshots.collect();
    json!({
        "records": records,
        "snapshots": snapshots,
        "report": serde_json::to_value(reader.report()).expect("a report as JSON"),
    })
}

/// The files in a directory.
///
/// # Errors
/// As they cannot be read.
pub fn read(dir: &Path) -> io::Result<Files> {
    let entries = fs::read_dir(dir)?;
    let files = entries.map(|entry| {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        Ok((name.to_string_lossy().into_owned(), fs::read(&path)?))
    });
    files.collect()
}

/// Of a long payload only its beginning and length.
fn hex(bytes: &[u8]) -> String {
    let shown = bytes.iter().take(SHOWN_MAX);
    let hex: String = shown.map(|byte| format!("{byte:02x}")).collect();
    match bytes.len() > SHOWN_MAX {
        true => format!("{hex}... {}", bytes.len()),
        false => hex,
    }
}

const SHOWN_MAX: usize = 256;
