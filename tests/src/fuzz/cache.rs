//! Caches as a segment's owner would write them, but for what an input changes: its checksums fit
//! all the same.

use std::collections::BTreeMap;

use trace_journal::RunId;
use trace_journal::format::SegmentNumber;
use trace_journal::format::{FRAME_HEADER_LEN, FRAMES_OFFSET, FrameHeader};

use super::cursor::Cursor;
use super::varint::varint;

/// A cache of a segment whose file is `file`.
#[must_use]
pub(super) fn cache(
    run: RunId,
    number: SegmentNumber,
    file: &[u8],
    input: &mut Cursor<'_>,
) -> Vec<u8> {
    let found = Found::of(file);
    let (lists, rollups, rows) = found.rows(input);
    let mut body = Vec::new();
    for number in [
        found.records,
        found.records.saturating_sub(1),
        found.padding,
    ] {
        body.extend(odd(number, input));
    }
    body.extend(odd(len(&found.own), input));
    body.extend(found.own.concat());
    body.extend(odd(count(&found.sessions), input));
    for index in found.sessions.keys() {
        let id = [varint(1), vec![b's' ^ input.byte()]].concat();
        body.extend([odd(u64::from(*index), input), id].concat());
    }
    body.extend(odd(count(&found.sessions), input));
    body.extend(rows);
    body.extend(varint(u64::from(crc(&rollups))));
    body.push(0);
    let covered = [
        &run.generation().to_le_bytes()[..],
        &number.get().to_le_bytes(),
        &run.random().to_le_bytes(),
        &len(file).to_le_bytes(),
        &found.seal_offset.to_le_bytes(),
        &found.seal_crc.to_le_bytes(),
        &u32::try_from(body.len())
            .expect("it is short")
            .to_le_bytes(),
        &len(&lists).to_le_bytes(),
        &body,
    ]
    .concat();
    framed((b'I', VERSION), &covered, &[lists, rollups].concat())
}

/// The file of a cache, with the letter and the version that tell which it is.
pub(super) fn framed((letter, version): (u8, u8), covered: &[u8], behind: &[u8]) -> Vec<u8> {
    let magic = [0x8A, b'T', b'R', letter, b'\r', b'\n', 0x1A, b'\n'];
    let crc = crc(covered).to_le_bytes();
    [&magic[..], &[version, 0, 0, 0], &crc, covered, behind].concat()
}

/// What an honest cache would say.
#[derive(Default)]
pub(super) struct Found {
    pub(super) records: u64,
    pub(super) padding: u64,
    pub(super) seal_offset: u64,
    pub(super) seal_crc: u32,
    /// The library's own records, encoded.
    pub(super) own: Vec<Vec<u8>>,
    /// Offset and length in units of 8 bytes, and kind, of each record, by session.
    pub(super) sessions: BTreeMap<u32, Vec<(u64, u64, u8)>>,
    /// Kind and payload of the first records of each session.
    payloads: BTreeMap<u32, Vec<(u8, Vec<u8>)>>,
}

impl Found {
    pub(super) fn of(file: &[u8]) -> Found {
        let mut found = Found::default();
        let mut at = usize::try_from(FRAMES_OFFSET).expect("a small number");
        while let Some((fields, rest)) = file
            .get(at..)
            .and_then(|rest| rest.split_first_chunk::<FRAME_HEADER_LEN>())
            && let Ok(header) = FrameHeader::decode(*fields)
        {
            let frame_len = usize::try_from(header.frame_len()).expect("lengths fit");
            let payload_len = usize::try_from(header.payload_len).expect("lengths fit");
            let Some(payload) = rest.get(..payload_len) else {
                break;
            };
            found.add(u64::try_from(at).expect("lengths fit"), &header, payload);
            at += frame_len;
        }
        found
    }

    fn add(&mut self, offset: u64, header: &FrameHeader, payload: &[u8]) {
        let payload_len = u64::from(header.payload_len);
        self.records += 1;
        self.padding += payload_len.next_multiple_of(8) - payload_len;
        let kind = header.kind.get();
        if kind == SEAL {
            (self.seal_offset, self.seal_crc) = (offset, header.crc);
        }
        match header.session {
            0 if OWN.contains(&kind) => {
                let seq_low = varint(u64::from(header.seq_low));
                let own = [seq_low, vec![kind], varint(payload_len), payload.to_vec()];
                self.own.push(own.concat());
            }
            0 => {}
            // About a session, and none of its records.
            _ if kind == SESSION_REF => {}
            session => {
                let places = self.sessions.entry(session).or_default();
                places.push((offset / 8, header.frame_len() / 8, kind));
                let payloads = self.payloads.entry(session).or_default();
                if payloads.len() < ROLLUP_RECORDS_MAX {
                    payloads.push((kind, payload.to_vec()));
                }
            }
        }
    }

    /// The offset lists, the rollups, and the rows that say what is in them.
    fn rows(&self, input: &mut Cursor<'_>) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let (mut lists, mut rollups, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for (index, places) in &self.sessions {
            let mut list = Vec::new();
            let mut before = 0;
            for (place, len, _) in places {
                list.extend(odd(place - before, input));
                list.extend(odd(*len, input));
                before = place + len;
            }
            let bytes: u64 = places.iter().map(|(_, len, _)| len * 8).sum();
            let mut place = |at: Option<&(u64, u64, u8)>| {
                let (eighth, _, kind) = at.copied().unwrap_or_default();
                [odd(eighth, input), vec![kind]].concat()
            };
            let ends = [place(places.first()), place(places.last())].concat();
            let turns = places.iter().filter(|(_, _, kind)| TURNS.contains(kind));
            let turns: Vec<Vec<u8>> = turns.map(|turn| place(Some(turn))).collect();
            let rollup = self.rollup(*index, input);
            let row = [
                odd(u64::from(*index), input),
                odd(len(places), input),
                odd(bytes, input),
                ends,
                odd(len(&turns), input),
                turns.concat(),
                odd(len(&list), input),
                varint(u64::from(crc(&list))),
                odd(len(&rollup), input),
            ];
            rows.extend(row.concat());
            lists.extend(list);
            rollups.extend(rollup);
        }
        (lists, rollups, rows)
    }

    /// A rollup that says what comes to mind: sums up to the largest, spans that were never
    /// written, and some of the session's own records, which are not always whole.
    pub(super) fn rollup(&self, session: u32, input: &mut Cursor<'_>) -> Vec<u8> {
        // No times; whether there is work.
        let mut rollup = vec![0, 0, input.byte() % 2];
        let sums = input.byte() % 8;
        rollup.extend(odd(u64::from(sums), input));
        for _ in 0..sums {
            rollup.extend(match input.byte() {
                0xFF => [vec![0xFF; 18], vec![3]].concat(),
                _ => odd(1, input),
            });
            rollup.push(input.byte() % 34);
        }
        let spans = usize::from(input.byte() % 4);
        rollup.extend(odd(
            u64::try_from(6 * spans).expect("a small number"),
            input,
        ));
        rollup.extend(std::iter::repeat_with(|| input.byte() % 2).take(6 * spans));
        let payloads = self.payloads.get(&session).map_or(&[][..], Vec::as_slice);
        rollup.extend(odd(len(payloads), input));
        for (kind, payload) in payloads {
            let cut = usize::from(input.byte() & 1).min(payload.len());
            let payload = &payload[cut..];
            rollup.push(*kind);
            rollup.extend([odd(len(payload), input), payload.to_vec()].concat());
        }
        rollup
    }
}

/// A number as it should be, or now and then any other.
pub(super) fn odd(value: u64, input: &mut Cursor<'_>) -> Vec<u8> {
    varint(match input.byte() {
        0..0xF8 => value,
        0xF8 => value.wrapping_add(1),
        0xF9 => value.wrapping_sub(1),
        0xFA => u64::MAX,
        0xFB => u64::from(u32::MAX),
        _ => u64::from(input.byte()),
    })
}

pub(super) fn len<T>(things: &[T]) -> u64 {
    u64::try_from(things.len()).expect("lengths fit")
}

fn count<K, V>(map: &BTreeMap<K, V>) -> u64 {
    u64::try_from(map.len()).expect("lengths fit")
}

/// CRC-32/ISO-HDLC, bit by bit.
#[must_use]
pub fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let poly = if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            crc = (crc >> 1) ^ poly;
        }
    }
    !crc
}

const VERSION: u8 = 2;
const ROLLUP_RECORDS_MAX: usize = 4;
const SEAL: u8 = 2;
const SESSION_REF: u8 = 7;
const OWN: [u8; 7] = [1, SEAL, 4, 5, 6, 9, 10];
const TURNS: [u8; 4] = [10, 16, 17, 18];

#[cfg(test)]
mod tests {
    use trace_journal::format::FileName;

    use super::super::pool::{closed, open};
    use super::*;

    #[test]
    fn a_cache_nothing_is_changed_in_is_taken() {
        let memory = closed();
        let mut caches = Vec::new();
        for (name, file) in memory.files() {
            if let Some(FileName::Segment(run, number)) = FileName::parse(&name) {
                let cache = cache(run, number, &file, &mut Cursor::new(&[]));
                memory.put(&FileName::Index(run, number).to_string(), cache);
                caches.push(name);
            }
        }
        // Recovery reads caches, if there is a dead run to recover.
        let killed = open(&memory);
        let memory = memory.after_kill(2);
        drop(killed);
        let report = open(&memory).recovery().report().unwrap().unwrap();
        let cached = report.segments.iter().filter(|segment| !segment.verified);
        let cached: Vec<&str> = cached.map(|segment| segment.file.as_str()).collect();
        // The run that was recovered has one now, too.
        assert!(
            caches.iter().all(|name| cached.contains(&&**name)),
            "{cached:?}"
        );
    }
}
