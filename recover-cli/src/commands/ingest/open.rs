//! Opening the journal, and what is to be said about it before the first line.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use trace_journal::report::Durability;
use trace_journal::{Error, Journal, OnBacklog, Reader, SessionStatus};

use super::words::Words;
use crate::args::{Ack, IngestArgs};
use crate::error::{Result, could_not};
use crate::escape::one_line;
use crate::format::counted;
use crate::output::program;
use crate::quote::{argument, id_argument, quoted};

/// A slow disk holds the input up; it does not get lines refused.
const BACKLOG_WAIT: Duration = Duration::from_secs(3600);

/// Sessions named of those that crashed.
const NAMED_MAX: usize = 3;

/// The journal, and what went wrong with it.
pub(super) struct Opened {
    pub(super) journal: Journal,
    /// A write or a sync failed: the run may be followed by another one.
    pub(super) has_failed: Arc<AtomicBool>,
    /// Why lines are refused for now.
    pub(super) refusal: Option<Error>,
}

impl Opened {
    /// Opens the journal. A full disk is waited out, as it is later: the program that writes the
    /// lines must not lose its reader.
    pub(super) fn open(args: &IngestArgs) -> Result<Opened> {
        let has_failed = Arc::new(AtomicBool::new(false));
        let last = Arc::new(Mutex::new(None));
        let (noted, kept) = (Arc::clone(&has_failed), Arc::clone(&last));
        let journal = Journal::options()
            .program("trace-recover", env!("CARGO_PKG_VERSION"))
            .on_backlog(OnBacklog::Wait(BACKLOG_WAIT))
            .on_error(move |error| {
                if !matches!(error, Error::DiskFull { .. } | Error::FileSizeLimit { .. }) {
                    noted.store(true, Ordering::Relaxed);
                }
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
            })
            .open_best_effort(&args.dir);
        let mut refusal = None;
        if journal.info().run.is_none() {
            refusal = last.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(error) = refusal.take_if(|error| !matches!(error, Error::DiskFull { .. })) {
                return Err(could_not(error));
            }
            has_failed.store(true, Ordering::Relaxed);
        }
        Ok(Opened {
            journal,
            has_failed,
            refusal,
        })
    }

    /// Says what is worth knowing before the first line.
    pub(super) fn say_how(&self, args: &IngestArgs, words: &Words) {
        if let Some(error) = &self.refusal {
            let error = error.to_string();
            words.warn(&format!(
                "trace-recover: {}; lines are refused until there is space",
                one_line(&error)
            ));
        }
        if args.ack() == Ack::Durable {
            self.say_durability(&args.dir, words);
        }
        if !self.journal.recovery().runs().is_empty() {
            words.warn(&self.recovered(&args.dir));
        }
    }

    /// On some file systems "durable" means little: it is said, not left to be found out.
    fn say_durability(&self, dir: &Path, words: &Words) {
        let what = match self.journal.info().run.map(|run| run.durability) {
            Some(Durability::None) => {
                "is in memory: nothing in it survives power loss, or is ever durable"
            }
            Some(Durability::Unknown) => "may be on a network: who knows what survives power loss",
            _ => return,
        };
        let dir = dir.display().to_string();
        words.warn(&format!("trace-recover: {} {what}", one_line(&dir)));
    }

    /// Which runs died before, and which sessions crashed with them.
    fn recovered(&self, dir: &Path) -> String {
        let recovery = self.journal.recovery();
        let runs = u64::try_from(recovery.runs().len()).unwrap_or(u64::MAX);
        let runs = match runs {
            1 => "an earlier run crashed".to_owned(),
            _ => counted(runs, "earlier run", "earlier runs") + " crashed",
        };
        // What cannot be read here is told by the commands that read the journal.
        let ids = recovery.session_ids().unwrap_or_default();
        let ids: BTreeSet<String> = ids.into_iter().collect();
        let sessions = Reader::summaries(dir).map(|told| told.sessions);
        let mut crashed = sessions.unwrap_or_default();
        crashed.retain(|one| one.status == SessionStatus::Crashed && ids.contains(&one.id));
        let names: Vec<String> = crashed.iter().map(|session| quoted(&session.id)).collect();
        let (program, dir) = (program(), argument(&dir.display().to_string()));
        match names.as_slice() {
            [] => format!("{runs} ({program} {dir})"),
            [one] => {
                let id = crashed.first().map_or("", |session| &session.id);
                format!("{runs}: {one} ({program} show {dir} {})", id_argument(id))
            }
            several => {
                let named = several.iter().take(NAMED_MAX).cloned();
                let mut named = named.collect::<Vec<String>>().join(", ");
                if several.len() > NAMED_MAX {
                    named += &format!(" and {} more", several.len() - NAMED_MAX);
                }
                format!("{runs}: {named} ({program} list {dir})")
            }
        }
    }
}
