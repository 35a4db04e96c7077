//! How a journal stands.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Error;
use crate::seq::{RunId, SegmentNumber, Seq};
use crate::settings::ActiveMode;
use crate::shared::Opening;
use crate::storage::Durability;

/// How a journal stands at one moment; see `Journal::info`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Info {
    /// The run that is being written; `None` if the journal is disabled.
    pub run: Option<RunInfo>,
    /// Errors so far, by stable code.
    pub errors: Vec<(&'static str, u64)>,
}

/// How the run stands that is being written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunInfo {
    /// The journal's directory.
    pub dir: PathBuf,
    /// The run's name.
    pub run: RunId,
    /// What a successful sync is worth in this directory.
    pub durability: Durability,
    /// Whether records are written through a mapping of the segment, or by positioned writes.
    pub write_mode: ActiveMode,
    /// The last record written.
    pub written: Option<Seq>,
    /// The last record known durable; none is in a file system in memory.
    pub durable: Option<Seq>,
    /// Bytes written and not yet durable.
    pub backlog_bytes: u64,
    /// The active segment.
    pub segment: SegmentNumber,
    /// Why the run is poisoned, if it is.
    pub poisoned: Option<Arc<Error>>,
    /// An append took its place over a second ago and has not finished: nothing after it can
    /// become durable.
    pub is_stuck: bool,
    /// Whether this opening of it is closed.
    pub is_closed: bool,
}

impl Info {
    pub(crate) fn of(opening: &Opening) -> Info {
        let is_closed = opening.is_closed();
        let run = opening.look(|run, opening| {
            let facts = run.status();
            let storage = run.storage();
            RunInfo {
                dir: storage.path().to_owned(),
                run: facts.run,
                durability: storage.durability(),
                write_mode: if facts.is_mapped {
                    ActiveMode::Mapped
                } else {
                    ActiveMode::Positioned
                },
                written: facts.written.map(|seq| seq.in_opening(opening)),
                durable: facts.durable.map(|seq| seq.in_opening(opening)),
                backlog_bytes: facts.backlog_bytes,
                segment: facts.segment,
                poisoned: facts.poison,
                is_stuck: facts.is_stuck,
                is_closed: facts.is_closed || is_closed,
            }
        });
        Info {
            run,
            errors: opening.error_counts(),
        }
    }
}
