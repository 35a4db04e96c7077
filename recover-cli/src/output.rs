//! The one way out: results to stdout, words to stderr.

use std::borrow::Cow;
use std::env;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::LazyLock;

use anstream::AutoStream;
use anstyle::Style;
use clap::ColorChoice;
use serde::Serialize;

use crate::args::Common;
use crate::error::{CliError, Result};
use crate::escape;
use crate::pager::Sink;
use crate::progress::Progress;
use crate::quote::quoted;
use crate::time::Clock;
use crate::width::{cut_painted, fold};

/// Where results go, and how wide and colourful they may be.
pub(crate) struct Output {
    sink: Sink,
    has_color: bool,
    width: usize,
    clock: Clock,
    words: Words,
    /// What to type next, said at the end.
    hints: Vec<String>,
    may_progress: bool,
}

/// How much is said besides results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum Words {
    /// Errors only.
    Quiet,
    Usual,
    Verbose,
}

impl Output {
    /// Results to this process's stdout, as is asked for.
    pub(crate) fn new(common: &Common) -> Output {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let has_color = match common.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
        };
        let asked = env::var("COLUMNS")
            .ok()
            .and_then(|value| value.parse().ok());
        // Some terminals know how wide they are and not how high.
        let terminal = terminal_size().filter(|_| is_terminal);
        let terminal = terminal.map(|size| size.0);
        let width = asked.or(terminal).filter(|width| *width > 0);
        Output {
            sink: Sink::new(),
            has_color,
            width: width.unwrap_or(usize::MAX),
            clock: Clock::new(common.utc),
            words: match (common.quiet, common.verbose) {
                (true, _) => Words::Quiet,
                (false, true) => Words::Verbose,
                (false, false) => Words::Usual,
            },
            hints: Vec::new(),
            may_progress: !common.no_progress && !common.quiet,
        }
    }

    /// From now on, what does not fit the terminal goes through a pager.
    pub(crate) fn page(&mut self) {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return;
        }
        let rows = terminal_size().map_or(0, |size| size.1);
        if rows > 0 {
            self.sink.page(rows);
        }
    }

    /// Columns of the terminal, or what `COLUMNS` says; no limit where results go to a file or a
    /// pipe.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Whether a person is looking, and things are to be short.
    pub(crate) fn is_bounded(&self) -> bool {
        self.width < usize::MAX
    }

    /// Now, and the zone that times are shown in.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether more is to be said than usual.
    pub(crate) fn is_verbose(&self) -> bool {
        self.words == Words::Verbose
    }

    /// Whether only the exit code and errors are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.words == Words::Quiet
    }

    /// A bar for so many things, if bars are wanted.
    pub(crate) fn progress(&self, verb: &'static str, count: usize, things: &str) -> Progress {
        Progress::new(verb, count, things, self.may_progress)
    }

    /// `text` in `style`, if colours are wanted.
    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        if self.has_color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Remembers what to type next, with words about it; a person sees it at the end.
    pub(crate) fn hint(&mut self, command: &str, about: &str) {
        let line = match about {
            "" => command.to_owned(),
            about => format!("{command}  # {about}"),
        };
        self.hints.push(line);
    }

    /// Says something that is no result and no error.
    pub(crate) fn note(&mut self, words: &str) {
        if self.words > Words::Quiet {
            let _ = self.sink.flush();
            warn(&format!("trace-recover: {words}"));
        }
    }
    /// Writes a line for people: no wider than the terminal.
    pub(crate) fn line(&mut self, line: &str) -> Result<()> {
        if self.is_bounded() {
            return self.whole_line(&cut_painted(line, self.width));
        }
        self.whole_line(line)
    }

    /// Writes a line for people of which nothing may be missing: on as many as it takes.
    pub(crate) fn folded(&mut self, line: &str, indent: usize) -> Result<()> {
        for line in fold(line, self.width, indent) {
            self.whole_line(&line)?;
        }
        Ok(())
    }

    /// Writes a line as it is, such as one to be pasted.
    pub(crate) fn whole_line(&mut self, line: &str) -> Result<()> {
        let line = encoded(line);
        self.bytes(line.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes a value as JSON on one line; nothing in it is obeyed by a terminal.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let mut escaped = BufWriter::new(Escaped {
            sink: &mut self.sink,
            failure: None,
        });
        let written = serde_json::to_writer(&mut escaped, value).map_err(io::Error::from);
        let flushed = escaped.flush();
        if let Some(failure) = escaped.into_parts().0.failure {
            return Err(stdout_error(failure));
        }
        let written = written.and(flushed);
        written.map_err(|error| CliError::CouldNot(format!("write JSON: {error}")))?;
        self.bytes(b"\n")
    }

    /// Writes JSON that is made already; nothing in it is obeyed by a terminal.
    pub(crate) fn json_text(&mut self, text: &[u8]) -> Result<()> {
        let text = String::from_utf8_lossy(text);
        let text = escape::json(text.trim_end()).into_owned();
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.sink.write_all(bytes).map_err(stdout_error)
    }

    /// Hands over all there is so far; words behind it stand behind it.
    pub(crate) fn show(&mut self) -> Result<()> {
        self.sink.finish().map_err(stdout_error)
    }

    /// Hands everything over, and says what to type next.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let finished = self.show();
        let hints = std::mem::take(&mut self.hints);
        if self.words > Words::Quiet && io::stderr().is_terminal() {
            for (hint, number) in hints.iter().zip(0..) {
                let before = if number == 0 { "\nnext: " } else { "      " };
                warn(&format!("{before}{hint}"));
            }
        }
        finished
    }
}

/// A line in signs that the locale has: lines of trees and cuts are drawn in ASCII where it is not
/// UTF-8.
fn encoded(line: &str) -> Cow<'_, str> {
    if *IS_UTF8 || line.is_ascii() {
        return Cow::Borrowed(line);
    }
    let drawn = [
        ("├─", "+-"),
        ("└─", "+-"),
        ("│", "|"),
        ("…", "~"),
        ("µ", "u"),
    ];
    let mut line = line.to_owned();
    for (sign, plain) in drawn {
        line = line.replace(sign, plain);
    }
    Cow::Owned(line)
}

/// Where nothing is said of the locale, as in a container, terminals are taken as they are today.
static IS_UTF8: LazyLock<bool> = LazyLock::new(|| {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"].map(env::var_os);
    let said = said.into_iter().flatten().find(|value| !value.is_empty());
    said.is_none_or(|value| {
        let value = value.to_string_lossy().to_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
});

/// Makes JSON harmless on its way out, piece by piece.
struct Escaped<'o> {
    sink: &'o mut Sink,
    failure: Option<io::Error>,
}

impl Write for Escaped<'_> {
    /// Each piece is whole text: what writes JSON does not break characters apart.
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(piece).map_err(io::Error::other)?;
        match self.sink.write_all(escape::json(text).as_bytes()) {
            Ok(()) => Ok(piece.len()),
            Err(error) => {
                let same = io::Error::from(error.kind());
                self.failure.get_or_insert(error);
                Err(same)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a line of words to stderr; it may not be read.
pub(crate) fn warn(line: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(format!("{line}\n").as_bytes());
}

/// This program, as it was typed.
pub(crate) fn program() -> String {
    let typed = env::args_os().next();
    typed.map_or_else(
        || "trace-recover".to_owned(),
        |typed| quoted(&typed.to_string_lossy()),
    )
}

/// Says why something was not done, if there is anything to say.
pub(crate) fn warn_error(failure: &CliError) {
    if let (_, Some(words)) = failure.parts() {
        warn(&format!("trace-recover: {words}"));
    }
}

/// How many columns and rows the terminal has; 0 rows where it does not say.
#[cfg(unix)]
fn terminal_size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some((usize::from(size.ws_col), usize::from(size.ws_row)))
}

/// A console is not asked: it folds what is too long, and keeps what it has shown.
#[cfg(windows)]
fn terminal_size() -> Option<(usize, usize)> {
    None
}

fn stdout_error(error: io::Error) -> CliError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        CliError::ClosedPipe
    } else {
        CliError::CouldNot(format!("write to stdout: {error}"))
    }
}
