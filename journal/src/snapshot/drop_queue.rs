//! Spans that wait to be dropped by the thread that made them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use self_cell::self_cell;

use super::arena::Arena;
use super::span::SpanSnapshot;

/// Where a thread finds what it made and others have dropped.
///
/// The memory of many small things is given back fastest by the thread that took it: in most
/// allocators another one holds it up meanwhile, and moves what both use from core to core.
#[derive(Debug)]
pub(crate) struct DropQueue {
    waiting: Mutex<Waiting>,
    /// Spans of more frames than this, all together, are not waited with.
    bytes_max: u64,
}

#[derive(Debug, Default)]
struct Waiting {
    spans: Vec<Made>,
    /// Bytes of the frames they were made of.
    bytes: u64,
}

impl DropQueue {
    /// A queue that keeps spans of at most so many bytes of frames.
    pub(crate) fn new(bytes_max: u64) -> DropQueue {
        DropQueue {
            waiting: Mutex::default(),
            bytes_max,
        }
    }

    /// Gives back the memory of all that wait.
    pub(crate) fn clear(&self) {
        let waiting = self.waiting.lock();
        let waiting = std::mem::take(&mut *waiting.unwrap_or_else(PoisonError::into_inner));
        drop(waiting);
    }

    /// Takes spans in, or gives them back where too many wait.
    fn take_in(&self, spans: Made, bytes: u64) -> Result<(), Made> {
        let waiting = self.waiting.lock();
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let sum = waiting.bytes.saturating_add(bytes);
        if sum > self.bytes_max {
            return Err(spans);
        }
        waiting.bytes = sum;
        waiting.spans.push(spans);
        Ok(())
    }
}

/// Spans that borrow from payloads.
type SpanList<'a> = Vec<SpanSnapshot<'a>>;

self_cell!(
    /// Spans and the payloads that they borrow from.
    struct Made {
        owner: Arena,
        #[covariant]
        dependent: SpanList,
    }

    impl {Debug}
);

/// The spans of a snapshot; when they are dropped they go to their queue, if they have one.
#[derive(Default)]
pub(super) struct Spans {
    /// `None` if there are none.
    made: Option<Made>,
    queue: Weak<DropQueue>,
    /// Bytes of the frames they were made of; not known without a queue.
    bytes: u64,
}

impl Spans {
    /// The spans that `make` makes of payloads that it keeps.
    pub(super) fn of_payloads<E>(
        make: impl for<'p> FnOnce(&'p Arena) -> Result<SpanList<'p>, E>,
    ) -> Result<Spans, E> {
        Ok(Spans {
            made: Some(Made::try_new(Arena::default(), make)?),
            queue: Weak::new(),
            bytes: 0,
        })
    }

    pub(super) fn set_drop_queue(&mut self, queue: &Arc<DropQueue>, bytes: u64) {
        self.queue = Arc::downgrade(queue);
        self.bytes = bytes;
    }

    pub(super) fn as_slice(&self) -> &[SpanSnapshot<'_>] {
        let made = self.made.as_ref();
        made.map_or(&[], |made| made.borrow_dependent())
    }
}

impl From<SpanList<'static>> for Spans {
    fn from(spans: SpanList<'static>) -> Spans {
        Spans {
            made: Some(Made::new(Arena::default(), |_| spans)),
            queue: Weak::new(),
            bytes: 0,
        }
    }
}

impl Drop for Spans {
    fn drop(&mut self) {
        if let (Some(queue), Some(made)) = (self.queue.upgrade(), self.made.take()) {
            // Where there is no place for them they are dropped here.
            let _ = queue.take_in(made, self.bytes);
        }
    }
}

impl Clone for Spans {
    fn clone(&self) -> Spans {
        let copies = self.as_slice().iter().cloned();
        let copies = copies.map(SpanSnapshot::into_owned);
        Spans::from(copies.collect::<Vec<_>>())
    }
}

impl PartialEq for Spans {
    fn eq(&self, other: &Spans) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Spans>();
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::testing::{fold_one, killed};

    /// Spans of a session, and a part of them that tells whether they are there.
    fn spans() -> (Spans, Weak<str>) {
        let line = r#"{"type":"span.start","session":"s","span":"a","name":"x"}"#;
        let spans = fold_one(killed(1, line)).spans.clone();
        let part = Arc::downgrade(&spans.as_slice()[0].id);
        (spans, part)
    }

    fn is_there(part: &Weak<str>) -> bool {
        part.strong_count() > 0
    }

    #[test]
    fn dropped_spans_wait_until_the_queue_is_cleared() {
        let queue = Arc::new(DropQueue::new(10));
        let parts = [4, 6].map(|bytes| {
            let (mut spans, part) = spans();
            spans.set_drop_queue(&queue, bytes);
            part
        });
        assert!(parts.iter().all(is_there));
        queue.clear();
        assert!(!parts.iter().any(is_there));
        assert_eq!(queue.waiting.lock().unwrap().bytes, 0);
    }

    #[test]
    fn spans_without_a_place_in_the_queue_go_at_once() {
        let queue = Arc::new(DropQueue::new(10));
        let drop_with = |bytes| {
            let (mut spans, part) = spans();
            spans.set_drop_queue(&queue, bytes);
            part
        };
        let first = drop_with(9);
        assert!(!is_there(&drop_with(2)));
        assert!(!is_there(&drop_with(u64::MAX)));
        assert!(is_there(&first));
        let (mut spans, last) = spans();
        spans.set_drop_queue(&queue, 1);
        drop(queue);
        assert!(!is_there(&first));
        drop(spans);
        assert!(!is_there(&last));
    }

    #[test]
    fn spans_take_the_payloads_they_borrow_from_along() {
        let (owned, part) = spans();
        let mut made = Spans::of_payloads(|arena| {
            let name = arena.keeper().keep(b"kept".to_vec());
            let spans = owned.clone();
            let spans = spans
                .as_slice()
                .iter()
                .cloned()
                .map(SpanSnapshot::into_owned);
            let mut spans: Vec<SpanSnapshot<'_>> = spans.collect();
            spans[0].name = std::str::from_utf8(name)?.into();
            Ok::<_, std::str::Utf8Error>(spans)
        })
        .unwrap();
        drop(owned);
        let queue = Arc::new(DropQueue::new(10));
        made.set_drop_queue(&queue, 1);
        let copy = std::thread::scope(|scope| {
            let other = scope.spawn(move || {
                assert_eq!(made.as_slice()[0].name, "kept");
                made.clone()
            });
            other.join().unwrap()
        });
        assert!(is_there(&part));
        queue.clear();
        assert_eq!(copy.as_slice()[0].name, "kept");
        drop(copy);
        assert!(!is_there(&part));
    }

    #[test]
    fn a_copy_has_no_queue() {
        let queue = Arc::new(DropQueue::new(10));
        let (mut spans, _) = spans();
        spans.set_drop_queue(&queue, 1);
        let copy = spans.clone();
        assert_eq!(copy, spans);
        let part = Arc::downgrade(&copy.as_slice()[0].id);
        drop((copy, spans));
        assert_eq!(queue.waiting.lock().unwrap().spans.len(), 1);
        queue.clear();
        assert!(!is_there(&part));
    }
}
