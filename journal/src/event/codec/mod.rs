//! Events as payload bytes and back. FORMAT.md states the bytes.

mod body;
mod data;
mod decode;
mod encode;
mod field;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod tests;
mod to_body;
mod unread;

pub(crate) use decode::{decode, decode_known};
pub(crate) use encode::encode;

/// Tags of the optional fields that any event can have.
mod extra_tag {
    /// Members the event model does not know, as a map.
    pub(super) const MEMBERS: u16 = 1;
}
