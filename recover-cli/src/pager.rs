//! The way of long text to a person: through a pager, if it does not fit the terminal.

use std::env;
use std::io::{self, BufWriter, Stdout, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use signal_hook::consts::SIGINT;

/// Where results go.
#[derive(Debug)]
pub(crate) enum Sink {
    /// To stdout as they come.
    Stdout(BufWriter<Stdout>),
    /// Held until it is known whether they fit the terminal.
    Held {
        text: Vec<u8>,
        lines: usize,
        /// Rows of the terminal.
        rows: usize,
    },
    /// To a pager.
    Pager(Box<Pager>),
}

/// A pager at work.
#[derive(Debug)]
pub(crate) struct Pager {
    child: Child,
    stdin: Option<BufWriter<ChildStdin>>,
}

impl Sink {
    /// Results go to stdout at once.
    pub(crate) fn new() -> Sink {
        Sink::Stdout(BufWriter::with_capacity(64 << 10, io::stdout()))
    }

    /// From now on, what is longer than so many rows goes to a pager.
    pub(crate) fn page(&mut self, rows: usize) {
        *self = Sink::Held {
            text: Vec::new(),
            lines: 0,
            rows,
        };
    }

    /// Decides where held text goes, and sends it there.
    fn settle(&mut self) -> io::Result<()> {
        let Sink::Held {
            text, lines, rows, ..
        } = self
        else {
            return Ok(());
        };
        let pager = match *lines >= *rows {
            true => Pager::start(),
            false => None,
        };
        let text = std::mem::take(text);
        *self = match pager {
            Some(pager) => Sink::Pager(Box::new(pager)),
            None => Sink::new(),
        };
        self.write_all(&text)
    }

    /// Hands everything over and waits until the person has read it.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.settle()?;
        self.flush()?;
        if let Sink::Pager(pager) = self {
            drop(pager.stdin.take());
            pager.child.wait()?;
            *self = Sink::new();
        }
        Ok(())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Stdout(stdout) => stdout.write(bytes),
            Sink::Pager(pager) => match &mut pager.stdin {
                Some(stdin) => stdin.write(bytes),
                None => Err(io::ErrorKind::BrokenPipe.into()),
            },
            Sink::Held {
                text, lines, rows, ..
            } => {
                text.extend_from_slice(bytes);
                *lines += bytes.iter().filter(|byte| **byte == b'\n').count();
                if *lines >= *rows {
                    self.settle()?;
                }
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Stdout(stdout) => stdout.flush(),
            Sink::Held { .. } => Ok(()),
            Sink::Pager(pager) => pager.stdin.as_mut().map_or(Ok(()), Write::flush),
        }
    }
}

impl Pager {
    /// Starts the pager; `None` if none is wanted, or it does not start.
    fn start() -> Option<Pager> {
        let wanted = ["TRACE_RECOVER_PAGER", "PAGER"].map(env::var_os);
        let wanted = wanted.into_iter().flatten().next();
        let wanted = wanted.unwrap_or_else(|| "less".into());
        let wanted = wanted.to_string_lossy().into_owned();
        let words: Vec<&str> = wanted.split_whitespace().collect();
        let (program, args) = words.split_first()?;
        if *program == "cat" {
            return None;
        }
        let mut command = match wanted.contains(['$', '"', '\'', '|', ';', '&', '\\', '=']) {
            true => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &wanted]);
                shell
            }
            false => {
                let mut command = Command::new(program);
                command.args(args);
                command
            }
        };
        for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
            if env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let mut child = command.stdin(Stdio::piped()).spawn().ok()?;
        // Ctrl-C is the pager's: a verb that ended before it would leave it without a terminal.
        let ignored = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let _ = signal_hook::flag::register(SIGINT, ignored);
        let stdin = child.stdin.take().map(BufWriter::new);
        Some(Pager { child, stdin })
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
