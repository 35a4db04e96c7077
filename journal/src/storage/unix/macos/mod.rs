//! macOS: files are written at their places, and a sync asks the drive, too.

mod file;
pub(crate) mod look;
pub(crate) mod process;

pub(crate) use crate::storage::elsewhere::{has_address_space, wiped_word};
pub(crate) use file::FileMaker;
