//! What is in a segment while a payload is on its way into it.

use std::io;
use std::sync::{Arc, Mutex};

use super::buffer::SegmentBuffer;
use super::prefault::PrefaultWindow;
use crate::format::{FrameHeader, FrameSeed, HopHeader, RecordKind, padded};
use crate::seq::{Generation, RunId, SegmentNumber};
use crate::storage::MappedRegion;

/// Words by their place, and how the first two of a frame were when its payload came.
#[derive(Debug, Default)]
struct Looked {
    words: Mutex<std::collections::BTreeMap<u64, u64>>,
    seen: Mutex<Vec<[u64; 2]>>,
}

impl MappedRegion for Looked {
    fn write(&self, offset: u64, _: &[u8]) {
        let words = [self.word(offset - 16), self.word(offset - 8)];
        self.seen.lock().expect("no test panics").push(words);
    }

    fn commit(&self, offset: u64, word: u64) {
        self.words
            .lock()
            .expect("no test panics")
            .insert(offset, word);
    }

    fn word(&self, offset: u64) -> u64 {
        let words = self.words.lock().expect("no test panics");
        words.get(&offset).copied().unwrap_or(0)
    }

    fn make_writable(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_frame_is_begun_before_its_payload_is_stored() {
    let run = RunId {
        generation: Generation(1),
        random: 2,
    };
    let seed = FrameSeed::new(run, SegmentNumber(1));
    let region = Arc::new(Looked::default());
    let window = PrefaultWindow::new(Arc::<Looked>::clone(&region), None, 1 << 20);
    let control = SegmentBuffer::new((SegmentNumber(1), seed), 1 << 20, Some(window));
    control.begin(7, 0);
    for payload in [&b""[..], b"a payload", &[7; 5000]] {
        let frame = control.frame(RecordKind(200), 3, payload);
        let start = control
            .atomic_tail()
            .reserve(1, frame.frame_len(), u64::MAX);
        let start = start.unwrap();
        control.store(&frame, start);
        let words = region.seen.lock().unwrap().pop().unwrap();
        let bytes = words.map(u64::to_le_bytes).concat();
        let begun = HopHeader::decode(*bytes.first_chunk().unwrap()).unwrap();
        assert!(begun.is_begun(seed, start.offset));
        assert_eq!(begun.seq_low, 7 + start.relative_seq);
        let len = u64::try_from(payload.len()).unwrap();
        assert_eq!(begun.frame_len(), padded(len));
        assert_eq!(FrameHeader::frame_len_of(words[0]), None, "not committed");
        let word = region.word(start.offset);
        assert_eq!(FrameHeader::frame_len_of(word), Some(padded(len)));
    }
}
