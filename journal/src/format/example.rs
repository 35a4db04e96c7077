//! The worked example of the format description, held against the code.

use super::{
    FRAMES_OFFSET, Features, FrameHeader, FramePlace, FrameSeed, RecordKind, SegmentHeader,
};
use crate::seq::{Generation, RunId, SegmentNumber};

const RUN: RunId = RunId {
    generation: Generation(1),
    random: 0x0123_4567_89ab_cdef,
};

/// Lines of 16 bytes as the description prints them.
fn dump(offset: usize, bytes: &[u8]) -> String {
    let lines = bytes.chunks(16).enumerate().map(|(number, line)| {
        let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:08x}  {}\n", offset + 16 * number, hex.join(" "))
    });
    lines.collect()
}

fn assert_printed(dump: &str) {
    let text = include_str!("../../FORMAT.md");
    assert!(text.contains(dump), "FORMAT.md does not contain:\n{dump}");
}

#[test]
fn the_header_page_is_as_described() {
    let header = SegmentHeader {
        run: RUN,
        segment: SegmentNumber(1),
        file_len: 1 << 20,
        features: Features::default(),
    };
    let page = header.encode_page();
    assert_printed(&dump(0, &page[..48]));
    assert_printed(&dump(4080, &page[4080..]));
    assert!(page[48..4092].iter().all(|byte| *byte == 0));
}

#[test]
fn the_frame_is_as_described() {
    let place = FramePlace {
        seed: FrameSeed::new(RUN, SegmentNumber(1)),
        offset: FRAMES_OFFSET,
        seq: 1,
    };
    let header = FrameHeader::new(place, RecordKind(200), 5, b"hello");
    let mut frame = header.encode().to_vec();
    frame.extend_from_slice(b"hello");
    frame.resize(24, 0);
    assert_printed(&dump(8192, &frame));
}
