//! The plain way from an event to its payload and back: by what serde makes of the bodies.
//!
//! Tests compare it with the quick one.

mod body;
mod data;
mod decode;
mod encode;
mod field;
mod to_body;

pub(super) use decode::decode_known;
pub(super) use encode::encode;
