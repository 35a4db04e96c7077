//! Any bytes where frames are expected.

use trace_journal::format::SegmentNumber;
use trace_journal::format::{FRAMES_OFFSET, Features, FileName, SegmentHeader};

use super::craft::{run, segment};
use super::cursor::Cursor;
use super::memory::Memory;
use super::read_all_ways::read_all_ways;

/// A segment: the bytes as the whole file, behind an intact header, or as what to make frames of.
///
/// # Panics
/// If reading it does not keep its promises.
pub(super) fn frame(bytes: &[u8]) -> u64 {
    let mut input = Cursor::new(bytes);
    let form = input.below(4);
    let (run, number) = (run(0), SegmentNumber::FIRST);
    let file = match form {
        0 => input.take(usize::MAX).to_vec(),
        1 | 2 => {
            // Zeros past the end of the file belong to it, as far as its header says.
            let past = if form == 2 { input.word() >> 40 } else { 0 };
            let frames = input.take(usize::MAX);
            let len = u64::try_from(frames.len()).expect("lengths fit");
            let file_len = FRAMES_OFFSET + len + past;
            let header = SegmentHeader {
                run,
                segment: number,
                file_len,
                features: Features::default(),
            };
            [&header.encode_page().repeat(2), frames].concat()
        }
        _ => segment(run, number, &mut input),
    };
    let memory = Memory::new(7);
    memory.put(&FileName::Segment(run, number).to_string(), file);
    let _ = read_all_ways(&memory);
    memory.size()
}
