//! Events as payload bytes and back, field by field. FORMAT.md states the bytes: they are those
//! that postcard makes of one structure per kind, which tests compare them with (`plain`).
//!
//! What was released never changes: an optional field is a new tag of the extras that end every
//! payload, a new meaning is a new kind.

mod data;
mod decode;
mod encode;
mod field;
mod glance;
mod payload;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod tests;
mod unread;

pub(crate) use decode::{decode, decode_bounded, decode_known, skim};
pub(crate) use encode::encode;
pub(crate) use field::{numbers, put_numbers};
pub(crate) use glance::glance;

/// Tags of the optional fields that any event can have.
mod extra_tag {
    /// Members the event model does not know, as a map.
    pub(super) const MEMBERS: u16 = 1;
}
