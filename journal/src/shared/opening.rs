//! One opening of a journal: what its handles write through.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Instant;

use super::in_child::InChild;
use super::run::SharedRun;
use crate::error::{Error, Result};
use crate::seq::Seq;
use crate::storage::own_process::OwnProcess;
use crate::writer::{RunWriter, WhenDurable};

/// One opening of a journal.
///
/// In a fork of its process it does nothing; or all it does is done by an opening of that process's
/// own, which is made by the first append.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The run there was when it was opened: hardly any ever has another, and so an append needs to
    /// look no further.
    pub(super) first: Option<Arc<RunWriter>>,
    /// The number of that run among those that are shared, plus `base`.
    pub(super) number: u16,
    pub(super) is_closed: AtomicBool,
    in_child: Option<Box<InChild<Opening>>>,
    pub(super) process: OwnProcess,
    pub(super) run: Arc<SharedRun>,
    policy: Policy,
    /// Tells it from others of this process.
    pub(super) id: u64,
    /// Whether it is the last one of its run, settled when it is closed.
    is_last: OnceLock<bool>,
    /// How closing it ended, if it is not the last one.
    closed: OnceLock<Result<()>>,
}

/// How an opening behaves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Policy {
    /// It goes on in another run when one fails.
    pub(crate) is_best_effort: bool,
    /// How many runs its handles had before, in the process that this one is a fork of.
    pub(crate) base: u16,
}

/// How an opening ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndingOf {
    /// Everything is made durable, but the run looks as dead as its process will be.
    pub(crate) is_left: bool,
    /// Until when that is waited for.
    pub(crate) deadline: Option<Instant>,
}

impl Opening {
    pub(crate) fn new(
        run: Arc<SharedRun>,
        policy: Policy,
        in_child: Option<InChild<Opening>>,
    ) -> Opening {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        if policy.is_best_effort {
            run.set_best_effort();
        }
        let writer = run.writer();
        Opening {
            first: writer.run_for(None).ok().map(|(run, _)| run),
            number: policy.base.saturating_add(writer.number()),
            is_closed: AtomicBool::new(false),
            in_child: in_child.map(Box::new),
            process: OwnProcess::here(),
            run,
            policy,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            is_last: OnceLock::new(),
            closed: OnceLock::new(),
        }
    }

    /// Whether nothing has happened to it and to its run.
    #[inline]
    pub(super) fn is_as_opened(&self, run: &RunWriter) -> bool {
        let is_open = !self.is_closed.load(Ordering::Relaxed) && !run.is_poisoned();
        is_open && (self.in_child.is_none() || self.process.is_here())
    }

    pub(super) fn with_run<T>(&self, act: impl FnOnce(&RunWriter, u16) -> Result<T>) -> Result<T> {
        if !self.process.is_here() {
            return Err(Error::Forked);
        }
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(Error::Closed);
        }
        let base = self.policy.base;
        let writer = self.run.writer();
        writer.with_run(self.bound(), |run, number| {
            act(run, base.saturating_add(number))
        })
    }

    /// The one run it may write to, by its number among those that are shared; `None`: whichever
    /// there is.
    pub(super) fn bound(&self) -> Option<u16> {
        let number = self.number.saturating_sub(self.policy.base);
        (!self.policy.is_best_effort).then_some(number)
    }

    /// What does the work in this process: this one, or one of a fork's own.
    pub(super) fn acting(&self) -> Acting<'_> {
        match &self.in_child {
            Some(in_child) if !self.process.is_here() => {
                let next = |before: Option<&Opening>| before.unwrap_or(self).next_number();
                let (opening, problems) = in_child.opening(next);
                problems.iter().for_each(|error| opening.report_here(error));
                Acting::Child(opening)
            }
            _ => Acting::This(self),
        }
    }

    /// As [`acting`](Opening::acting), but a fork that has appended nothing gets none.
    pub(super) fn known(&self) -> Result<Acting<'_>> {
        if self.process.is_here() {
            return Ok(Acting::This(self));
        }
        let child = self.in_child.as_ref().and_then(|child| child.known());
        child.map(Acting::Child).ok_or(Error::Forked)
    }

    /// The number that the next run of its handles would have.
    fn next_number(&self) -> u16 {
        let number = self.policy.base.saturating_add(self.run.writer().number());
        number.saturating_add(1)
    }

    /// A number of this opening's records as its runs count them.
    fn to_shared(&self, seq: Seq) -> Result<Seq> {
        let number = seq.opening().checked_sub(self.policy.base);
        // A record of the process that this one is a fork of.
        let number = number.ok_or(Error::Forked)?;
        Ok(Seq::new(seq.get()).unwrap_or(Seq::FIRST).in_opening(number))
    }

    fn to_own(&self, seq: Seq) -> Seq {
        let number = self.policy.base.saturating_add(seq.opening());
        Seq::new(seq.get()).unwrap_or(Seq::FIRST).in_opening(number)
    }
}

impl Opening {
    pub(crate) fn wait_durable(&self, seq: Seq, deadline: Option<Instant>) -> Result<()> {
        let acting = self.known()?;
        let writer = acting.run.writer();
        writer.wait_durable(acting.to_shared(seq)?, deadline)
    }

    pub(crate) fn when_durable(&self, seq: Seq) -> WhenDurable {
        let acting = self.known();
        let shared = acting.and_then(|acting| {
            let seq = acting.to_shared(seq)?;
            Ok(acting.run.writer().when_durable(seq))
        });
        shared.unwrap_or_else(|error| WhenDurable::new(Err(error), seq))
    }

    pub(crate) fn poll_durable(&self, seq: Seq) -> Poll<Result<()>> {
        let settled = |acting: Acting<'_>| {
            let seq = acting.to_shared(seq)?;
            Ok(acting.run.writer().poll_durable(seq))
        };
        let polled = self.known().and_then(settled);
        polled.unwrap_or_else(|error| Poll::Ready(Err(error)))
    }

    pub(crate) fn sync(&self) -> Result<Seq> {
        let acting = self.known()?;
        let (run, number) = acting.run.writer().run_for(acting.bound())?;
        let last = run.sync(None)?;
        Ok(acting.to_own(last.in_opening(number)))
    }

    pub(crate) fn durable(&self) -> Option<Seq> {
        let acting = self.known().unwrap_or(Acting::This(self));
        let (run, number) = acting.run.writer().run_for(acting.bound()).ok()?;
        let last = run.durable()?;
        Some(acting.to_own(last.in_opening(number)))
    }

    /// Does something with the run that is written now, the number of which its records have.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&RunWriter, u16) -> T) -> Option<T> {
        let acting = self.known().unwrap_or(Acting::This(self));
        let (run, number) = acting.run.writer().run_for(acting.bound()).ok()?;
        Some(look(&run, acting.policy.base.saturating_add(number)))
    }

    /// The counts of errors, as far as this process has any.
    pub(crate) fn error_counts(&self) -> Vec<(&'static str, u64)> {
        // In a fork a lock may never be free.
        let acting = self.known().ok();
        acting.map_or_else(Vec::new, |acting| acting.run.writer().errors().counts())
    }

    /// Whether this process opened it.
    pub(crate) fn is_own_process(&self) -> bool {
        self.process.is_here()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    pub(crate) fn run(&self) -> &Arc<SharedRun> {
        &self.run
    }

    /// Counts an error of this very opening, and has the hook told of it.
    pub(super) fn report_here(&self, error: &Error) {
        self.run.writer().errors().report(error);
    }

    /// The sessions that end with it and have not ended, once.
    pub(crate) fn take_ending(&self) -> Vec<String> {
        match self.known() {
            Ok(acting) => acting.run.ending.take(acting.id),
            Err(_) => Vec::new(),
        }
    }

    /// Ends it for all its handles; the last one of a run ends the run. Later calls give the first
    /// one's result.
    pub(crate) fn end(&self, how: EndingOf) -> Result<()> {
        self.known()?.end_here(how)
    }

    fn end_here(&self, how: EndingOf) -> Result<()> {
        self.is_closed.store(true, Ordering::SeqCst);
        let is_last = *self.is_last.get_or_init(|| self.run.leave());
        if is_last {
            let (run, _) = self.run.writer().run_for(None)?;
            let ended = match how.is_left {
                true => run.leave(how.deadline),
                false => run.close(how.deadline),
            };
            if !matches!(ended, Err(Error::Timeout)) {
                self.run.closed();
            }
            return ended;
        }
        if let Some(closed) = self.closed.get() {
            return closed.clone();
        }
        let synced = self.sync_until(how.deadline);
        match synced {
            Err(Error::Timeout) => synced,
            _ => self.closed.get_or_init(|| synced).clone(),
        }
    }

    /// The run goes on for others, but what was appended here is durable.
    fn sync_until(&self, deadline: Option<Instant>) -> Result<()> {
        let (run, _) = self.run.writer().run_for(self.bound())?;
        run.sync(deadline).map(drop)
    }
}

/// See [`Opening::acting`].
pub(super) enum Acting<'a> {
    This(&'a Opening),
    Child(Arc<Opening>),
}

impl std::ops::Deref for Acting<'_> {
    type Target = Opening;

    fn deref(&self) -> &Opening {
        match self {
            Acting::This(opening) => opening,
            Acting::Child(opening) => opening,
        }
    }
}
