//! The protocol of reserve, copy, commit, close, frontier, rotation and wake-up under a model
//! checker, which runs it in every order its threads can take.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p trace-journal --lib loom_tests`.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::bell::Bell;
use super::sync_primitives::Mutex;
use super::waiters::Waiters;
use super::watermark::Watermark;
use crate::format::RecordKind;
use crate::writer::append::write_group::{WriteGroup, WriteOutcome};
use crate::writer::segment::tail::{AtomicTail, Tail};

/// A mapped segment of frames of two words: the commit word, 2 in a begun frame, and the payload.
struct Model {
    reserve: AtomicTail,
    words: Vec<AtomicU64>,
}

const FRAME_LEN: u64 = 16;

impl Model {
    fn new(frames: usize) -> Arc<Model> {
        let words = (0..2 * frames).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Model {
            reserve: AtomicTail::new(0),
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
        self.word(start.offset).store(2, Ordering::Release);
        self.word(start.offset + 8)
            .store(payload, Ordering::Relaxed);
        self.word(start.offset).store(1, Ordering::Release);
        Some(start)
    }

    /// What who holds the log does when nothing is to be stored: the record is there before its
    /// room is taken, and while it is written nobody else may take that.
    fn write(&self, payload: u64) -> Option<Tail> {
        let start = self.reserve.lock(FRAME_LEN, self.limit())?;
        for (offset, word) in [(start.offset, 1), (start.offset + 8, payload)] {
            assert_eq!(self.word(offset).swap(word, Ordering::Relaxed), 0);
        }
        self.reserve.unlock(start, 1, FRAME_LEN);
        Some(start)
    }

    /// What who holds the log does at a segment's end.
    fn seal(&self, payload: u64) -> Tail {
        self.reserve.lock(0, u64::MAX);
        let tail = self.reserve.tail();
        self.word(tail.offset).store(1, Ordering::Relaxed);
        self.word(tail.offset + 8).store(payload, Ordering::Relaxed);
        assert!(self.reserve.close_at(tail, 1, FRAME_LEN));
        tail
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

/// Runs a model in every order its threads can take with at most so many changes of thread that
/// none of them asked for; three threads have too many orders otherwise.
fn bounded(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
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
fn what_is_written_at_a_held_end_is_not_stored_over() {
    bounded(3, || {
        let model = Model::new(3);
        let appender = {
            let model = Arc::clone(&model);
            // Held up for as long as one likes since it found the segment writable.
            thread::spawn(move || [10, 20].map(|payload| model.append(payload)))
        };
        let syncer = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.walk())
        };
        let written = model.write(30).unwrap();
        let stored = appender.join().unwrap();
        let seen = syncer.join().unwrap();
        assert!(seen.iter().all(|payload| *payload > 0), "{seen:?}");
        let all = model.walk();
        let count = 1 + stored.iter().flatten().count();
        assert_eq!(all.len(), count);
        for (tail, payload) in stored.into_iter().zip([10, 20]) {
            let Some(tail) = tail else { continue };
            assert_eq!(all[usize::try_from(tail.relative_seq).unwrap()], payload);
        }
        assert_eq!(all[usize::try_from(written.relative_seq).unwrap()], 30);
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
        let seal = model.seal(99);
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

/// Two segments, of which appenders close the first when it is full: it is the log's lock that
/// lets one of them do it.
struct Rotating {
    segments: [Arc<Model>; 2],
    current: AtomicU64,
    first_of_second: AtomicU64,
    log: Mutex<()>,
}

impl Rotating {
    fn new(frames: usize) -> Arc<Rotating> {
        Arc::new(Rotating {
            segments: [Model::new(frames), Model::new(frames)],
            current: AtomicU64::new(0),
            first_of_second: AtomicU64::new(0),
            log: Mutex::new(()),
        })
    }

    fn active(&self) -> (&Model, u64) {
        match self.current.load(Ordering::Acquire) {
            0 => (&self.segments[0], 0),
            _ => {
                let first = self.first_of_second.load(Ordering::Relaxed);
                (&self.segments[1], first)
            }
        }
    }

    /// Appends and gives the sequence number, from 0.
    fn append(&self, payload: u64) -> u64 {
        if let Some(seq) = self.append_in_place(payload) {
            return seq;
        }
        let _lane = self.log.lock().unwrap();
        if let Some(seq) = self.append_in_place(payload) {
            return seq;
        }
        let end = loop {
            let tail = self.segments[0].reserve.tail();
            if self.segments[0].reserve.close_at(tail, 0, 0) {
                break tail;
            }
        };
        let first = u64::from(end.relative_seq);
        self.first_of_second.store(first, Ordering::Relaxed);
        self.current.store(1, Ordering::Release);
        self.append_in_place(payload).unwrap()
    }

    fn append_in_place(&self, payload: u64) -> Option<u64> {
        let (segment, first) = self.active();
        Some(first + u64::from(segment.append(payload)?.relative_seq))
    }
}

#[test]
fn three_threads_that_rotate_give_out_every_number_once() {
    bounded(3, || {
        let rotating = Rotating::new(1);
        let appenders: Vec<_> = [10, 20]
            .map(|payload| {
                let rotating = Arc::clone(&rotating);
                thread::spawn(move || rotating.append(payload))
            })
            .into();
        // Between the two segments nothing may be missing for one who walks them in order.
        let before = rotating.segments[0].walk();
        if rotating.current.load(Ordering::Acquire) == 1 {
            assert!(rotating.segments[0].reserve.tail().is_closed);
        }
        let mut seqs: Vec<u64> = appenders.into_iter().map(|t| t.join().unwrap()).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, [0, 1]);
        let first = rotating.segments[0].walk();
        assert!(first.starts_with(&before));
        let mut all = [first, rotating.segments[1].walk()].concat();
        all.sort_unstable();
        assert_eq!(all, [10, 20]);
    });
}

/// What appenders do where the log is written to, as `RunWriter::lock_log_or_follow` does it.
fn append_in_turn(log: &Mutex<Vec<u8>>, group: &WriteGroup, payload: u8) -> usize {
    if let Ok(mut written) = log.try_lock()
        && group.members() == 0
    {
        written.push(payload);
        return written.len() - 1;
    }
    let follower = group.join(RecordKind(200), 0, &[payload]);
    if follower.outcome() == WriteOutcome::Waiting {
        let mut written = log.lock().unwrap();
        if follower.outcome() == WriteOutcome::Waiting {
            let taken = group.take();
            written.extend(taken.records().filter_map(|(.., payload)| payload.first()));
            taken.settle(u64::try_from(written.len()).ok());
        }
    }
    match follower.outcome() {
        // Counted from 1, so that no outcome is taken for another one.
        WriteOutcome::Written(number) => usize::try_from(number).unwrap() - 1,
        outcome => panic!("{outcome:?} of a record whose group was taken"),
    }
}

#[test]
fn a_record_left_for_another_to_write_has_the_number_it_was_written_as() {
    bounded(3, || {
        let shared = Arc::new((Mutex::new(Vec::new()), WriteGroup::default()));
        let appenders: Vec<_> = [10, 20]
            .map(|payload| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || (append_in_turn(&shared.0, &shared.1, payload), payload))
            })
            .into();
        let own = append_in_turn(&shared.0, &shared.1, 30);
        let others = appenders.into_iter().map(|thread| thread.join().unwrap());
        let all: Vec<_> = others.chain([(own, 30)]).collect();
        let written = shared.0.lock().unwrap();
        assert_eq!(written.len(), 3);
        for (place, payload) in all {
            assert_eq!(written[place], payload);
        }
    });
}

/// Appenders that wait for durability, and the syncer: the real bell, batches and watermark.
struct Shell {
    segment: Arc<Model>,
    bell: Bell,
    waiters: Waiters,
    watermark: Watermark,
}

impl Shell {
    fn new(frames: usize) -> Arc<Shell> {
        Arc::new(Shell {
            segment: Model::new(frames),
            bell: Bell::default(),
            waiters: Waiters::default(),
            watermark: Watermark::default(),
        })
    }

    /// Appends, in the order of `RunWriter::append`.
    fn append(&self) -> u64 {
        let start = self.segment.append(7).unwrap();
        self.bell.ring_if_resting();
        u64::from(start.relative_seq) + 1
    }

    /// Waits, in the order of `RunWriter::wait_durable`; none may ever wait for a time to be over.
    fn wait(&self, seq: u64) {
        while self.watermark.durable() < seq {
            let batch = self.waiters.join();
            if self.watermark.durable() >= seq {
                break;
            }
            self.bell.want_sync();
            self.waiters.wait(&batch, None);
        }
    }

    /// The syncer, in the order of its thread. That an append rings for one that rests is not
    /// looked at here: it takes sequential consistency, of which this checker knows less.
    fn sync_until(&self, seq: u64) {
        while self.watermark.durable() < seq {
            self.bell.rest();
            if !self.bell.wants_sync() {
                self.bell.sleep(None);
                continue;
            }
            self.bell.take_wants_sync();
            let batch = self.waiters.take();
            let written = self.committed();
            self.watermark.synced(written, written);
            drop(batch);
        }
        // The end of a run: whoever joined since the last sync began.
        drop(self.waiters.take());
    }

    /// Everything that has taken its room; the frontier waits for who has not committed yet.
    fn committed(&self) -> u64 {
        let tail = u64::from(self.segment.reserve.tail().relative_seq);
        loop {
            let walked = self.segment.walk().len();
            match u64::try_from(walked).unwrap() {
                walked if walked >= tail => return walked,
                _ => thread::yield_now(),
            }
        }
    }
}

#[test]
fn nobody_who_waits_for_durability_is_left_asleep() {
    bounded(3, || {
        let shell = Shell::new(1);
        let appender = {
            let shell = Arc::clone(&shell);
            thread::spawn(move || {
                let seq = shell.append();
                shell.wait(seq);
            })
        };
        shell.sync_until(1);
        appender.join().unwrap();
    });
}

#[test]
fn of_two_who_wait_for_durability_none_is_left_asleep() {
    bounded(2, || {
        let shell = Shell::new(2);
        let appenders: Vec<_> = (0..2)
            .map(|_| {
                let shell = Arc::clone(&shell);
                thread::spawn(move || {
                    let seq = shell.append();
                    shell.wait(seq);
                    assert!(shell.watermark.durable() >= seq);
                })
            })
            .collect();
        shell.sync_until(2);
        for appender in appenders {
            appender.join().unwrap();
        }
    });
}
