//! Ids that callers do not choose.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::hash::{GOLDEN, mixed};

/// Makes span and trace ids: a sequence without repetition that starts at a random place.
#[derive(Debug)]
pub(super) struct IdSource(AtomicU64);

impl IdSource {
    pub(super) fn new(random: u64) -> IdSource {
        IdSource(AtomicU64::new(random))
    }

    /// A number that is not 0.
    pub(super) fn next(&self) -> u64 {
        let count = self.0.fetch_add(GOLDEN, Ordering::Relaxed);
        match mixed(count) {
            0 => self.next(),
            id => id,
        }
    }
}

/// The trace id in a W3C `traceparent` header, if the text is one.
///
/// Format: <https://www.w3.org/TR/trace-context/#traceparent-header>
pub(super) fn trace_id_of_header(text: &str) -> Option<&str> {
    let mut parts = text.split('-');
    let (version, trace_id) = (parts.next()?, parts.next()?);
    let (parent, flags) = (parts.next()?, parts.next()?);
    let is_one = is_hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && is_hex(trace_id, 32)
        && trace_id.bytes().any(|digit| digit != b'0')
        && is_hex(parent, 16)
        && is_hex(flags, 2);
    is_one.then_some(trace_id)
}

fn is_hex(text: &str, digits: usize) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == digits && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_repeat_and_none_is_zero() {
        let ids = IdSource::new(0_u64.wrapping_sub(GOLDEN));
        let made: std::collections::HashSet<_> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(made.len(), 10_000);
        assert!(!made.contains(&0));
    }

    #[test]
    fn only_a_whole_header_is_one() {
        let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let header = format!("00-{trace_id}-00f067aa0ba902b7-01");
        assert_eq!(trace_id_of_header(&header), Some(trace_id));
        let newer = format!("cc-{trace_id}-00f067aa0ba902b7-01-more");
        assert_eq!(trace_id_of_header(&newer), Some(trace_id));
        let zero = "0".repeat(32);
        for text in [
            trace_id,
            "",
            &format!("00-{trace_id}-00f067aa0ba902b7-01-more"),
            &format!("ff-{trace_id}-00f067aa0ba902b7-01"),
            &format!("00-{zero}-00f067aa0ba902b7-01"),
            &header.to_uppercase(),
        ] {
            assert_eq!(trace_id_of_header(text), None, "{text}");
        }
    }
}
