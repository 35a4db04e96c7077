//! Tags of the values on the disk.

use super::decoder::Decoder;
use crate::event::elsewhere::{Elsewhere, TAG, TAG_MAX};

pub(super) const NULL: u32 = 0;
pub(super) const BOOL: u32 = 1;
pub(super) const I64: u32 = 2;
pub(super) const U64: u32 = 3;
pub(super) const F64: u32 = 4;
pub(super) const STRING: u32 = 5;
pub(super) const BYTES: u32 = 6;
pub(super) const LIST: u32 = 7;
pub(super) const MAP: u32 = 8;
pub(super) const ELSEWHERE: u32 = 9;

/// What follows one of the tags that are followed by bytes, whatever they mean, and for how many
/// values it stands.
pub(super) fn elsewhere<'a>(
    from: &mut Decoder<'a>,
    tag: u32,
    count_max: usize,
) -> Option<(Elsewhere<'a>, usize)> {
    let tag = u8::try_from(tag).ok()?;
    // It takes one byte.
    let tag_at = from.offset() - 1;
    let bytes = match tag {
        TAG..=TAG_MAX => from.bytes()?,
        _ => return None,
    };
    let other = match tag {
        TAG => {
            let mut inner = Decoder::new(bytes);
            let (form, stands_for, size) = (inner.byte()?, inner.u32()?, inner.u64()?);
            Elsewhere::new(form, stands_for, size, inner.rest())
        }
        _ => Elsewhere::of_tag(tag, bytes),
    };
    let count = usize::try_from(other.stands_for()).ok()?;
    from.note_elsewhere(tag_at, other.stands_for());
    (1..=count_max).contains(&count).then_some((other, count))
}
