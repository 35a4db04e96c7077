//! How far a long command has come, for a person that waits.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on stderr that appears after half a second and is gone at the end.
pub(crate) struct Progress {
    bar: ProgressBar,
    shown_from: Instant,
}

impl Progress {
    /// `verb` has so many of `things` to do; without a terminal, or where none is `wanted`, nothing
    /// is seen.
    pub(crate) fn new(verb: &'static str, count: usize, things: &str, wanted: bool) -> Progress {
        let bar =
            ProgressBar::with_draw_target(u64::try_from(count).ok(), ProgressDrawTarget::hidden());
        let is_seen = wanted && std::io::stderr().is_terminal();
        let shown_from = match is_seen {
            true => Instant::now() + SHOWN_AFTER,
            false => Instant::now() + NEVER,
        };
        let form =
            format!("{{prefix}}  [{{bar:20.#.}}]  {{pos}} of {{len}} {things}  {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&form) {
            bar.set_style(style.progress_chars("#>."));
        }
        bar.set_prefix(verb);
        Progress { bar, shown_from }
    }

    /// One more is done.
    pub(crate) fn step(&self) {
        if self.bar.is_hidden() && Instant::now() >= self.shown_from {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

const SHOWN_AFTER: Duration = Duration::from_millis(500);
const NEVER: Duration = Duration::from_secs(1 << 30);
