//! What is asked of Linux only, as other systems answer it.

use std::io;
use std::sync::atomic::AtomicU64;

/// Whether so much address space is left to the process: it is not limited here.
pub(crate) fn has_address_space(len: u64) -> io::Result<()> {
    let _ = len;
    Ok(())
}

/// A word that is wiped in every fork: there is none.
pub(crate) fn wiped_word() -> io::Result<&'static AtomicU64> {
    Err(io::ErrorKind::Unsupported.into())
}
