//! A crash-safe, append-only journal for the traces of long-running programs.

mod error;
pub mod event;
pub mod format;
mod recovery;
mod segment;
mod seq;
mod settings;
#[doc(hidden)]
pub mod storage;
mod time;
mod writer;

pub use error::{DamageReason, Error, Result};
pub use event::{Channel, Event, Kind, Level, Map, Number, SessionStatus, Status, ToValue, Value};
pub use recovery::{Liveness, Loss};
pub use seq::{Address, Generation, RunId, SegmentNumber, Seq};
pub use time::Timestamp;
