//! The run a handle writes to now: replaced by a new one after a failure, where that is wished.

use super::sync_primitives::Mutex;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};

use super::error_log::ErrorLog;
use super::run::RunWriter;
use super::sync::wait::WhenDurable;
use super::sync_primitives::{lock, try_lock};
use crate::error::{Error, Result};
use crate::event::system::Clocks;
use crate::seq::Seq;
use crate::storage::own_process::OwnProcess;
use crate::time::Timestamp;
use crate::writer::append::refused::{RefusedCounts, RefusedRecord};

/// Opens another run of the same journal; says what could not be done and stops nothing.
pub(crate) type Reopen = Box<dyn Fn(&mut Vec<Error>) -> Result<Arc<RunWriter>> + Send + Sync>;

/// The run a handle writes to, and what became of the ones before it.
pub(crate) struct FailoverWriter {
    /// What the handle began with: hardly any ever has another, and this costs an append less.
    first: Runs,
    /// What took its place after a failure.
    later: OnceLock<ArcSwap<Runs>>,
    errors: Arc<ErrorLog>,
    /// `None`: a failed run is not followed by another.
    reopen: Option<Reopen>,
    last_attempt: Mutex<Instant>,
    /// What was refused while there was no run at all.
    missed: Mutex<RefusedCounts>,
    /// The process that made it: in a fork of it a lock may never be free.
    process: OwnProcess,
}

/// The runs of a handle at one moment.
pub(crate) struct Runs {
    /// `Err`: the journal could not be opened.
    current: Result<Arc<RunWriter>>,
    /// The runs before the current one, which all failed.
    past: Vec<FailedRun>,
}

/// The runs of a handle, for as long as they are looked at.
pub(crate) enum RunsRef<'a> {
    First(&'a Runs),
    Later(Guard<Arc<Runs>>),
}

/// A run that failed.
#[derive(Clone)]
struct FailedRun {
    durable_seq: u64,
    cause: Error,
}

impl FailoverWriter {
    pub(crate) fn new(
        current: Result<Arc<RunWriter>>,
        errors: Arc<ErrorLog>,
        reopen: Option<Reopen>,
    ) -> FailoverWriter {
        let current = current.map_err(|cause| Error::Disabled {
            cause: Arc::new(cause),
        });
        let first = Runs {
            current,
            past: Vec::new(),
        };
        FailoverWriter {
            first,
            later: OnceLock::new(),
            errors,
            reopen,
            last_attempt: Mutex::new(Instant::now()),
            missed: Mutex::default(),
            process: OwnProcess::here(),
        }
    }

    /// The run written to now and its number; if a number is given, only while it is that run.
    pub(crate) fn run_for(&self, bound: Option<u16>) -> Result<(Arc<RunWriter>, u16)> {
        let runs = self.read();
        runs.check_bound(bound)?;
        Ok((Arc::clone(runs.run()?), runs.number()))
    }

    /// Does something with the run to write to, which has this number. One that failed is first
    /// replaced by a new one, if that is wished, the last attempt was long enough ago, and it need
    /// not be the one with the number that is given.
    pub(crate) fn with_run<T>(
        &self,
        bound: Option<u16>,
        act: impl FnOnce(&RunWriter, u16) -> Result<T>,
    ) -> Result<T> {
        if bound.is_none() && !self.is_alive() {
            self.try_reopen();
        }
        let runs = self.read();
        runs.check_bound(bound)?;
        act(runs.run()?, runs.number())
    }

    /// The number of the run written to now.
    pub(crate) fn number(&self) -> u16 {
        self.read().number()
    }

    /// Whether there is a run that has not failed.
    pub(crate) fn is_alive(&self) -> bool {
        let runs = self.read();
        runs.current.as_ref().is_ok_and(|run| !run.is_poisoned())
    }

    /// Has a run that has not failed: if need be, another is opened now.
    pub(crate) fn revive(&self) -> Result<()> {
        let mut problems = Vec::new();
        let revived = {
            let mut last_attempt = lock(&self.last_attempt);
            match &self.reopen {
                _ if self.is_alive() => Ok(()),
                Some(reopen) => {
                    *last_attempt = Instant::now();
                    self.reopen(reopen, &mut problems)
                }
                None => self.run_for(None).and_then(|(run, _)| run.check_open()),
            }
        };
        problems.iter().for_each(|error| self.errors.report(error));
        revived
    }

    pub(crate) fn errors(&self) -> &ErrorLog {
        &self.errors
    }

    /// Counts a record that came while there was no run; the first run there is will tell.
    #[cold]
    pub(crate) fn miss(&self, payload_len: usize, code: &'static str) {
        if !self.process.is_here() {
            return;
        }
        let now = Timestamp::now();
        let refusal = RefusedRecord {
            bytes: u64::try_from(payload_len).unwrap_or(u64::MAX),
            code,
            session: None,
            at: Clocks {
                wall_seconds: now.seconds(),
                wall_nanoseconds: now.nanoseconds(),
                boot_nanoseconds: 0,
            },
        };
        lock(&self.missed).add(refusal);
    }

    pub(crate) fn wait_durable(&self, seq: Seq, deadline: Option<Instant>) -> Result<()> {
        match self.settled(seq) {
            Some(outcome) => outcome,
            None => {
                let (run, _) = self.run_for(None)?;
                run.syncer().wait_durable(value_of(seq), deadline)
            }
        }
    }

    pub(crate) fn when_durable(&self, seq: Seq) -> WhenDurable {
        let syncer = match self.settled(seq) {
            Some(Err(error)) => Err(error),
            // Durable in a run that failed later: any number known durable resolves at once.
            Some(Ok(())) => return WhenDurable::ready(),
            None => self.run_for(None).map(|(run, _)| Arc::clone(run.syncer())),
        };
        WhenDurable::new(syncer, value_of(seq))
    }

    pub(crate) fn poll_durable(&self, seq: Seq) -> Poll<Result<()>> {
        match (self.settled(seq), self.run_for(None)) {
            (Some(outcome), _) => Poll::Ready(outcome),
            (None, Ok((run, _))) => run.syncer().poll_durable(value_of(seq)),
            (None, Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// What is settled about a number of a run that failed.
    fn settled(&self, seq: Seq) -> Option<Result<()>> {
        let runs = self.read();
        let past = runs.past.get(usize::from(seq.opening()))?;
        let is_durable = seq.get() <= past.durable_seq;
        Some(if is_durable {
            Ok(())
        } else {
            Err(past.cause.clone())
        })
    }

    fn try_reopen(&self) {
        let Some(reopen) = &self.reopen else { return };
        let mut problems = Vec::new();
        {
            // A thread that finds the lock taken goes on with the failed run: one attempt will do.
            let Some(mut last_attempt) = try_lock(&self.last_attempt) else {
                return;
            };
            if last_attempt.elapsed() < REOPEN_INTERVAL {
                return;
            }
            *last_attempt = Instant::now();
            if let Err(error) = self.reopen(reopen, &mut problems) {
                problems.push(error);
            }
        }
        // The hook may append, too, or open the journal.
        problems.iter().for_each(|error| self.errors.report(error));
    }

    /// Puts another run in the place of one that failed. To be called with the lock of the
    /// last attempt.
    fn reopen(&self, reopen: &Reopen, problems: &mut Vec<Error>) -> Result<()> {
        if let Ok(failed) = &self.read().current {
            failed.abandon();
        }
        self.replace(reopen(problems)?);
        Ok(())
    }

    fn replace(&self, run: Arc<RunWriter>) {
        let runs = self.read();
        let failed = match &runs.current {
            Ok(failed) => FailedRun {
                durable_seq: failed.syncer().durable().map_or(0, Seq::get),
                cause: failed.poisoned().unwrap_or(Error::Closed),
            },
            Err(cause) => FailedRun {
                durable_seq: 0,
                cause: cause.clone(),
            },
        };
        let past = runs.past.iter().cloned().chain([failed]).collect();
        let current = Ok(Arc::clone(&run));
        let now = Arc::new(Runs { current, past });
        // Only the thread that has the lock of the last attempt comes here.
        self.later
            .get_or_init(|| ArcSwap::new(Arc::clone(&now)))
            .store(now);
        // Appends from now on find the new run.
        match &runs.current {
            Ok(failed) => failed.leave_refused_to(&run),
            Err(_) => run.take_refused(std::mem::take(&mut *lock(&self.missed))),
        }
    }

    fn read(&self) -> RunsRef<'_> {
        match self.later.get() {
            None => RunsRef::First(&self.first),
            Some(later) => RunsRef::Later(later.load()),
        }
    }
}

impl Deref for RunsRef<'_> {
    type Target = Runs;

    fn deref(&self) -> &Runs {
        match self {
            RunsRef::First(runs) => runs,
            RunsRef::Later(runs) => runs,
        }
    }
}

impl Runs {
    /// Whether the run with this number is still the one that is written to.
    fn check_bound(&self, bound: Option<u16>) -> Result<()> {
        let failed = bound.and_then(|number| self.past.get(usize::from(number)));
        failed.map_or(Ok(()), |failed| Err(failed.cause.clone()))
    }

    /// The run written to now.
    pub(crate) fn run(&self) -> Result<&Arc<RunWriter>> {
        self.current.as_ref().map_err(Error::clone)
    }

    /// Its number among the runs of the handle.
    pub(crate) fn number(&self) -> u16 {
        u16::try_from(self.past.len()).unwrap_or(u16::MAX)
    }
}

impl fmt::Debug for FailoverWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailoverWriter")
            .field("current", &self.read().current)
            .finish_non_exhaustive()
    }
}

/// The number as its own run counts it.
fn value_of(seq: Seq) -> Seq {
    Seq::new(seq.get()).unwrap_or(Seq::FIRST)
}

/// How long a handle waits between attempts to start a new run.
const REOPEN_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(not(any(loom, shuttle)))]
#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::recovery::survey::{Depth, Scope, survey};
    use crate::seq::Generation;
    use crate::settings::WriterSettings;
    use crate::storage::DiskStorage;
    use crate::writer::OpenRun;

    use crate::format::RecordKind;

    const KIND: RecordKind = RecordKind(200);

    /// A run that syncs only when it is asked to.
    fn open(dir: &Path, generation: u32) -> Result<Arc<RunWriter>> {
        let open = OpenRun {
            storage: Arc::new(DiskStorage::open(dir).unwrap()),
            settings: WriterSettings {
                sync_interval: Duration::from_secs(3600),
                ..WriterSettings::default()
            },
            errors: Arc::new(ErrorLog::new(None)),
            generation: Generation(generation),
            known: crate::recovery::other_runs::KnownRuns::default(),
            unverified: Vec::new(),
            recovers: false,
        };
        open.open()
    }

    /// How many records were refused, as each run tells.
    fn refused(dir: &Path) -> Vec<u64> {
        let storage = DiskStorage::open(dir).unwrap();
        let found = survey(&storage, Scope::All, Depth::Everything).unwrap();
        found.runs.iter().map(|run| run.refused.count).collect()
    }

    fn append(writer: &FailoverWriter, payload: &[u8]) -> Result<Seq> {
        append_as(writer, None, payload)
    }

    /// As an opening does that goes on when a run fails, or one that may write to one run only.
    fn append_as(writer: &FailoverWriter, bound: Option<u16>, payload: &[u8]) -> Result<Seq> {
        let appended = writer.with_run(bound, |run, number| {
            Ok(run.append(KIND, None, payload)?.in_opening(number))
        });
        appended.inspect_err(|error| {
            if let Error::Disabled { .. } = error {
                writer.miss(payload.len(), error.code());
            }
        })
    }

    fn let_time_pass(writer: &FailoverWriter) {
        let long_ago = Instant::now().checked_sub(REOPEN_INTERVAL);
        *writer.last_attempt.lock().unwrap() = long_ago.unwrap();
    }

    fn outcome(writer: &FailoverWriter, seq: Seq) -> Option<&'static str> {
        let waited = writer.wait_durable(seq, None).err().map(|e| e.code());
        let mut context = Context::from_waker(Waker::noop());
        let polled = pin!(writer.when_durable(seq)).poll(&mut context);
        let Poll::Ready(polled) = polled else {
            panic!("not settled");
        };
        assert_eq!(polled.err().map(|e| e.code()), waited);
        waited
    }

    #[test]
    fn a_failed_run_is_followed_by_another_and_keeps_its_word() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        let first = open(&path, 1);
        let errors = Arc::new(ErrorLog::new(None));
        let writer = FailoverWriter::new(first, errors, Some(Box::new(move |_| open(&path, 2))));
        let durable = append(&writer, b"durable").unwrap();
        writer.wait_durable(durable, None).unwrap();
        let lost = append(&writer, b"never synced").unwrap();
        let cause = Error::io("sync", dir.path(), std::io::Error::other("bad disk"));
        writer.run_for(None).unwrap().0.syncer().poison(cause);
        let early = append(&writer, b"too early").unwrap_err();
        assert_eq!(early.code(), "poisoned");
        let_time_pass(&writer);
        let next = append(&writer, b"in the next run").unwrap();
        assert_eq!((durable.opening(), next.opening()), (0, 1));
        writer.wait_durable(next, None).unwrap();
        assert_eq!(refused(dir.path()), [0, 1]);
        let outcomes = [durable, lost, next].map(|seq| outcome(&writer, seq));
        assert_eq!(outcomes, [None, Some("poisoned"), None]);
        writer.run_for(None).unwrap().0.close(None).unwrap();
    }

    #[test]
    fn a_journal_that_cannot_be_opened_is_tried_again_and_says_why_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        let errors = Arc::new(ErrorLog::new(None));
        let tries = Mutex::new(0);
        let reopen: Reopen = Box::new(move |_| {
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            match *tries {
                1 => Err(Error::Timeout),
                _ => open(&path, 1),
            }
        });
        let writer = FailoverWriter::new(Err(Error::Closed), Arc::clone(&errors), Some(reopen));
        let code = || append(&writer, b"").unwrap_err().code();
        assert_eq!(code(), "disabled");
        let_time_pass(&writer);
        assert_eq!(code(), "disabled");
        assert_eq!(errors.counts(), [("timeout", 1)]);
        let_time_pass(&writer);
        let seq = append(&writer, b"at last").unwrap();
        assert_eq!(seq.opening(), 1);
        assert_eq!(refused(dir.path()), [2]);
        writer.run_for(None).unwrap().0.close(None).unwrap();
    }
}
