//! `trace-recover ingest` as a living process that is fed, answers, and can be killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::command::{Ran, command, finish};

/// An `ingest` that prints acknowledgements.
#[derive(Debug)]
pub struct IngestChild {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl IngestChild {
    /// Starts `ingest DIR` with these further arguments.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(dir: &Path, args: &[&str]) -> IngestChild {
        let mut command = command(["ingest"]);
        command.arg(dir).args(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("the pipe was asked for");
        IngestChild {
            child,
            stdin,
            stdout: BufReader::new(stdout),
        }
    }

    /// Gives it a line.
    ///
    /// # Panics
    /// If it no longer reads.
    pub fn feed(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().expect("not yet ended");
        stdin.write_all(line).expect("the command reads");
        stdin.write_all(b"\n").expect("the command reads");
        stdin.flush().expect("the command reads");
    }

    /// The end of its input, to be written from another thread.
    ///
    /// # Panics
    /// If it was taken before.
    pub fn take_input(&mut self) -> ChildStdin {
        self.stdin.take().expect("taken once")
    }

    /// The next acknowledged sequence number; `None` when there will be no more.
    ///
    /// # Panics
    /// If it prints anything else.
    pub fn ack(&mut self) -> Option<u64> {
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .expect("the pipe is readable");
        let digits = line.strip_suffix('\n')?;
        Some(digits.parse().expect("an acknowledgement is a number"))
    }

    /// Kills it with SIGKILL and gives what it had acknowledged after what was read before.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub fn kill(mut self) -> Vec<u64> {
        self.child.kill().expect("the command can be killed");
        self.child.wait().expect("the command ends");
        std::iter::from_fn(|| self.ack()).collect()
    }

    /// Closes its acknowledgement pipe from this side and its input, and waits for its end.
    #[must_use]
    pub fn end_unheard(self) -> Ran {
        drop(self.stdout);
        drop(self.stdin);
        finish(self.child, b"")
    }

    /// Closes its input and waits for its end; gives also the acknowledgements not yet read.
    #[must_use]
    pub fn end(mut self) -> (Ran, Vec<u64>) {
        self.stdin = None;
        let acks = std::iter::from_fn(|| self.ack()).collect();
        (finish(self.child, b""), acks)
    }
}
