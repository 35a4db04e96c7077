//! The worked example of the format description, held against the code.

use super::{
    FRAMES_OFFSET, Features, FrameHeader, FramePlace, FrameSeed, RecordKind, SegmentHeader,
};
use super::{
    HEAD_LEN_MAX, OFFSET_MAX, RUN_TEXT_LEN_MAX, SEQ_MAX, SESSION_ID_LEN_MAX, SESSION_INDEX_MAX,
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

#[test]
fn the_limits_are_as_described() {
    let numbers = [
        SEQ_MAX,
        OFFSET_MAX,
        HEAD_LEN_MAX,
        u64::from(SESSION_INDEX_MAX) + 1,
    ];
    assert_eq!(numbers, [1 << 47, 1 << 35, 1 << 26, 1 << 24]);
    for line in [
        "| sequence number | 2^47 |\n",
        "| offset of a frame | below 2^35 |\n",
        "| payload | 2^29 - 64 bytes |\n",
        "| session index | 2^24 - 1 |\n",
        "| session id | 65,536 bytes |\n",
        "| `.run` file | 4,096 bytes |\n",
        "behind it, in one segment | 2^26 bytes |\n",
    ] {
        assert_printed(line);
    }
    assert_eq!((SESSION_ID_LEN_MAX, RUN_TEXT_LEN_MAX), (65_536, 4_096));
}
