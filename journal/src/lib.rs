//! A crash-safe, append-only journal for the traces of long-running programs.
#![doc = include_str!("../GUARANTEES.md")]

mod after_crash;
mod digest;
mod error;
pub mod event;
#[cfg(feature = "export")]
pub mod export;
pub mod format;
mod info;
mod journal;
mod opening;
mod options;
mod own_thread;
mod panic_hook;
mod reader;
mod recovery;
mod seeded;
mod segment;
mod seq;
mod session;
mod settings;
pub mod snapshot;
#[doc(hidden)]
pub mod storage;
mod time;
mod writer;

pub use after_crash::Recovery;
pub use error::{DamageReason, Error, Result};
pub use event::{
    Channel, Event, JsonLine, Kind, Level, Link, Map, Model, Number, OtlpKind, SessionStatus,
    SpanFields, Status, ToValue, Tokens, Value,
};
pub use format::{RecordKind, UserKind, VERSION as FORMAT_VERSION};
pub use info::{Info, RunInfo};
pub use journal::Journal;
pub use options::Options;
pub use panic_hook::install_panic_hook;
pub use reader::{
    Gap, Item, Mode, Reader, Record, Records, SessionReader, Sessions, list, recover, verify,
};
#[doc(hidden)]
pub use reader::{list_storage, verify_storage};
pub use recovery::{
    ByteClasses, DamagedRange, Fate, Liveness, Loss, RecordCounts, RefusedReport, Report,
    RunReport, RunState, SegmentReport, SegmentState, SessionReport,
};
pub use seq::{Address, Generation, RunId, SegmentNumber, Seq};
pub use session::{Session, SessionBuilder, Span, SpanBuilder, SpanFinish, Written};
pub use settings::{OnBacklog, WriteMode};
pub use snapshot::{SessionSummary, Snapshot};
pub use storage::Durability;
pub use time::Timestamp;
pub use writer::WhenDurable;
