//! Signals: the first one lets the input come to its end, the second one ends the command.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals as Arriving;
use signal_hook::low_level::signal_name;

use super::words::Words;
use crate::error::ExitStatus;
use crate::signals::not_ignored;

/// Listens to SIGINT, SIGTERM and SIGHUP.
///
/// They go to all of a pipeline: the program that writes the input has last words, and ends it.
pub(super) struct Signals {
    state: Arc<State>,
    woken: UnixStream,
}

#[derive(Default)]
struct State {
    /// The signal that ends the command; 0 before there is one.
    stopped_by: AtomicU8,
    /// The journal is closed: nothing but acknowledgements is left to do.
    is_closed: AtomicBool,
}

/// Sent again by a shell, `timeout` or a service manager, a signal arrives twice at one moment;
/// to press a key twice takes longer.
const ONE_MOMENT: Duration = Duration::from_millis(50);

/// So long it may take to make everything durable before a third signal ends even that.
const GRACE: Duration = Duration::from_secs(1);

impl Signals {
    /// Starts listening; signals that this command was started to ignore stay ignored.
    pub(super) fn watch(words: &Words) -> io::Result<Signals> {
        let mut arriving = Arriving::new(not_ignored([SIGINT, SIGTERM, SIGHUP]))?;
        let (woken, waker) = UnixStream::pair()?;
        let state = Arc::new(State::default());
        let (watched, words) = (Arc::clone(&state), words.clone());
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || watched.listen(arriving.forever(), &words, waker))?;
        Ok(Signals { state, woken })
    }

    /// Becomes readable when the command is to end before its input does.
    pub(super) fn woken(&self) -> io::Result<UnixStream> {
        self.woken.try_clone()
    }

    /// How the command ends if a signal ended it.
    pub(super) fn exit(&self) -> Option<ExitStatus> {
        let signal = self.state.stopped_by.load(Ordering::SeqCst);
        (signal > 0).then_some(ExitStatus::Signal(signal))
    }

    /// From now on the next signal that ends the command does so at once.
    pub(super) fn note_closed(&self) {
        self.state.is_closed.store(true, Ordering::SeqCst);
    }
}

impl State {
    fn listen(&self, arriving: impl Iterator<Item = i32>, words: &Words, mut waker: UnixStream) {
        let mut counted_at: Option<Instant> = None;
        let mut ended_at: Option<Instant> = None;
        let mut count = 0_u32;
        for signal in arriving {
            let now = Instant::now();
            if counted_at.is_some_and(|at| now.duration_since(at) < ONE_MOMENT) {
                continue;
            }
            counted_at = Some(now);
            count += 1;
            let exit = ExitStatus::Signal(u8::try_from(signal).unwrap_or(u8::MAX));
            let name = signal_name(signal).unwrap_or("signal");
            match count {
                1 => words.warn(&format!(
                    "trace-recover: {name}: going on until the input ends; a second one ends it now"
                )),
                2 => {
                    ended_at = Some(now);
                    self.stopped_by
                        .store(u8::try_from(signal).unwrap_or(u8::MAX), Ordering::SeqCst);
                    if self.is_closed.load(Ordering::SeqCst) {
                        process::exit(exit.number().into());
                    }
                    words.warn(&format!("trace-recover: {name}: ending"));
                    // The thread that reads finds the flag; without it, it would wait for input.
                    let _ = waker.write_all(&[0]);
                }
                // A disk that does not answer cannot be waited for.
                _ if ended_at.is_some_and(|at| now.duration_since(at) >= GRACE) => {
                    process::exit(exit.number().into());
                }
                _ => {}
            }
        }
    }
}
