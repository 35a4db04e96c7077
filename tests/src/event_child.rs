//! A process that writes events into a journal through the library, and can be killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;
use trace_journal::Journal;

use crate::agent::Agent;

/// A child at work. Dropping it kills it.
#[derive(Debug)]
pub struct EventChild {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl EventChild {
    /// Starts `program`, the child's own, on a journal; it is open when this returns.
    ///
    /// # Panics
    /// If it does not start or cannot open the journal.
    #[must_use]
    pub fn start(program: &str, dir: &Path) -> EventChild {
        EventChild::begin(Command::new(program).arg(dir))
    }

    /// As [`start`](EventChild::start), of one that says values once.
    ///
    /// # Panics
    /// As [`start`](EventChild::start).
    #[must_use]
    pub fn start_sharing(program: &str, dir: &Path) -> EventChild {
        EventChild::begin(Command::new(program).arg(dir).arg(SHARES))
    }

    fn begin(command: &mut Command) -> EventChild {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("the pipe was asked for");
        let mut child = EventChild {
            child,
            stdin,
            stdout: BufReader::new(stdout),
        };
        assert_eq!(child.answer(), "open");
        child
    }

    /// Has lines written, each an event in its JSON form or an agent's event, and waits for the
    /// acknowledgement of each. A line that begins no object goes on with the one before.
    ///
    /// # Panics
    /// If one is refused.
    pub fn write(&mut self, lines: &str) {
        for line in events(lines) {
            let stdin = self.stdin.as_mut().expect("it was not closed");
            writeln!(stdin, "{line}").expect("the child listens");
            assert_eq!(self.answer(), "written", "{line}");
        }
    }

    /// Kills it, as nothing can prevent.
    ///
    /// # Panics
    /// If it is gone already.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        let status = self.child.wait().expect("it can be waited for");
        assert_eq!(status.code(), None, "it was killed");
    }

    /// Has it close the journal and ends it.
    ///
    /// # Panics
    /// If it fails.
    pub fn close(mut self) {
        self.stdin = None;
        let status = self.child.wait().expect("it can be waited for");
        assert!(status.success(), "{status}");
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the child answers");
        line.trim_end().to_owned()
    }
}

/// The events of some lines, one line each.
fn events(lines: &str) -> Vec<String> {
    let mut events: Vec<String> = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match events.last_mut() {
            Some(last) if !line.starts_with('{') => last.push_str(line),
            _ => events.push(line.to_owned()),
        }
    }
    events
}

impl Drop for EventChild {
    fn drop(&mut self) {
        // After `kill` or `close` it is gone, and that is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the child's program does: it writes down every line of its input and says so.
///
/// # Panics
/// If the journal cannot be opened or closed.
pub fn write_down(dir: &Path, how: Option<&str>) {
    let options = Journal::options().share_values(how == Some(SHARES));
    let journal = options.open(dir).expect("the journal opens");
    let mut agent = Agent::new(journal.clone());
    let answer = |text: &str| {
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{text}")
            .and_then(|()| stdout.flush())
            .expect("somebody listens");
    };
    answer("open");
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("the lines are text");
        let event: Value = serde_json::from_str(&line).expect("the lines are JSON");
        let outcome = match event.get("agent") {
            Some(_) => agent.take(&event),
            None => journal.append_json(&line).map(|_| ()),
        };
        match outcome {
            Ok(()) => answer("written"),
            Err(error) => answer(&format!("refused: {error}")),
        }
    }
    drop(agent);
    journal.close().expect("the journal closes");
}

const SHARES: &str = "share-values";
