//! A merged cache tells what its segments' caches tell, or nothing.

use super::*;
use crate::event::arbitrary::Rng;
use crate::event::{Action, Event, SpanEnd, SpanFields, SpanKind, SpanStart, Tokens, codec};
use crate::recovery::survey::{Depth, Scope, survey};
use crate::recovery::testing::{MemoryStorage, SegmentBuilder, run, told_of};
use crate::rollup::HASH_LEN;
use crate::time::Timestamp;

fn event(builder: &mut SegmentBuilder, session: u32, action: Action<'_>) {
    let second = i64::try_from(builder.next_seq()).unwrap();
    let event = Event::new(action).at(Timestamp::new(second, 0));
    let mut payload = Vec::new();
    let kind = codec::encode(&event.in_session("any"), &mut payload).unwrap();
    builder.frame(kind, session, &payload);
}

fn start(span: &str) -> Action<'_> {
    Action::SpanStart(SpanStart {
        span: span.into(),
        parent: None,
        kind: SpanKind::TOOL,
        name: "tool".into(),
        started_at: None,
        trace_id: None,
        otlp_kind: None,
        fields: SpanFields::default(),
    })
}

fn end(span: &str) -> Action<'_> {
    let tokens = Some(Tokens {
        input: 5.into(),
        ..Tokens::default()
    });
    Action::SpanEnd(SpanEnd {
        span: span.into(),
        fields: SpanFields {
            tokens,
            ..SpanFields::default()
        },
        ..SpanEnd::default()
    })
}

/// A run of five finished segments, with caches: session 1 has records in all of them, each other
/// one in two.
fn journal() -> MemoryStorage {
    let mut storage = MemoryStorage::default();
    let mut next_seq = 1;
    for number in 1..=5 {
        let mut segment = SegmentBuilder::new(2, number, next_seq, next_seq - 1);
        let (ending, beginning) = (format!("span {}", number - 1), format!("span {number}"));
        segment.declare(1, "a").declare(number + 1, "one of two");
        segment.declare(number, "one of two");
        event(&mut segment, 1, start("whole"));
        event(&mut segment, number + 1, start(&beginning));
        if number > 1 {
            event(&mut segment, number, end(&ending));
        }
        segment.raw(1, &[7; 30]).raw(0, b"bare");
        next_seq = segment.next_seq() + 1;
        storage.put(&segment, segment.sealed((number < 5).then_some(number + 1)));
    }
    storage.add_caches();
    storage
}

fn name(first: u32, last: u32) -> String {
    FileName::Merged(run(2), SegmentNumber(first), SegmentNumber(last)).to_string()
}

fn merged(storage: &MemoryStorage, first: u32, last: u32) -> Vec<u8> {
    let ends = (SegmentNumber(first), SegmentNumber(last));
    make(storage, run(2), ends, &[2, 4]).unwrap().concat()
}

/// All that a survey tells of the run but where records are, how many records each session has,
/// and the segments whose places are in another one.
fn told(storage: &MemoryStorage) -> (String, Vec<u32>) {
    let survey = survey(storage, Scope::All, Depth::Merged).unwrap();
    let mut told = String::new();
    let mut counts = BTreeMap::new();
    let mut without = Vec::new();
    for found in &survey.runs {
        told += &told_of(found);
        for segment in &found.segments {
            let part = &segment.part;
            if part.places.rows.is_empty() {
                without.push(part.segment.number.0);
            }
            for row in &part.places.rows {
                let count = counts.entry(row.index).or_insert((0, 0));
                *count = (count.0 + row.count, count.1 + row.bytes);
            }
        }
    }
    (told + &format!("{counts:?}"), without)
}

#[test]
fn a_merged_cache_tells_what_the_caches_tell() {
    let mut storage = journal();
    let (expected, without) = told(&storage);
    assert!(without.is_empty());
    // Of those that begin in one place, the longest counts.
    for (first, last, without) in [
        (3, 4, vec![3]),
        (1, 2, vec![1, 3]),
        (1, 4, vec![1, 2, 3]),
        (1, 5, vec![1, 2, 3, 4]),
    ] {
        let bytes = merged(&storage, first, last);
        storage.files.insert(name(first, last), bytes);
        assert_eq!(told(&storage), (expected.clone(), without));
    }
    // Made of others or of caches, it is the same.
    let whole = merged(&storage, 1, 5);
    assert_eq!(merged(&journal(), 1, 5), whole);
    storage.files.remove(&name(1, 5));
    for number in 1..=4 {
        let cache = FileName::Index(run(2), SegmentNumber(number)).to_string();
        storage.files.remove(&cache).unwrap();
    }
    assert_eq!(merged(&storage, 1, 5), whole);
}

#[test]
fn what_ends_in_another_segment_is_finished_in_a_merged_cache() {
    let storage = journal();
    let bytes = merged(&storage, 1, 5);
    let mut storage = storage;
    storage.files.insert(name(1, 5), bytes);
    let survey = survey(&storage, Scope::All, Depth::Merged).unwrap();
    let places = &survey.runs[0].segments[4].part.places;
    let merged = places.merged.as_ref().unwrap();
    let told = places.rows.iter().enumerate().map(|(at, row)| {
        let rollup = places.rollup(row).unwrap();
        let rollup = merged.with_finished(&storage, at, rollup).unwrap();
        let (finished, events) = (rollup.finished().len(), rollup.events().count());
        (
            row.index,
            merged.finished(at),
            finished,
            events,
            merged.ends(at).unwrap(),
        )
    });
    let of = |first, last| (SegmentNumber(first), SegmentNumber(last));
    let expected = [
        (1, 0, 0, 5, of(1, 5)),
        (2, 1, 1, 0, of(1, 2)),
        (3, 1, 1, 0, of(2, 3)),
        (4, 1, 1, 0, of(3, 4)),
        (5, 1, 1, 0, of(4, 5)),
        (6, 0, 0, 1, of(5, 5)),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn a_merged_cache_with_any_byte_changed_or_of_another_length_tells_nothing_else() {
    let seed = 0x5eed;
    let mut random = Rng::new(seed);
    let plain = journal();
    let expected = told(&plain).0;
    let bytes = merged(&plain, 1, 5);
    let with = |bytes: Vec<u8>| {
        let mut storage = plain.clone();
        storage.files.insert(name(1, 5), bytes);
        storage
    };
    let mut taken = 0;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << random.below(8);
        let storage = with(changed);
        let (told, without) = told(&storage);
        assert_eq!(told, expected, "byte {at}, seed {seed}");
        if !without.is_empty() {
            // Of the hashes, their reader is told.
            let survey = survey(&storage, Scope::All, Depth::Merged).unwrap();
            let places = &survey.runs[0].segments[4].part.places;
            let rollup = places.rollup(&places.rows[1]).unwrap();
            let merged = places.merged.as_ref().unwrap();
            assert!(
                merged.with_finished(&storage, 1, rollup).is_none(),
                "byte {at}"
            );
            taken += 1;
        }
        let cut = with(bytes[..at].to_vec());
        assert_eq!(self::told(&cut), (expected.clone(), vec![]), "{at} bytes");
    }
    assert_eq!(taken, 4 * HASH_LEN);
    let longer = with([&bytes[..], &[0]].concat());
    assert_eq!(told(&longer), (expected, vec![]));
}

#[test]
fn a_merged_cache_of_other_segments_or_of_other_bytes_is_ignored() {
    let plain = journal();
    let expected = (told(&plain).0, vec![]);
    for (first, last) in [(1, 2), (2, 4), (1, 5)] {
        let mut foreign = plain.clone();
        foreign
            .files
            .insert(name(first, last), merged(&plain, 1, 4));
        assert_eq!(told(&foreign), expected, "{first} to {last}");
    }
    // With a segment missing in the middle, each of another run, or one that ends otherwise.
    let mut storage = plain.clone();
    storage.files.insert(name(1, 4), merged(&plain, 1, 4));
    for (number, is_there) in [(3, false), (4, true), (1, true)] {
        let segment = FileName::Segment(run(2), SegmentNumber(number)).to_string();
        let mut changed = storage.clone();
        match is_there {
            true => {
                let file = changed.files.get_mut(&segment).unwrap();
                let last = file.len() - 1;
                file[last] ^= 1;
                file[last - 16] ^= 1;
            }
            false => drop(changed.files.remove(&segment)),
        }
        let mut bare = changed.clone();
        bare.files.remove(&name(1, 4));
        assert_eq!(told(&changed), told(&bare), "segment {number}");
    }
}

#[test]
fn who_has_an_undeclared_session_has_no_merged_cache_that_is_taken() {
    let journal = |declared: &[u32]| {
        let mut storage = MemoryStorage::default();
        let mut next_seq = 1;
        for number in 1..=2 {
            let mut segment = SegmentBuilder::new(2, number, next_seq, next_seq - 1);
            for index in declared {
                segment.declare(*index, "declared");
            }
            segment.raw(2, b"one").raw(3, b"two");
            next_seq = segment.next_seq() + 1;
            storage.put(&segment, segment.sealed((number < 2).then_some(2)));
        }
        storage.add_caches();
        let bytes = merged(&storage, 1, 2);
        storage.files.insert(name(1, 2), bytes);
        told(&storage).1
    };
    assert_eq!(journal(&[1, 2, 3]), [1]);
    // What else is known of such a session, its records tell.
    for declared in [&[1, 2][..], &[1, 3], &[]] {
        assert!(journal(declared).is_empty(), "{declared:?}");
    }
}

#[test]
fn an_index_that_is_used_again_keeps_segments_from_being_merged() {
    let mut storage = MemoryStorage::default();
    let mut next_seq = 1;
    for (number, id) in [(1, "old"), (2, "old"), (3, "new")] {
        let mut segment = SegmentBuilder::new(2, number, next_seq, next_seq - 1);
        segment.declare(7, id).raw(7, id.as_bytes());
        next_seq = segment.next_seq() + 1;
        storage.put(&segment, segment.sealed((number < 3).then_some(number + 1)));
    }
    storage.add_caches();
    let made = |first, last| {
        let ends = (SegmentNumber(first), SegmentNumber(last));
        make(&storage, run(2), ends, &[2]).is_some()
    };
    assert!(made(1, 2));
    assert!(!made(1, 3) && !made(2, 3));
}

#[test]
fn a_merged_cache_of_a_run_whose_sync_failed_is_not_believed() {
    let mut storage = journal();
    let bytes = merged(&storage, 1, 5);
    storage.files.insert(name(1, 5), bytes);
    let expected = told(&storage);
    assert_eq!(expected.1, [1, 2, 3, 4]);
    let poisoned = FileName::Poisoned(run(2)).to_string();
    storage.files.insert(poisoned, Vec::new());
    // A reader of the segments finds the same in them.
    assert_eq!(told(&storage), (expected.0, vec![]));
    let survey = survey(&storage, Scope::All, Depth::Merged).unwrap();
    let mut segments = survey.runs[0].segments.iter();
    assert!(segments.all(|segment| segment.part.is_verified));
}

#[test]
fn forged_merged_caches_do_not_multiply_the_looks_at_segments() {
    let plain = journal();
    let names = |lasts: std::ops::RangeInclusive<u32>| {
        let mut names = MergedCacheNames::default();
        let lasts = lasts.rev().map(SegmentNumber).collect();
        names.0.insert((run(2), SegmentNumber::FIRST), lasts);
        names
    };
    let survey = survey(&plain, Scope::All, Depth::Caches).unwrap();
    let segments = survey.runs[0].segments.iter();
    let files: Vec<SegmentFile> = segments.map(|s| s.part.segment.clone()).collect();
    let mut storage = plain.clone();
    storage.files.insert(name(1, 5), merged(&plain, 1, 5));
    let mut looks = files.len();
    let last = SegmentNumber(5);
    assert!(load(&storage, &files, last, &mut looks).is_some());
    assert!(load(&storage, &files, last, &mut looks).is_none());
    let mut left = files.clone();
    let told = names(2..=5).take(&storage, &mut left, &|_| true);
    assert_eq!((told.len(), left.len()), (5, 0));
}

#[test]
fn a_run_gets_merged_caches_of_eight_of_sixty_four_and_of_all_its_segments() {
    let mut storage = MemoryStorage::default();
    let last = 67;
    for number in 1..=last {
        let first_seq = 1 + u64::from(number - 1) * 3;
        let mut segment = SegmentBuilder::new(2, number, first_seq, first_seq - 1);
        segment.declare(1, "a").raw(1, b"one");
        assert_eq!(segment.next_seq(), first_seq + 3);
        storage.put(
            &segment,
            segment.sealed((number < last).then_some(number + 1)),
        );
    }
    storage.add_caches();
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in &storage.files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    let disk = crate::storage::DiskStorage::open(dir.path()).unwrap();
    let due = || {
        let entries = Storage::list(&disk).unwrap();
        let names = MergedCacheNames::of(&entries).0;
        let all = names
            .iter()
            .flat_map(|((_, first), lasts)| lasts.iter().map(|last| (first.0, last.0)));
        all.collect::<Vec<_>>()
    };
    for number in 1..=last {
        write_due(&disk, run(2), SegmentNumber(number));
    }
    let mut expected: Vec<(u32, u32)> = (0..8).map(|at| (8 * at + 1, 8 * at + 8)).collect();
    expected.insert(0, (1, 64));
    assert_eq!(due(), expected);
    write_whole(&disk, run(2), SegmentNumber(last));
    expected.insert(0, (1, 67));
    assert_eq!(due(), expected);
    let survey = survey(&disk, Scope::All, Depth::Merged).unwrap();
    let segments = &survey.runs[0].segments;
    let rows = segments
        .iter()
        .map(|segment| segment.part.places.rows.len());
    assert_eq!(rows.sum::<usize>(), 1);
    assert_eq!(segments[66].part.places.rows[0].count, 67);
    // Nothing is left in the making.
    let names = disk.names().unwrap();
    assert!(
        names.iter().all(|name| !name.ends_with(".tmp")),
        "{names:?}"
    );
}
