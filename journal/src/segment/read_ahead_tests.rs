//! Frames read ahead, against the same frames read when they are asked for.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::read::FrameReader;
use super::read_ahead::reusable;
use super::tests::{File, Frames, Random, damage, seed};
use crate::format::{FRAMES_OFFSET, RecordKind, checksum};
use crate::storage::StorageFile;

#[test]
fn frames_read_ahead_are_those_that_are_there() {
    for number in 0..40 {
        let mut random = Random(number);
        let (mut file, places) = segment(&mut random);
        for _ in 0..random.below(4) {
            damage(&mut file, &mut random);
        }
        let file = Arc::new(file);
        let found = |is_ahead| outcomes(&file, &places, is_ahead);
        let plain = found(false);
        let frames: usize = places.iter().map(Vec::len).sum();
        assert_eq!(plain.len(), frames);
        assert_eq!(found(true), plain, "seed {number}");
    }
}

/// Frames may have changed since they were verified.
#[test]
fn a_frame_that_changed_is_an_error_and_the_others_come() {
    let (mut file, places) = segment(&mut Random(2));
    let sound = Arc::new(File {
        bytes: file.bytes.clone(),
        bad: None,
    });
    let mut expected = outcomes(&sound, &places, false);
    let (changed, frame) = places.iter().flatten().enumerate().nth(100).unwrap();
    let payload = usize::try_from(frame.start + 16).unwrap();
    file.bytes[payload] ^= 1;
    expected[changed] = "Err(Damage(BadCrc))".to_owned();
    let file = Arc::new(file);
    for is_ahead in [false, true] {
        assert!(outcomes(&file, &places, is_ahead) == expected, "{is_ahead}");
    }
}

#[test]
fn who_reads_ahead_ends_when_nobody_asks_any_more() {
    let (file, places) = segment(&mut Random(1));
    let mut reader = FrameReader::new(Arc::new(file), seed());
    reader.start_ahead(ranges(&places));
    reader.frame(FRAMES_OFFSET, || 0).unwrap();
    drop(reader);
}

/// A caller that keeps a short payload must not keep the memory of a long one before it.
#[test]
fn memory_is_used_again_where_it_is_about_as_much() {
    let used = || Bytes::from(vec![7; 1 << 20]);
    let place = |bytes: &[u8]| bytes.as_ptr();
    for len in [1 << 20, 1 << 19, 1 << 18, 64] {
        let memory = reusable(used(), len);
        assert_eq!(memory.len(), len);
        assert!(memory.capacity() <= 2 * len, "{len}: {}", memory.capacity());
    }
    let used = used();
    let before = place(&used);
    assert_ne!(place(&reusable(used.clone(), 1 << 20)), before);
    assert_eq!(place(&reusable(used, 1 << 20)), before);
}

#[test]
fn only_frames_that_cannot_be_read_are_missing() {
    let mut frames = Frames::from(1);
    let mut offsets = Vec::new();
    for _ in 0..1_000 {
        offsets.push(u64::try_from(frames.0.bytes.len()).unwrap());
        frames.add(RecordKind(200), 0, &[7; 84]);
    }
    let page = 40 << 10;
    frames.0.bad = Some((page, page + 4096));
    let end = u64::try_from(frames.0.bytes.len()).unwrap();
    let mut reader = FrameReader::new(Arc::new(frames.0), seed());
    for offset in offsets {
        let is_there = reader.frame(offset, || end).is_ok();
        let is_bad = offset < page + 4096 && page < offset + 100;
        assert_eq!(is_there, !is_bad, "{offset}");
    }
}

/// More frames than are read at once, some of them longer than that; and where they are, in
/// several places.
fn segment(random: &mut Random) -> (File, Vec<Vec<Range<u64>>>) {
    let mut frames = Frames::from(1);
    let mut places = vec![Vec::new()];
    let mut from = FRAMES_OFFSET;
    while from < 6 << 20 {
        let len = match random.below(60) {
            0 => random.below(600_000),
            1 if from < 2 << 20 => 5 << 20,
            _ => random.below(40_000),
        };
        let payload = random.bytes(len);
        frames.add(RecordKind(200), 0, &payload);
        let to = u64::try_from(frames.0.bytes.len()).unwrap();
        if random.below(100) == 0 {
            places.push(Vec::new());
        }
        places.last_mut().unwrap().push(from..to);
        from = to;
    }
    places.retain(|place| !place.is_empty());
    (frames.0, places)
}

fn ranges(places: &[Vec<Range<u64>>]) -> Vec<Range<u64>> {
    let whole = |place: &Vec<Range<u64>>| place[0].start..place[place.len() - 1].end;
    places.iter().map(whole).collect()
}

/// What comes of asking for each frame.
fn outcomes(file: &Arc<File>, places: &[Vec<Range<u64>>], is_ahead: bool) -> Vec<String> {
    let file: Arc<dyn StorageFile> = Arc::<File>::clone(file);
    let mut reader = FrameReader::new(file, seed());
    if is_ahead {
        reader.start_ahead(ranges(places));
    }
    let mut outcomes = Vec::new();
    for place in places {
        for frame in place {
            let end = place[place.len() - 1].end;
            let read = reader.frame(frame.start, || end);
            let read = read.map(|(header, payload)| (header, payload.len(), checksum(&payload)));
            outcomes.push(format!("{read:?}"));
        }
    }
    outcomes
}
