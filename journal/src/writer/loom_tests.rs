//! The append without a lock, and what goes on beside it, under a model checker, which runs it in
//! every order its threads can take: reserve, copy, commit, close, frontier, rotation, wake-up.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p trace-journal --lib loom_tests`.

use std::io;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::append::backlog::BacklogLimit;
use super::append::path::{AppendLimits, AppendPath};
use super::append::write_group::{WriteGroup, WriteOutcome};
use super::segment::buffer::SegmentBuffer;
use super::segment::list::SegmentList;
use super::segment::prefault::PrefaultWindow;
use super::segment::tail::Tail;
use super::signals::Signals;
use super::sync_primitives::Mutex;
use crate::format::{FRAMES_OFFSET, FrameSeed, RecordKind};
use crate::seq::{Generation, RunId, SegmentNumber, Seq};
use crate::storage::MappedRegion;
use crate::writer::sync::commit_queue::CommitQueue;

const KIND: RecordKind = RecordKind(200);

/// Two frames fill a page, the least that can be made writable.
const FRAME_LEN: u64 = 2048;
const PAYLOAD_LEN: usize = 2032;

/// So long that no append asks for the next segment.
const FILE_LEN: u64 = 1 << 20;

/// A mapping of frames of one length, of whose payloads only the first word is there. Orders are as
/// in the real one: a word is committed with release and seen with acquire, what is copied is
/// ordered by that alone.
#[derive(Debug)]
struct Words(Vec<[AtomicU64; 3]>);

impl Words {
    fn new(frames: u64) -> Words {
        let frame = || [0; 3].map(AtomicU64::new);
        Words((0..frames).map(|_| frame()).collect())
    }

    /// The words of the frame at this place, and which of them is meant.
    fn at(&self, offset: u64) -> &AtomicU64 {
        let offset = offset - FRAMES_OFFSET;
        let frame = usize::try_from(offset / FRAME_LEN).unwrap();
        let word = usize::try_from(offset % FRAME_LEN / 8).unwrap();
        &self.0[frame][word]
    }

    fn payload(&self, offset: u64) -> u64 {
        self.at(offset + 16).load(Ordering::Relaxed)
    }
}

impl MappedRegion for Words {
    fn write(&self, offset: u64, bytes: &[u8]) {
        let word = u64::from_le_bytes(*bytes.first_chunk().unwrap());
        self.at(offset).store(word, Ordering::Relaxed);
    }

    fn commit(&self, offset: u64, word: u64) {
        self.at(offset).store(word, Ordering::Release);
    }

    fn word(&self, offset: u64) -> u64 {
        self.at(offset).load(Ordering::Acquire)
    }

    fn make_writable(&self, _from: u64, _to: u64) -> io::Result<()> {
        Ok(())
    }
}

fn payload(word: u64) -> Vec<u8> {
    let mut bytes = word.to_le_bytes().to_vec();
    bytes.resize(PAYLOAD_LEN, 0);
    bytes
}

/// A mapped segment in which so many pages are writable.
struct Segment {
    words: std::sync::Arc<Words>,
    buffer: std::sync::Arc<SegmentBuffer>,
}

impl Segment {
    fn new(number: u32, pages: u64) -> Segment {
        let words = std::sync::Arc::new(Words::new(2 * pages));
        let run = RunId {
            generation: Generation(1),
            random: 2,
        };
        let number = SegmentNumber(number);
        let region = std::sync::Arc::<Words>::clone(&words);
        let window = PrefaultWindow::new(region, None, FILE_LEN);
        let identity = (number, FrameSeed::new(run, number));
        let buffer = SegmentBuffer::new(identity, FILE_LEN, Some(window));
        buffer.make_writable(4096 * pages).unwrap();
        Segment {
            words,
            buffer: std::sync::Arc::new(buffer),
        }
    }

    /// What the thread that has the log does when nothing is to be stored: the record is there
    /// before its room is taken, and while it is written no other thread may take that.
    fn write(&self, word: u64) -> Option<Tail> {
        let tail = self.buffer.atomic_tail();
        let start = tail.lock(FRAME_LEN, self.buffer.writable_to())?;
        assert_eq!(self.words.payload(start.offset), 0);
        self.put(start, word);
        tail.unlock(start, 1, FRAME_LEN);
        Some(start)
    }

    /// What the thread that has the log does at a segment's end.
    fn seal(&self, word: u64) -> Tail {
        let tail = self.buffer.atomic_tail();
        tail.lock(0, u64::MAX);
        let end = tail.tail();
        self.put(end, word);
        assert!(tail.close_at(end, 1, FRAME_LEN));
        end
    }

    /// A positioned write, which no order is known of but that of the system call.
    fn put(&self, start: Tail, word: u64) {
        let payload = payload(word);
        let frame = self.buffer.frame(KIND, 0, &payload);
        let bytes = self.buffer.words(&frame, start).to_bytes();
        let (first, second) = bytes.split_at(8);
        let words = [first, second, &payload[..8]];
        for (at, bytes) in (start.offset..).step_by(8).zip(words) {
            let word = u64::from_le_bytes(bytes.try_into().unwrap());
            self.words.at(at).store(word, Ordering::Relaxed);
        }
    }

    /// What the syncer does: payloads of all frames before the first that is not committed.
    fn walk(&self) -> Vec<u64> {
        let end = self.buffer.tail().offset;
        let mut payloads = Vec::new();
        let mut offset = FRAMES_OFFSET;
        while offset < end {
            let Some((count, len)) = self.buffer.committed(offset, end, FRAME_LEN) else {
                break;
            };
            assert_eq!(len, FRAME_LEN);
            for _ in 0..count {
                payloads.push(self.words.payload(offset));
                offset += len;
            }
        }
        payloads
    }
}

/// The path of a run, and its segments.
struct Model {
    first: Segment,
    second: Segment,
    segments: std::sync::Arc<SegmentList>,
    signals: std::sync::Arc<Signals>,
    path: AppendPath,
    log: Mutex<()>,
}

impl Model {
    /// So many pages of the first segment are writable, and one of the second.
    fn new(pages: u64) -> Arc<Model> {
        let (first, second) = (Segment::new(1, pages), Segment::new(2, 1));
        first.buffer.begin(1, 0);
        let segments = std::sync::Arc::clone(&first.buffer);
        let segments = std::sync::Arc::new(SegmentList::new(segments));
        let signals = std::sync::Arc::<Signals>::default();
        let path = AppendPath::new(
            std::sync::Arc::clone(&segments),
            std::sync::Arc::clone(&signals),
            AppendLimits {
                record_len_max: u64::MAX,
                backlog: BacklogLimit::new(u64::MAX),
                sync_bytes: u64::MAX,
            },
        );
        Arc::new(Model {
            first,
            second,
            segments,
            signals,
            path,
            log: Mutex::new(()),
        })
    }

    /// `None` once what is writable is full, or the segment is closed.
    fn append(&self, word: u64) -> Option<u64> {
        self.path.append(KIND, None, &payload(word)).map(Seq::get)
    }

    /// Appends, and goes on in the second segment if the first one is full: it is the log's lock
    /// that lets one thread do it.
    fn append_or_rotate(&self, word: u64) -> u64 {
        if let Some(seq) = self.append(word) {
            return seq;
        }
        let _log = self.log.lock().unwrap();
        if let Some(seq) = self.append(word) {
            return seq;
        }
        let tail = self.first.buffer.atomic_tail();
        let end = loop {
            let end = tail.tail();
            if tail.close_at(end, 0, 0) {
                break end;
            }
        };
        let bytes = self.first.buffer.bytes_at(end.offset);
        self.second
            .buffer
            .begin(self.first.buffer.seq_at(end), bytes);
        self.segments
            .push(std::sync::Arc::clone(&self.second.buffer));
        self.append(word).unwrap()
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
    bounded(3, || {
        let model = Model::new(1);
        let appenders: Vec<_> = [10, 20]
            .map(|word| {
                let model = Arc::clone(&model);
                thread::spawn(move || model.append(word).unwrap())
            })
            .into();
        let seen = model.first.walk();
        let is_whole = |word| [10, 20].contains(word);
        assert!(seen.iter().all(is_whole), "{seen:?}");
        let mut seqs: Vec<u64> = appenders.into_iter().map(|t| t.join().unwrap()).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, [1, 2]);
        let mut all = model.first.walk();
        all.sort_unstable();
        assert_eq!(all, [10, 20]);
    });
}

#[test]
fn what_is_written_at_a_locked_end_is_not_stored_over() {
    bounded(3, || {
        let model = Model::new(2);
        let appender = {
            let model = Arc::clone(&model);
            // Held up for as long as one likes since it found the segment writable.
            thread::spawn(move || [10, 20].map(|word| (model.append(word), word)))
        };
        let syncer = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.first.walk())
        };
        let written = model.first.write(30).unwrap();
        let stored = appender.join().unwrap();
        let seen = syncer.join().unwrap();
        assert!(seen.iter().all(|word| *word > 0), "{seen:?}");
        let all = model.first.walk();
        let stored: Vec<_> = stored
            .into_iter()
            .filter_map(|(seq, word)| Some((seq?, word)))
            .collect();
        assert_eq!(all.len(), 1 + stored.len());
        for (seq, word) in stored {
            assert_eq!(all[usize::try_from(seq).unwrap() - 1], word);
        }
        assert_eq!(all[usize::try_from(written.relative_seq).unwrap()], 30);
    });
}

#[test]
fn a_closed_segment_holds_exactly_what_was_reserved_before() {
    bounded(4, || {
        let model = Model::new(2);
        let appender = {
            let model = Arc::clone(&model);
            thread::spawn(move || [model.append(10), model.append(20)].map(|seq| seq.is_some()))
        };
        let seal = model.first.seal(99);
        let [first, second] = appender.join().unwrap();
        let count = u32::from(first) + u32::from(second);
        // The seal's number is the last one given out.
        assert_eq!(seal.relative_seq, count);
        let frames = model.first.walk();
        assert_eq!(frames.len(), usize::try_from(count).unwrap() + 1);
        assert_eq!(frames.last(), Some(&99));
        assert!(model.append(30).is_none());
    });
}

#[test]
fn three_threads_that_rotate_give_out_every_number_once() {
    bounded(2, || {
        let model = Model::new(1);
        model.append(5).unwrap();
        let appenders: Vec<_> = [10, 20]
            .map(|word| {
                let model = Arc::clone(&model);
                thread::spawn(move || model.append_or_rotate(word))
            })
            .into();
        // Between the two segments nothing may be missing from a walk over them in order.
        let before = model.first.walk();
        if model.segments.active().number() == SegmentNumber(2) {
            assert!(model.first.buffer.tail().is_closed);
        }
        let mut seqs: Vec<u64> = appenders.into_iter().map(|t| t.join().unwrap()).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, [2, 3]);
        let first = model.first.walk();
        assert!(first.starts_with(&before));
        let mut all = [first, model.second.walk()].concat();
        all.sort_unstable();
        assert_eq!(all, [5, 10, 20]);
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
    let follower = group.join(KIND, (0, SegmentNumber::FIRST), &[payload]);
    if follower.outcome() == WriteOutcome::Waiting {
        let mut written = log.lock().unwrap();
        if follower.outcome() == WriteOutcome::Waiting {
            let taken = group.take();
            written.extend(taken.records().filter_map(|record| record.payload.first()));
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

/// Appenders that wait for durability, and the syncer: the real path, wake-ups, batches, watermark.
struct Shell {
    model: Arc<Model>,
    queue: CommitQueue,
}

impl Shell {
    fn new() -> Arc<Shell> {
        Arc::new(Shell {
            model: Model::new(1),
            queue: CommitQueue::default(),
        })
    }

    fn append(&self) -> u64 {
        self.model.append(7).unwrap()
    }

    fn durable(&self) -> u64 {
        self.model.signals.watermark().durable()
    }

    /// Waits, in the order of `Syncer::wait_durable`; none may ever wait for a time to be over.
    fn wait(&self, seq: u64) {
        while self.durable() < seq {
            let group = self.queue.join();
            if self.durable() >= seq {
                break;
            }
            self.model.signals.syncer().want_sync();
            self.queue.wait(&group, None);
        }
    }

    /// The syncer, in the order of its thread. That an append rings for one that rests is not
    /// looked at here: it takes sequential consistency, of which this checker knows less.
    fn sync_until(&self, seq: u64) {
        let wakeup = self.model.signals.syncer();
        while self.durable() < seq {
            wakeup.park();
            if !wakeup.wants_sync() {
                wakeup.sleep(None);
                continue;
            }
            wakeup.take_wants_sync();
            let group = self.queue.take();
            let written = self.committed();
            self.model.signals.watermark().synced(written, written);
            drop(group);
        }
        // The end of a run: for those that joined since the last sync began.
        drop(self.queue.take());
    }

    /// Everything that has taken its room; the frontier waits for what is not committed yet.
    fn committed(&self) -> u64 {
        let tail = u64::from(self.model.first.buffer.tail().relative_seq);
        loop {
            let walked = self.model.first.walk().len();
            match u64::try_from(walked).unwrap() {
                walked if walked >= tail => return walked,
                _ => thread::yield_now(),
            }
        }
    }
}

#[test]
fn an_appender_that_waits_for_durability_is_woken() {
    bounded(3, || {
        let shell = Shell::new();
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
fn two_appenders_that_wait_for_durability_are_woken() {
    bounded(2, || {
        let shell = Shell::new();
        let appenders: Vec<_> = (0..2)
            .map(|_| {
                let shell = Arc::clone(&shell);
                thread::spawn(move || {
                    let seq = shell.append();
                    shell.wait(seq);
                    assert!(shell.durable() >= seq);
                })
            })
            .collect();
        shell.sync_until(2);
        for appender in appenders {
            appender.join().unwrap();
        }
    });
}
