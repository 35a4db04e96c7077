//! Linux: files are mapped where that is safe, and parts of them synced by themselves.

mod confirm;
mod file;
pub(crate) mod look;
mod map;
pub(crate) mod process;

pub(crate) use file::FileMaker;
pub(crate) use map::{has_address_space, wiped_word};
