//! Any bytes as the fields in front of segments and frames, and as a file's name.

use trace_journal::RunId;
use trace_journal::format::SegmentNumber;
use trace_journal::format::{
    FRAME_HEADER_LEN, Features, FileName, FrameHeader, HeaderState, SegmentHeader,
};

use super::cursor::Cursor;
use super::rig_defects::{Defect, has};

/// Reads the bytes as header pages, as a frame's fields and as a name; what is taken must say the
/// same when it is written again, and a changed page must not be taken.
///
/// # Panics
/// If it is not so.
pub(super) fn header(bytes: &[u8]) -> u64 {
    pages(bytes);
    frames(bytes);
    name(bytes);
    let mut input = Cursor::new(bytes);
    let made = SegmentHeader {
        run: RunId::new(
            u32::try_from(input.word() >> 32).expect("32 bits"),
            input.word(),
        ),
        segment: SegmentNumber::new(u32::try_from(input.word() >> 32).expect("32 bits")),
        file_len: input.word(),
        features: Features::default(),
    };
    changed(made, &mut input);
    u64::try_from(bytes.len()).expect("lengths fit")
}

fn pages(bytes: &[u8]) {
    match SegmentHeader::decode(bytes) {
        HeaderState::Intact(header) => {
            let page = header.encode_page();
            assert!(bytes.starts_with(&page.repeat(2)), "{header:?}");
        }
        HeaderState::OnePage(header, bad) => {
            let at = if bad == 0 { 4096 } else { 0 };
            let good = bytes.get(at..).unwrap_or_default();
            assert!(good.starts_with(&header.encode_page()), "{header:?}");
        }
        HeaderState::Unsupported(_) | HeaderState::Broken => {}
    }
}

fn frames(bytes: &[u8]) {
    let (fields, _) = bytes.as_chunks::<FRAME_HEADER_LEN>();
    for fields in fields {
        if let Ok(header) = FrameHeader::decode(*fields) {
            assert_eq!(header.encode(), *fields);
            let [word, _] = header.words();
            assert_eq!(FrameHeader::frame_len_of(word), Some(header.frame_len()));
        }
    }
}

fn name(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(text) = std::str::from_utf8(line) else {
            continue;
        };
        if let Some(name) = FileName::parse(text) {
            assert_eq!(name.to_string(), text);
        }
    }
}

/// One changed byte, or a missing end, costs the page and nothing else.
fn changed(made: SegmentHeader, input: &mut Cursor<'_>) {
    let mut pages = made.encode_page().repeat(2);
    assert_eq!(SegmentHeader::decode(&pages), HeaderState::Intact(made));
    let at = usize::try_from(input.word() % 8192).expect("a small number");
    let flip = input.byte().max(1);
    let byte = pages.get_mut(at).expect("it is inside");
    if !has(Defect::ChangeUnseen) {
        *byte ^= flip;
    }
    let bad = u8::from(at >= 4096);
    assert_eq!(
        SegmentHeader::decode(&pages),
        HeaderState::OnePage(made, bad)
    );
    pages.truncate(at);
    let left = SegmentHeader::decode(&pages);
    let expected = match at {
        0..4096 => HeaderState::Broken,
        _ => HeaderState::OnePage(made, 1),
    };
    assert_eq!(left, expected);
}
