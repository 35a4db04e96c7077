//! The demo's watching side: starts the worker, believes only its acknowledgements, kills it.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{CliError, Result, failed};
use crate::escape::one_line;
use crate::output::Output;

/// How many records are to come after the last tool started: it is killed in the midst of work.
const RECORDS_UNDER_TOOL: usize = 250;

/// What the worker said before it died.
pub(crate) struct Seen {
    pub(crate) pid: u32,
    /// Sequence numbers the journal acknowledged.
    pub(crate) acknowledged: Vec<u64>,
    /// Records the worker began to append; the last one may not have been acknowledged.
    pub(crate) begun: usize,
    /// The tool that was running.
    pub(crate) tool: String,
}

/// Lets a worker work until it is in the midst of its last tool, and kills it with SIGKILL.
pub(crate) fn run(dir: &Path, tree: &Path, session: &str, output: &mut Output) -> Result<Seen> {
    let program = env::current_exe().map_err(|error| failed("find this program", &error))?;
    let mut worker = Command::new(program)
        .arg("demo-worker")
        .args([dir, tree])
        .arg(session)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed("start the worker", &error))?;
    let pipe = worker.stdout.take().expect("the pipe was asked for");
    let mut seen = Seen {
        pid: worker.id(),
        acknowledged: Vec::new(),
        begun: 0,
        tool: String::new(),
    };
    output.line(&format!(
        "Worker {} reads {} and journals every step.",
        seen.pid,
        tree.display()
    ))?;
    output.line("")?;
    let mut until_kill = None;
    let mut was_killed = false;
    for line in BufReader::new(pipe).split(b'\n') {
        let line = line.map_err(|error| failed("read from the worker", &error))?;
        let line = String::from_utf8_lossy(&line);
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("begin", _) => seen.begun += 1,
            ("ack", seq) => {
                seen.acknowledged.extend(seq.parse::<u64>());
                until_kill = until_kill.map(|left: usize| left.saturating_sub(1));
            }
            ("say", words) if !was_killed => output.line(&format!("  {}", one_line(words)))?,
            ("running", tool) => {
                tool.clone_into(&mut seen.tool);
                output.line(&format!("  ▸ {} …", one_line(tool)))?;
                until_kill = Some(RECORDS_UNDER_TOOL);
            }
            _ => {}
        }
        if until_kill == Some(0) && !was_killed {
            output.finish()?;
            worker
                .kill()
                .map_err(|error| failed("kill the worker", &error))?;
            was_killed = true;
        }
    }
    let status = worker
        .wait()
        .map_err(|error| failed("wait for the worker", &error))?;
    if !was_killed {
        return Err(CliError::CouldNot(format!(
            "the worker gave up by itself: {status}"
        )));
    }
    Ok(seen)
}
