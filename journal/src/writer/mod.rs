//! Writing a run: appends, group commit, rotation, close.

mod append;
mod close;
mod error_log;
mod failover;
mod lock_file;
mod open;
mod run;
mod run_constants;
mod segment;
mod session_id;
mod signals;
mod status;
mod supply;
mod sync;
pub(crate) mod sync_primitives;
mod threads;
mod wakeup;
mod watermark;

pub(crate) use error_log::{ErrorHook, ErrorLog};
pub(crate) use failover::{FailoverWriter, Reopen};
pub(crate) use open::{OpenRun, next_generation};
pub(crate) use run::RunWriter;
pub(crate) use session_id::SessionId;
pub use sync::wait::WhenDurable;

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod testing;
#[cfg(all(test, not(loom)))]
mod tests;
