//! The protocol of reserve, copy, commit, close and frontier under a model checker, which runs it
//! in every order its threads can take.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p trace-journal --lib model`.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::reserve::{ReserveWord, Tail};

/// A mapped segment of frames of two words: the commit word and one word of payload.
struct Model {
    reserve: ReserveWord,
    words: Vec<AtomicU64>,
}

const FRAME_LEN: u64 = 16;

impl Model {
    fn new(frames: usize) -> Arc<Model> {
        let words = (0..2 * frames).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Model {
            reserve: ReserveWord::new(0),
            words,
        })
    }

    fn limit(&self) -> u64 {
        u64::try_from(self.words.len()).unwrap() * 8
    }

    fn word(&self, offset: u64) -> &AtomicU64 {
        &self.words[usize::try_from(offset / 8).unwrap()]
    }

    /// What an appender does; `None` once the segment is full or closed.
    fn append(&self, payload: u64) -> Option<Tail> {
        let start = self.reserve.reserve(1, FRAME_LEN, self.limit())?;
        self.word(start.offset + 8)
            .store(payload, Ordering::Relaxed);
        self.word(start.offset).store(1, Ordering::Release);
        Some(start)
    }

    /// What the syncer does: payloads of all frames before the first that is not committed.
    fn walk(&self) -> Vec<u64> {
        let end = self.reserve.tail().offset;
        let mut payloads = Vec::new();
        let mut offset = 0;
        while offset < end && self.word(offset).load(Ordering::Acquire) == 1 {
            payloads.push(self.word(offset + 8).load(Ordering::Relaxed));
            offset += FRAME_LEN;
        }
        payloads
    }
}

#[test]
fn the_frontier_never_shows_a_frame_without_its_payload() {
    loom::model(|| {
        let model = Model::new(4);
        let appenders: Vec<_> = [10, 20]
            .map(|payload| {
                let model = Arc::clone(&model);
                thread::spawn(move || model.append(payload).unwrap())
            })
            .into();
        let seen = model.walk();
        assert!(
            seen.iter().all(|payload| [10, 20].contains(payload)),
            "{seen:?}"
        );
        let places: Vec<Tail> = appenders.into_iter().map(|t| t.join().unwrap()).collect();
        assert_ne!(places[0].offset, places[1].offset);
        assert_ne!(places[0].relative_seq, places[1].relative_seq);
        let mut all = model.walk();
        all.sort_unstable();
        assert_eq!(all, [10, 20]);
    });
}

#[test]
fn a_closed_segment_holds_exactly_what_was_reserved_before() {
    loom::model(|| {
        let model = Model::new(4);
        let appender = {
            let model = Arc::clone(&model);
            thread::spawn(move || [model.append(10), model.append(20)].map(|at| at.is_some()))
        };
        let seal = loop {
            let tail = model.reserve.tail();
            if model.reserve.close_at(tail, 1, FRAME_LEN) {
                break tail;
            }
        };
        model.word(seal.offset + 8).store(99, Ordering::Relaxed);
        model.word(seal.offset).store(1, Ordering::Release);
        let [first, second] = appender.join().unwrap();
        let count = u32::from(first) + u32::from(second);
        assert_eq!(
            seal.relative_seq, count,
            "the seal's number is the last one given out"
        );
        let frames = model.walk();
        assert_eq!(frames.len(), usize::try_from(count).unwrap() + 1);
        assert_eq!(frames.last(), Some(&99));
        assert!(model.append(30).is_none());
    });
}
