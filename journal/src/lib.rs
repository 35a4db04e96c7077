//! A crash-safe, append-only journal for the traces of long-running programs.
//!
//! A program records what it does as it does it: sessions, spans, streaming texts, logs. When it is
//! killed, or the machine loses power, the next start reads back every session as far as it came,
//! with the spans that were open marked as interrupted, and says what is missing, if anything is.
//!
//! It is not a logger, a database or a queue: records are never changed, and nothing is looked up
//! by anything but session and order.
//!
//! ```no_run
//! use trace_journal::{Journal, SpanKind, SpanStatus};
//!
//! fn main() -> trace_journal::Result<()> {
//!     let journal = Journal::options().program("my-agent", "1.2").open("traces")?;
//!     for snapshot in journal.recovery().sessions() {
//!         let snapshot = snapshot?; // a session whose process died
//!         println!("{} was cut off: {:?}", snapshot.id(), snapshot.error());
//!     }
//!     let session = journal.session("ses_1").set("title", "Fix the bug").start();
//!     let tool = session.span("bash").kind(SpanKind::TOOL).input("cargo test").start();
//!     tool.text("running 41 tests\n");
//!     let written = tool.end_with(SpanStatus::Ok, "41 passed");
//!     journal.wait_durable(written.result()?)?; // survives power loss from here on
//!     session.end();
//!     journal.close()
//! }
//! ```
//!
//! # Where to begin
//!
//! - To write: [`Journal`] opens a directory, [`Session`] and [`Span`] are its handles. They return
//!   no errors and never panic; [`Written`] says what became of one record.
//! - After a crash: [`Journal::recovery`] gives the sessions that were cut off, each as a
//!   [`Snapshot`].
//! - To read at any time: [`Reader`] gives snapshots and records, and disturbs no writer.
//! - Records that are no events: [`Journal::append_raw`] takes bytes.
//!
//! # What survives what
//!
//! | | survives |
//! |---|---|
//! | an append returned `Ok`, then the process dies in any way | the record |
//! | [`Journal::wait_durable`] returned `Ok`, then power is lost | the record and all before it |
//! | power is lost without waiting | all but the last sync interval, 50 ms by default |
//! | a file is damaged | everything intact on both sides, and a report of what is not |
//!
//! # Limits
//!
//! A record holds up to 64 MiB unless [`JournalOptions::record_bytes_max`] says otherwise; values
//! nest up to 64 deep. Any number of processes may write one directory. On a file system in memory
//! nothing survives power loss, and [`Info`] says so.
//!
//! # Features
//!
//! `export`, on by default: snapshots as JSON and as TraceFile version 2.
//!
#![doc = include_str!("../GUARANTEES.md")]

mod error;
pub mod event;
#[cfg(feature = "export")]
pub mod export;
pub mod format;
mod hash;
mod info;
mod journal;
mod len;
mod open;
mod open_run;
mod opener;
mod options;
mod own_thread;
mod panic_hook;
mod parallel;
pub mod reader;
mod recovered;
mod recovery;
pub mod report;
mod rollup;
mod seeded;
mod segment;
mod seq;
mod session;
mod settings;
mod shared;
pub mod snapshot;
#[doc(hidden)]
pub mod storage;
mod time;
mod words;
mod writer;

pub use error::{Error, Result};
pub use event::{
    Channel, Event, Level, Map, Number, SessionStatus, SpanKind, SpanLink, SpanStatus, Tokens,
    Value,
};
pub use format::{RecordKind, UserKind, VERSION as FORMAT_VERSION};
pub use info::Info;
pub use journal::Journal;
pub use options::JournalOptions;
pub use panic_hook::install_panic_hook;
pub use reader::{Item, ReadMode, Reader, Record};
pub use recovered::Recovery;
pub use recovery::{Liveness, Loss, Report};
pub use seq::{Address, RunId, Seq};
pub use session::{Session, SessionBuilder, Span, SpanBuilder, SpanFinish, Written};
pub use settings::{OnBacklog, WriteMode};
pub use snapshot::{SessionSummary, Snapshot};
pub use time::Timestamp;
pub use words::ParseError;
pub use writer::WhenDurable;
