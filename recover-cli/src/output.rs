//! The one way out: results to stdout, words to stderr.

use std::env;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use anstyle::Style;
use rustix::termios::tcgetwinsize;
use serde::Serialize;

use crate::error::{CliError, Result};
use crate::escape;
use crate::quote::quoted;
use crate::width::{cut_painted, fold};

/// Where results go, and how wide and colourful they may be.
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
    has_color: bool,
    width: usize,
}

impl Output {
    /// Results to this process's stdout.
    pub(crate) fn new() -> Output {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        let asked = env::var("COLUMNS")
            .ok()
            .and_then(|value| value.parse().ok());
        // Some terminals know how wide they are and not how high.
        let terminal = tcgetwinsize(&stdout).ok().filter(|_| is_terminal);
        let terminal = terminal.map(|size| usize::from(size.ws_col));
        let width = asked.or(terminal).filter(|width| *width > 0);
        Output {
            stdout: BufWriter::with_capacity(64 << 10, stdout),
            has_color: is_terminal && !no_color && !is_dumb,
            width: width.unwrap_or(usize::MAX),
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

    /// `text` in `style`, if colours are wanted.
    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        if self.has_color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
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
        self.bytes(line.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes a value as JSON on one line; nothing in it is obeyed by a terminal.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let mut escaped = BufWriter::new(Escaped {
            stdout: &mut self.stdout,
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

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.stdout.write_all(bytes).map_err(stdout_error)
    }

    /// Hands everything over; what is still held when the process ends would be lost.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.stdout.flush().map_err(stdout_error)
    }
}

/// Makes JSON harmless on its way out, piece by piece.
struct Escaped<'o> {
    stdout: &'o mut BufWriter<Stdout>,
    failure: Option<io::Error>,
}

impl Write for Escaped<'_> {
    /// Each piece is whole text: what writes JSON does not break characters apart.
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(piece).map_err(io::Error::other)?;
        match self.stdout.write_all(escape::json(text).as_bytes()) {
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

fn stdout_error(error: io::Error) -> CliError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        CliError::ClosedPipe
    } else {
        CliError::CouldNot(format!("write to stdout: {error}"))
    }
}
