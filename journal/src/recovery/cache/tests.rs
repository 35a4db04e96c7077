//! A cache tells what reading tells, or nothing.

use super::*;
use crate::event::{Action, Event, SessionEnd, SessionStart, SessionStatus, codec};
use crate::recovery::session_index::ListSpan;
use crate::recovery::survey::{Depth, Scope, Survey, survey};
use crate::recovery::testing::{MemoryStorage, SegmentBuilder, run, told_of};
use crate::storage::DiskStorage;
use crate::time::Timestamp;

const FIRST: SegmentNumber = SegmentNumber::FIRST;

fn event(builder: &mut SegmentBuilder, session: u32, second: i64, action: Action<'_>) {
    let mut event = Event::new(action).in_session("any");
    event.at = Some(Timestamp::new(second, 7));
    let mut payload = Vec::new();
    let kind = codec::encode(&event, &mut payload).unwrap();
    builder.frame(kind, session, &payload);
}

/// A run of two finished segments with three sessions.
fn journal() -> MemoryStorage {
    let mut storage = MemoryStorage::default();
    let mut first = SegmentBuilder::new(2, 1, 1, 0);
    first.recovered(1, 7).declare(1, "a").declare(70_000, "b");
    event(
        &mut first,
        1,
        10,
        Action::SessionStart(SessionStart::default()),
    );
    for number in 0..20 {
        first.raw(1 + number % 2 * 69_999, &[7; 100]);
        first.mark(first.next_seq() - 1);
    }
    storage.put(&first, first.sealed(Some(2)));
    let mut second = SegmentBuilder::new(2, 2, first.next_seq() + 1, first.next_seq());
    second.raw(70_000, b"more").declare(3, "c").raw(0, b"bare");
    let end = SessionEnd {
        status: SessionStatus::Completed,
        error: None,
    };
    event(&mut second, 1, 12, Action::SessionEnd(end));
    event(
        &mut second,
        3,
        11,
        Action::SessionStart(SessionStart::default()),
    );
    storage.put(&second, second.sealed(None));
    storage
}

fn cache_name(number: SegmentNumber) -> String {
    FileName::Index(run(2), number).to_string()
}

fn with_caches(storage: &MemoryStorage) -> MemoryStorage {
    let mut storage = storage.clone();
    storage.add_caches();
    storage
}

/// Everything a survey tells, the places of all records included, and which segments it read.
fn told(storage: &MemoryStorage) -> (String, Vec<bool>) {
    let survey: Survey = survey(storage, Scope::All, Depth::Rollups).unwrap();
    let mut told = String::new();
    let mut verified = Vec::new();
    for found in &survey.runs {
        told += &told_of(found);
        for segment in &found.segments {
            let part = &segment.part;
            verified.push(part.is_verified);
            for row in &part.places.rows {
                let rollups = part.places.rollups.as_ref().unwrap();
                told += &format!("{:?}", &rollups[row.rollup.clone()]);
                let list = ListSpan::default();
                told += &format!("{:?}", extents(storage, part, row));
                told += &format!(
                    "{:?}",
                    SessionRow {
                        list,
                        ..row.clone()
                    }
                );
            }
        }
    }
    (told, verified)
}

#[test]
fn a_cache_tells_what_reading_tells() {
    let plain = journal();
    let (expected, verified) = told(&plain);
    assert_eq!(verified, [true, true]);
    assert!(expected.contains("70000"), "{expected}");
    assert_eq!(told(&with_caches(&plain)), (expected, vec![false, false]));
}

#[test]
fn a_cache_with_any_byte_changed_is_ignored() {
    let seed = 0x5eed;
    let mut random = crate::event::arbitrary::Rng::new(seed);
    let storage = with_caches(&journal());
    let expected = told(&journal()).0;
    let cache = storage.files[&cache_name(FIRST)].clone();
    for at in 0..cache.len() {
        let mut storage = storage.clone();
        let bit = 1 << random.below(8);
        storage.files.get_mut(&cache_name(FIRST)).unwrap()[at] ^= bit;
        assert_eq!(told(&storage).0, expected, "byte {at}, seed {seed}");
    }
}

#[test]
fn a_cache_of_any_other_length_is_ignored() {
    let storage = with_caches(&journal());
    let expected = (told(&journal()).0, vec![true, false]);
    let cache = storage.files[&cache_name(FIRST)].clone();
    for len in 0..cache.len() {
        let mut storage = storage.clone();
        storage
            .files
            .insert(cache_name(FIRST), cache[..len].to_vec());
        assert_eq!(told(&storage), expected, "{len} bytes");
    }
    let mut longer = storage.clone();
    longer.files.get_mut(&cache_name(FIRST)).unwrap().push(0);
    assert_eq!(told(&longer), expected);
}

#[test]
fn a_cache_of_another_segment_or_of_other_bytes_is_ignored() {
    let storage = with_caches(&journal());
    let expected = (told(&journal()).0, vec![true, false]);
    let mut foreign = storage.clone();
    let other = foreign.files[&cache_name(FIRST.next())].clone();
    foreign.files.insert(cache_name(FIRST), other);
    assert_eq!(told(&foreign), expected);
    // The same segment with more records has another seal, and room for all that the cache tells.
    let mut first = SegmentBuilder::new(2, 1, 1, 0);
    first.declare(1, "a");
    for _ in 0..60 {
        first.raw(1, &[7; 200]);
    }
    let mut stale = MemoryStorage::default();
    stale.put(&first, first.sealed(None));
    let plain = told(&stale);
    let cache = storage.files[&cache_name(FIRST)].clone();
    stale.files.insert(cache_name(FIRST), cache);
    assert_eq!(told(&stale), plain);
}

#[test]
fn only_a_flawless_sealed_segment_gets_a_cache() {
    let mut open = SegmentBuilder::new(2, 1, 1, 0);
    open.raw(1, b"one").raw(1, b"two").raw(1, b"three");
    assert!(make(&open.storage(), run(2), FIRST, None).is_none());
    let mut bytes = open.sealed(None);
    let mut storage = MemoryStorage::default();
    storage.put(&open, bytes.clone());
    assert!(make(&storage, run(2), FIRST, None).is_some());
    bytes[open.offsets[2] + 17] ^= 1;
    storage.put(&open, bytes);
    assert!(make(&storage, run(2), FIRST, None).is_none());
}

#[test]
fn a_cache_replaces_an_old_one_and_is_private() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in with_caches(&journal()).files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    let path = dir.path().join(cache_name(FIRST));
    let expected = std::fs::read(&path).unwrap();
    std::fs::write(&path, b"old").unwrap();
    let temporary = FileName::IndexTemporary(run(2), FIRST).to_string();
    std::fs::write(dir.path().join(&temporary), b"left behind").unwrap();
    write(&DiskStorage::open(dir.path()).unwrap(), run(2), FIRST).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), expected);
    assert!(!dir.path().join(&temporary).exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_segment_with_records_of_later_kinds_has_no_cache_which_would_not_tell_of_them() {
    for (kind, has_cache) in [(RecordKind(200), true), (RecordKind(100), false)] {
        let mut segment = SegmentBuilder::new(2, 1, 1, 0);
        segment.frame(kind, 0, b"a record");
        let mut storage = MemoryStorage::default();
        storage.put(&segment, segment.sealed(None));
        assert_eq!(make(&storage, run(2), FIRST, None).is_some(), has_cache);
    }
}
