//! The one way out: results to stdout, words to stderr.

use std::env;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use anstyle::Style;
use serde::Serialize;

use crate::escape;
use crate::failure::{Failure, Outcome};
use crate::text::quoted;

/// Where results go, and how wide and colourful they may be.
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
    is_terminal: bool,
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
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Output {
            stdout: BufWriter::with_capacity(64 << 10, stdout),
            is_terminal,
            has_color: is_terminal && !no_color && !is_dumb,
            width: width.filter(|_| is_terminal).unwrap_or(usize::MAX),
        }
    }

    /// Columns of the terminal; no limit where results go to a file or a pipe.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Whether a person is looking.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// `text` in `style`, if colours are wanted.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if self.has_color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: &str) -> Outcome<()> {
        self.bytes(line.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes a value as JSON on one line; nothing in it is obeyed by a terminal.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Outcome<()> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::CouldNot(format!("write JSON: {error}")))?;
        self.line(&escape::json(&text))
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.stdout.write_all(bytes).map_err(stdout_failure)
    }

    /// Hands everything over; what is still held when the process ends would be lost.
    pub(crate) fn finish(&mut self) -> Outcome<()> {
        self.stdout.flush().map_err(stdout_failure)
    }
}

/// Writes a line of words to stderr; nobody may be listening.
pub(crate) fn say(line: &str) {
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
pub(crate) fn say_failure(failure: &Failure) {
    if let (_, Some(words)) = failure.parts() {
        say(&format!("trace-recover: {words}"));
    }
}

fn stdout_failure(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::ClosedPipe
    } else {
        Failure::CouldNot(format!("write to stdout: {error}"))
    }
}
