//! A value that stands elsewhere: in an earlier record of the same session and segment.

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::kinds;
use super::skip::skip_value;
use super::tag;
use crate::format::{PAYLOAD_LEN_MAX, RecordKind};
use crate::len::len_usize;

/// Where the bytes of a value stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The offset in the segment of the frame they are in, a multiple of 8.
    pub(crate) frame: u64,
    /// The first of them in its payload.
    pub(crate) from: u64,
    pub(crate) len: u64,
    /// How many values they are; more than one only as elements of a list.
    pub(crate) stands_for: u32,
}

/// Whether records of a kind may have values that stand elsewhere, and be where others' stand.
pub(crate) fn may_be_referred_to(kind: RecordKind) -> bool {
    (RecordKind::SPAN_START.0..=RecordKind::CUSTOM.0).contains(&kind.0)
}

/// Puts a reference down in place of the values it stands for.
pub(crate) fn put_reference(out: &mut Vec<u8>, reference: &Reference) {
    let mut body = Vec::with_capacity(BODY_LEN_MAX);
    let mut to = Encoder::new(&mut body);
    to.byte(AGAIN);
    to.number(reference.stands_for);
    to.number(reference.len);
    to.number(reference.frame / 8);
    to.number(reference.from);
    to.number(reference.len);
    let mut to = Encoder::new(out);
    to.number(tag::ELSEWHERE);
    to.bytes(&body);
}

/// The payload with the values in it that it refers to, as far as `fetch` gets them and they are
/// values of their own; `None` if that is none. No more than a record may hold is put in.
pub(crate) fn expand(
    kind: RecordKind,
    payload: &[u8],
    mut fetch: impl FnMut(&Reference) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut from = Decoder::new(payload);
    if !may_be_referred_to(kind) {
        return None;
    }
    kinds::skip(kind, &mut from)?;
    let mut made = Vec::with_capacity(payload.len());
    let mut copied = 0;
    let mut left = len_usize(PAYLOAD_LEN_MAX).saturating_sub(payload.len());
    for place in from.elsewhere() {
        let reference = payload.get(place.clone()).and_then(reference);
        let reference = reference.filter(|reference| len_usize(reference.len) <= left);
        let values = reference.and_then(|reference| {
            let values = fetch(&reference)?;
            are_values(&values, reference.stands_for).then_some(values)
        });
        if let Some(values) = values {
            left -= values.len();
            made.extend_from_slice(payload.get(copied..place.start)?);
            made.extend_from_slice(&values);
            copied = place.end;
        }
    }
    made.extend_from_slice(payload.get(copied..)?);
    (copied > 0).then_some(made)
}

/// What these bytes refer to, the tag included; `None` if it is of a form that is not known.
fn reference(bytes: &[u8]) -> Option<Reference> {
    let mut from = Decoder::new(bytes);
    let is_elsewhere = from.u32()? == tag::ELSEWHERE;
    let mut body = Decoder::new(from.bytes()?);
    let is_again = body.byte()? == AGAIN;
    let (stands_for, size) = (body.u32()?, body.u64()?);
    let frame = body.u64()?.checked_mul(8)?;
    let (from, len) = (body.u64()?, body.u64()?);
    body.end()?;
    (is_elsewhere && is_again && size == len).then_some(Reference {
        frame,
        from,
        len,
        stands_for,
    })
}

/// Whether these bytes are so many values, of which none stands elsewhere.
fn are_values(bytes: &[u8], count: u32) -> bool {
    let mut from = Decoder::new(bytes);
    let are = (0..count).all(|_| skip_value(&mut from).is_some());
    are && from.end().is_some() && from.elsewhere().is_empty()
}

/// The form of a value that was said before.
const AGAIN: u8 = 1;

/// A form, and five numbers.
const BODY_LEN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::event::codec::{decode_known, encode};
    use crate::event::{Action, Custom, Event, Value};

    /// A payload that says these values in a list, and where in it their bytes are.
    fn said(values: &[Value<'static>]) -> (Vec<u8>, Range<usize>) {
        let mut payload = Vec::new();
        let list = Value::List(values.to_vec());
        let custom = Custom {
            name: "c".into(),
            data: list,
        };
        let event = Event::new(Action::Custom(custom));
        encode(&event, &mut payload).unwrap();
        // Time, name, tag and count are before them, no extras behind.
        let start = 1 + 2 + 2;
        let end = payload.len() - 1;
        (payload, start..end)
    }

    /// A payload with a list of so many values, at whose place these bytes are.
    fn with(count: u8, bytes: &[u8]) -> Vec<u8> {
        let (payload, values) = said(&[Value::Null]);
        let mut made = payload[..values.start].to_vec();
        made[values.start - 1] = count;
        made.extend_from_slice(bytes);
        made.extend_from_slice(&payload[values.end..]);
        made
    }

    fn reference_to(values: &Range<usize>, stands_for: u32) -> Reference {
        Reference {
            frame: 8192,
            from: u64::try_from(values.start).unwrap(),
            len: u64::try_from(values.len()).unwrap(),
            stands_for,
        }
    }

    /// What becomes of a list of so many values in whose place a reference is.
    fn followed(count: u8, reference: &Reference, target: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        put_reference(&mut bytes, reference);
        let payload = with(count, &bytes);
        assert!(decode_known(RecordKind::CUSTOM, &payload).is_some());
        expand(RecordKind::CUSTOM, &payload, |asked| {
            assert_eq!(asked, reference);
            let from = len_usize(asked.from);
            let values = target.get(from..)?.get(..len_usize(asked.len))?;
            Some(values.to_vec())
        })
    }

    #[test]
    fn values_are_put_in_where_they_are_referred_to() {
        let (target, values) = said(&["one".into(), Value::from(2), Value::Null]);
        let all = followed(3, &reference_to(&values, 3), &target);
        assert_eq!(all.as_deref(), Some(&target[..]));
    }

    #[test]
    fn what_is_not_so_many_whole_values_is_not_put_in() {
        let (target, values) = said(&["one".into(), "two".into()]);
        assert_eq!(followed(3, &reference_to(&values, 3), &target), None);
        assert_eq!(followed(1, &reference_to(&values, 1), &target), None);
        let cut = values.start..values.end - 1;
        assert_eq!(followed(2, &reference_to(&cut, 2), &target), None);
        let beyond = values.start..target.len() + 9;
        assert_eq!(followed(2, &reference_to(&beyond, 2), &target), None);
    }

    #[test]
    fn values_that_stand_elsewhere_themselves_are_not_put_in() {
        let mut inner = Vec::new();
        put_reference(&mut inner, &reference_to(&(0..100), 1));
        let target = with(1, &inner);
        let values = target.len() - 1 - inner.len()..target.len() - 1;
        assert_eq!(followed(1, &reference_to(&values, 1), &target), None);
    }

    #[test]
    fn no_more_is_put_in_than_a_record_may_hold() {
        let mut bytes = Vec::new();
        let long = Reference {
            frame: 8192,
            from: 0,
            len: u64::from(PAYLOAD_LEN_MAX),
            stands_for: 1,
        };
        put_reference(&mut bytes, &long);
        let payload = with(1, &bytes);
        let expanded = expand(RecordKind::CUSTOM, &payload, |_| panic!("it is too long"));
        assert_eq!(expanded, None);
    }
}
