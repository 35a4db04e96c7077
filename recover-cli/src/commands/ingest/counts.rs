//! How the lines fared.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trace_journal::report::Durability;
use trace_journal::{Error, Journal, RunId, Seq};

use super::open::Opened;
use super::words::Words;
use crate::args::LineForm;
use crate::error::{CliError, ExitStatus, Result};
use crate::escape::one_line;
use crate::format::counted;

/// How the lines fared.
pub(super) struct Counts {
    taken: u64,
    refused: u64,
    /// Refused because they are no events.
    malformed: u64,
    /// Refused because they are too large.
    oversized: u64,
    trouble: Option<Trouble>,
    journal: Journal,
    has_failed: Arc<AtomicBool>,
    run: Option<RunId>,
    last: Option<Seq>,
    /// Why lines that were taken are not durable.
    lost: Option<Error>,
}

/// Lines are being refused, for a reason that is not in them.
struct Trouble {
    code: &'static str,
    refused: u64,
}

impl Counts {
    pub(super) fn new(opened: &Opened) -> Counts {
        Counts {
            taken: 0,
            refused: 0,
            malformed: 0,
            oversized: 0,
            // That was said when it was found out.
            trouble: opened.refusal.as_ref().map(|error| Trouble {
                code: error.code(),
                refused: 0,
            }),
            journal: opened.journal.clone(),
            has_failed: Arc::clone(&opened.has_failed),
            run: run_of(&opened.journal),
            last: None,
            lost: None,
        }
    }

    /// A line has a record.
    pub(super) fn taken(&mut self, line: u64, seq: Seq, words: &Words) {
        self.taken += 1;
        if self.has_failed.load(Ordering::Relaxed) {
            self.look_back();
        }
        self.last = Some(seq);
        if let Some(trouble) = self.trouble.take() {
            let lines = counted(trouble.refused, "line was", "lines were");
            words.warn(&format!("line {line}: taken again; {lines} refused"));
        }
    }

    /// A line has none. What is wrong with a line is told of each; what is wrong with the journal
    /// once.
    pub(super) fn refused(&mut self, line: u64, error: &Error, words: &Words) {
        self.refused += 1;
        // That nothing was opened is clear from what kept it from being so.
        let why = match error {
            Error::Disabled { cause } => cause.to_string(),
            _ => error.to_string(),
        };
        let why = one_line(&why);
        match error {
            Error::InvalidEvent { .. } => self.malformed += 1,
            Error::LimitExceeded { .. } => self.oversized += 1,
            _ => {
                let code = match error {
                    Error::Disabled { cause } => cause.code(),
                    _ => error.code(),
                };
                match &mut self.trouble {
                    Some(trouble) if trouble.code == code => trouble.refused += 1,
                    _ => {
                        let refused = 1 + self.trouble.take().map_or(0, |known| known.refused);
                        self.trouble = Some(Trouble { code, refused });
                        words.warn(&format!(
                            "line {line}: {why}; lines are refused until that is over"
                        ));
                    }
                }
                return;
            }
        }
        words.warn(&format!("line {line}: {why}"));
    }

    /// After a failed sync lines go on in another run: whether those before were durable is known
    /// then.
    fn look_back(&mut self) {
        let run = run_of(&self.journal);
        if run != self.run {
            self.run = run;
            if let Err(error) = self.wait() {
                self.lost.get_or_insert(error);
            }
        }
    }

    fn wait(&self) -> Result<(), Error> {
        self.last
            .map_or(Ok(()), |last| self.journal.wait_durable(last))
    }

    /// Whether every line that was taken is durable, once it is.
    pub(super) fn are_durable(&self) -> Result<()> {
        let outcome = self.lost.clone().map_or_else(|| self.wait(), Err);
        outcome.map_err(|error| {
            let error = error.to_string();
            CliError::CouldNot(format!("not all lines are durable: {}", one_line(&error)))
        })
    }

    pub(super) fn summary(&self, dir: &Path, are_durable: bool) -> String {
        let taken = counted(self.taken, "line", "lines");
        let what = match are_durable {
            _ if self.is_never_opened() => String::new(),
            true => format!(", {}", self.kept()),
            false => ", NOT known to be durable".to_owned(),
        };
        let dir = dir.display().to_string();
        let (dir, refused) = (one_line(&dir), self.refused);
        format!("{taken} in {dir}{what}; {refused} refused")
    }

    /// What the lines are that were taken.
    pub(super) fn kept(&self) -> &'static str {
        match self.journal.info().run.map(|run| run.durability) {
            Some(Durability::None) => "written, in memory",
            // As was said in the beginning, it is not known what a sync comes to there.
            Some(Durability::Unknown) => "synced",
            _ => "durable",
        }
    }

    /// There was no space for a run, from the first line to the last.
    pub(super) fn is_never_opened(&self) -> bool {
        self.journal.info().run.is_none()
    }

    /// What may help where lines were refused.
    pub(super) fn advice(&self, form: LineForm) -> Option<&'static str> {
        if self.refused > 0 && self.is_never_opened() {
            return Some("the disk is full: make room, or name another directory, and start again");
        }
        if form != LineForm::Events {
            return None;
        }
        if self.oversized > 0 {
            return Some("a long output can come in several lines of type \"text\"");
        }
        let is_nothing_taken = self.taken == 0 && self.malformed == self.refused;
        (is_nothing_taken && self.malformed > 0)
            .then_some("nothing was taken; to keep lines as they are: --from lines --session ID")
    }

    pub(super) fn exit(&self) -> ExitStatus {
        if self.refused > 0 {
            ExitStatus::Lost
        } else {
            ExitStatus::Done
        }
    }
}

fn run_of(journal: &Journal) -> Option<RunId> {
    journal.info().run.map(|run| run.run)
}
