//! A whole directory of hostile files.

use trace_journal::{Error, Journal};

use super::craft;
use super::memory::Memory;
use super::pool::SEGMENT_LEN;
use super::read_all_ways::{Kept, Place, READ_FACTOR, READ_FREE, read_all_ways, render};

/// The directory the bytes describe is read in every way; then a journal is opened on it, which
/// must neither fail nor change what is there, and must keep its own records.
///
/// # Panics
/// If it is not so.
pub(super) fn directory(bytes: &[u8]) -> u64 {
    let memory = craft::directory(bytes);
    let size = memory.size();
    let before = read_all_ways(&memory);
    let options = Journal::options()
        .storage(memory.storage())
        .stepped()
        .shared(false);
    let journal = match options.segment_bytes_max(SEGMENT_LEN).open("memory") {
        Ok(journal) => journal,
        // The last generation of all may be taken.
        Err(Error::LimitExceeded { .. }) => return size,
        Err(error) => panic!("{error}"),
    };
    recover(&memory, &journal);
    let line = r#"{"type":"mine","session":"new"}"#;
    let seq = journal.append_json(line).expect("memory does not fail");
    assert!(journal.sync().expect("memory does not fail") >= seq);
    journal.close().expect("memory does not fail");
    let after = read_all_ways(&memory);
    for (address, record) in &before.records {
        assert_eq!(after.records.get(address), Some(record), "{address:?}");
    }
    let is_new = |(address, _): &(&Place, &Vec<Kept>)| !before.records.contains_key(*address);
    let new = after.records.iter().filter(is_new);
    let of_mine = new
        .flat_map(|(_, kept)| kept)
        .filter(|(kind, _)| *kind == CUSTOM);
    assert_eq!(of_mine.count(), 1, "the new run's own record");
    memory.size()
}

/// What dead runs left, read in the caches where that is enough: a forged one may tell anything,
/// but neither stop nor swell the reading.
fn recover(memory: &Memory, journal: &Journal) {
    memory.let_read(READ_FACTOR * memory.size() + READ_FREE);
    let recovery = journal.recovery();
    for snapshot in recovery.sessions() {
        let _ = render(&snapshot.expect("memory can be read"));
    }
    let _ = recovery.report().expect("memory can be read");
}

/// The kind of record a line of an unknown type becomes.
const CUSTOM: u8 = 27;
