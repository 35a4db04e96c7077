//! Writing a run: appends, group commit, rotation, close.

mod backlog;
mod bell;
mod close;
mod control;
mod controls;
mod core;
mod declared;
mod errands;
mod errors;
mod facts;
mod frontier;
mod group;
mod indexing;
mod lane;
mod mark;
mod names;
mod next;
mod open;
mod outgoing;
mod patience;
mod poison;
mod positioned;
mod primitives;
mod refused;
mod renewal;
mod reserve;
mod run_file;
mod schedule;
mod segment;
mod sessions;
mod setbacks;
mod sign;
mod slot;
mod stuck;
mod syncer;
mod tender;
mod thread;
mod unsynced;
mod wait;
mod waiters;
mod watermark;
mod window;

pub(crate) use core::Core;
pub(crate) use errors::{ErrorHook, ErrorLog};
pub(crate) use open::{OpenRun, next_generation};
pub(crate) use slot::{Reopen, Slot};
pub use wait::WhenDurable;

#[cfg(all(test, not(loom)))]
mod awaited_tests;
#[cfg(all(test, not(loom)))]
mod begun_tests;
#[cfg(all(test, not(loom)))]
mod group_tests;
#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod testing;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(all(test, not(loom)))]
mod window_tests;
