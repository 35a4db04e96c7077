//! Values of the library as lines for people.

pub(crate) mod chat;
pub(crate) mod details;
pub(crate) mod doing;
pub(crate) mod grep;
pub(crate) mod handoff;
pub(crate) mod list;
pub(crate) mod record;
pub(crate) mod segments;
pub(crate) mod session;
pub(crate) mod span;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod style;
pub(crate) mod tree;
pub(crate) mod verify;
