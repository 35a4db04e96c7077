//! Files, directories and locks as Unix systems have them.

mod directory;
mod errno;
mod limit;
mod lock;
mod random;
mod signals;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as own;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as own;

pub(super) use directory::Directory;
pub(super) use limit::file_len_max;
pub(crate) use own::has_address_space;
pub(super) use own::{FileMaker, process, wiped_word};
pub(super) use random::random;
pub(crate) use signals::hold_back_signals;
