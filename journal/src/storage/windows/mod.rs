//! Files, directories and locks as Windows has them.

mod directory;
mod file;
mod lock;
mod look;
pub(super) mod process;
mod retried;

pub(crate) use super::elsewhere::has_address_space;
pub(super) use super::elsewhere::wiped_word;
pub(super) use directory::Directory;
pub(super) use file::FileMaker;

/// The longest a file may be now: no process is limited here.
pub(super) fn file_len_max() -> u64 {
    u64::MAX
}

/// Eight bytes from the system's random source: the standard library asks it for the keys of its
/// tables, and a caller without any of its own takes those.
pub(super) fn random() -> Option<u64> {
    None
}

/// There are no signals that a thread could be given instead of another.
pub(crate) fn hold_back_signals() {}
