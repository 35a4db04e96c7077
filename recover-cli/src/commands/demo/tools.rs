//! The tools of the demo's worker: real commands and real files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::json;
use trace_journal::{Channel, Span, SpanStatus, Value};

use super::session::Work;
use super::walk;
use crate::error::{Result, failed};
use crate::format::{counted, duration};
use crate::width::cut;

/// Larger files are listed, not read: the demo is to be over soon.
const FILE_LEN_MAX: u64 = 1 << 20;

/// Columns of a command shown while it runs.
const COMMAND_COLUMNS_MAX: usize = 40;

/// Lines of a command's output that are kept.
const OUTPUT_LINES_MAX: usize = 200;

/// A real command as a tool span; one that this machine lacks is left out.
pub(super) fn run_command(work: &Work, parent: &Span, name: &str, args: &[&str]) -> Result<()> {
    let started = Instant::now();
    let child = Command::new(name)
        .args(args)
        .current_dir(&work.tree)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(child) = child else { return Ok(()) };
    let span = work.start_tool(parent, name, &json!({ "args": args }))?;
    let done = child.wait_with_output();
    let done = done.map_err(|error| failed(name, &error))?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    for line in text.split_inclusive('\n').take(OUTPUT_LINES_MAX) {
        work.noted(|| span.text_on(Channel::STDOUT, line))?;
    }
    let code = done.status.code().unwrap_or(-1);
    work.noted(|| span.set("exit_code", i64::from(code)))?;
    let status = match done.status.success() {
        true => SpanStatus::Ok,
        false => SpanStatus::Error,
    };
    work.noted(|| span.end(status))?;
    let took = duration(started.elapsed().as_nanos());
    let typed = cut(&format!("{name} {}", args.join(" ")), COMMAND_COLUMNS_MAX);
    work.watcher.send(&format!("say ✓ {typed}  {took}"))
}

/// Reads the files of a folder as one tool span, and says of each what it counted.
pub(super) fn read_folder(
    work: &Work,
    parent: &Span,
    folder: &str,
    files: &[&PathBuf],
) -> Result<Counted> {
    let started = Instant::now();
    let input = json!({ "folder": folder });
    let span = work.start_tool(parent, &format!("read {folder}"), &input)?;
    let mut total = Counted::default();
    for path in files {
        let name = walk::relative(&work.tree, path);
        let line = match count(path) {
            Ok((_, counted)) => {
                total.add(counted);
                format!("{name}: {}\n", line_count(counted.lines))
            }
            Err(error) => format!("{name}: {error}\n"),
        };
        work.noted(|| span.text(&line))?;
    }
    let count = u64::try_from(files.len()).unwrap_or(u64::MAX);
    work.noted(|| span.set("files", count))?;
    work.noted(|| span.set("bytes", total.bytes))?;
    work.noted(|| span.end_with(SpanStatus::Ok, Value::from(total.lines)))?;
    let (files, lines) = (counted(count, "file", "files"), line_count(total.lines));
    let took = duration(started.elapsed().as_nanos());
    let line = format!("say ✓ read {folder}  {files}, {lines}, {took}");
    work.watcher.send(&line)?;
    Ok(total)
}

/// A command that counts what it is given until its input ends, with its input open.
pub(super) fn counting_command() -> Option<(String, Child)> {
    let candidates = [
        ("wc", &[][..]),
        ("cksum", &[][..]),
        ("grep", &["-c", "."][..]),
    ];
    candidates.iter().find_map(|(command, args)| {
        let child = Command::new(command)
            .args(*args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        child.ok().map(|child| ((*command).to_owned(), child))
    })
}

/// What was counted in a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) lines: u64,
    pub(super) words: u64,
    pub(super) bytes: u64,
}

impl Counted {
    /// Adds the counts of another file.
    pub(super) fn add(&mut self, other: Counted) {
        self.lines += other.lines;
        self.words += other.words;
        self.bytes += other.bytes;
    }
}

/// Reads a file and counts.
pub(super) fn count(path: &Path) -> io::Result<(Vec<u8>, Counted)> {
    let len = fs::metadata(path)?.len();
    if len > FILE_LEN_MAX {
        return Err(io::Error::other("too large to read in a demo"));
    }
    let bytes = fs::read(path)?;
    let words = bytes.split(u8::is_ascii_whitespace);
    let words = words.filter(|word| !word.is_empty());
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let counted = Counted {
        lines: number(bytes.iter().filter(|byte| **byte == b'\n').count()),
        words: number(words.count()),
        bytes: number(bytes.len()),
    };
    Ok((bytes, counted))
}

fn line_count(count: u64) -> String {
    counted(count, "line", "lines")
}
