//! Merged caches as a run's owner would write them, but for what an input changes: their checksums
//! fit all the same.

use std::collections::BTreeSet;

use trace_journal::RunId;
use trace_journal::format::SegmentNumber;

use super::cache::{Found, crc, framed, len, odd};
use super::cursor::Cursor;
use super::varint::varint;

/// A merged cache of segments from `first` on, whose files are these.
#[must_use]
pub(super) fn merged(
    run: RunId,
    first: SegmentNumber,
    files: &[Vec<u8>],
    input: &mut Cursor<'_>,
) -> Vec<u8> {
    let segments: Vec<Found> = files.iter().map(|file| Found::of(file)).collect();
    let mut body = odd(len(&segments), input);
    for (file, found) in files.iter().zip(&segments) {
        body.extend(covered(len(file), found, input));
    }
    let sessions = segments.iter().flat_map(|found| found.sessions.keys());
    let sessions: BTreeSet<u32> = sessions.copied().collect();
    body.extend(odd(len(&Vec::from_iter(&sessions)), input));
    for index in &sessions {
        let id = format!("{index}{}", char::from(b's' ^ (input.byte() & 0x7F)));
        let id = [
            varint(u64::try_from(id.len()).expect("it is short")),
            id.into_bytes(),
        ];
        body.extend([odd(u64::from(*index), input), id.concat()].concat());
    }
    let (mut rollups, mut hashes) = (Vec::new(), Vec::new());
    body.extend(odd(len(&Vec::from_iter(&sessions)), input));
    for index in &sessions {
        let (row, rollup, its_hashes) = row(*index, &segments, input);
        body.extend(row);
        rollups.extend(rollup);
        hashes.extend(its_hashes);
    }
    body.extend(odd(len(&rollups), input));
    body.extend(varint(u64::from(crc(&rollups))));
    body.extend(varint(u64::from(crc(&hashes))));
    body.push(0);
    let covered = [
        &run.generation().to_le_bytes()[..],
        &first.get().to_le_bytes(),
        &run.random().to_le_bytes(),
        &u32::try_from(body.len())
            .expect("it is short")
            .to_le_bytes(),
        &[0; 4],
        &body,
    ]
    .concat();
    framed((b'M', VERSION), &covered, &[rollups, hashes].concat())
}

/// What is said of a segment as a whole.
fn covered(file_len: u64, found: &Found, input: &mut Cursor<'_>) -> Vec<u8> {
    let numbers = [
        file_len,
        found.seal_offset,
        u64::from(found.seal_crc),
        found.records,
        found.records.saturating_sub(1),
        found.padding,
        len(&found.own),
    ];
    let numbers = numbers.map(|number| odd(number, input));
    [numbers.concat(), found.own.concat()].concat()
}

/// The row of a session, its rollup, and hashes of spans that were never written.
fn row(index: u32, segments: &[Found], input: &mut Cursor<'_>) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let places = (0u64..).zip(segments).flat_map(|(behind, found)| {
        let places = found.sessions.get(&index).into_iter().flatten();
        places.map(move |(place, len, kind)| (behind, *place, *len, *kind))
    });
    let places: Vec<(u64, u64, u64, u8)> = places.collect();
    let bytes: u64 = places.iter().map(|(_, _, len, _)| len * 8).sum();
    let mut end = |at: Option<&(u64, u64, u64, u8)>| {
        let (behind, eighth, _, kind) = at.copied().unwrap_or_default();
        [odd(behind, input), odd(eighth, input), vec![kind]].concat()
    };
    let ends = [end(places.first()), end(places.last())].concat();
    let holds = |found: &&Found| found.sessions.contains_key(&index);
    let rollup = segments.iter().find(holds);
    let rollup = rollup.map_or_else(Vec::new, |found| found.rollup(index, input));
    let spans = usize::from(input.byte() % 4);
    let hashes: Vec<u8> = std::iter::repeat_with(|| input.byte() % 2)
        .take(6 * spans)
        .collect();
    let row = [
        odd(u64::from(index), input),
        odd(len(&places), input),
        odd(bytes, input),
        ends,
        odd(len(&rollup), input),
        odd(len(&hashes), input),
    ];
    (row.concat(), rollup, hashes)
}

const VERSION: u8 = 2;

#[cfg(test)]
mod tests {
    use trace_journal::Reader;
    use trace_journal::format::FileName;

    use super::super::memory::Memory;
    use super::super::pool::{LINES, open};
    use super::*;

    #[test]
    fn a_merged_cache_nothing_is_changed_in_is_taken() {
        let whole = Memory::new(1);
        let journal = open(&whole);
        // Of spans that are given again, and of what is no event, only records tell.
        let plain = LINES.iter().filter(|line| line.contains("mine"));
        for line in plain.cycle().take(1500) {
            journal.append_json(line).expect("a valid line");
        }
        journal.close().expect("memory does not fail");
        let memory = Memory::new(1);
        let mut segments = Vec::new();
        for (name, file) in whole.files() {
            if let Some(FileName::Segment(run, number)) = FileName::parse(&name) {
                memory.put(&name, file.clone());
                segments.push((run, number, file));
            }
        }
        let (run, first, _) = segments[0];
        let (_, last, _) = segments[segments.len() - 1];
        assert!(segments.len() > 2);
        let files: Vec<Vec<u8>> = segments.into_iter().map(|(.., file)| file).collect();
        let expected = Reader::options()
            .storage(memory.storage())
            .summaries("")
            .unwrap()
            .sessions;
        let cache = merged(run, first, &files, &mut Cursor::new(&[]));
        memory.put(&FileName::Merged(run, first, last).to_string(), cache);
        let told = Reader::options()
            .storage(memory.storage())
            .summaries("")
            .unwrap();
        assert_eq!(told.sessions.len(), expected.len());
        // A reader of a segment verifies it.
        assert!(told.report.segments.iter().all(|segment| !segment.verified));
    }
}
