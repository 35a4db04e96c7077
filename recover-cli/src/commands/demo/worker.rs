//! The demo's working side: reads a real tree with real commands, and journals what it does.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;
use trace_journal::{Channel, Journal, Kind, Session, Span, Status, Tokens, Written};

use super::pipe::Watcher;
use super::tools::{self, Counted};
use super::{failed, tree};
use crate::failure::{Exit, Failure, Outcome, could_not};

/// Runs until it is killed, or until nobody watches.
pub(crate) fn run(dir: &Path, tree: &Path, session: &str) -> Outcome<Exit> {
    let journal = Journal::options()
        .program("trace-recover demo", env!("CARGO_PKG_VERSION"))
        .open(dir)
        .map_err(could_not)?;
    let files = tree::files(tree);
    let watcher = Watcher;
    watcher.begin()?;
    let session = journal
        .session(session)
        .name("read a directory tree")
        .meta("title", format!("What is in {}?", tree.display()))
        .meta(
            "prompt",
            "Walk the tree, count everything, tell me what you find.",
        )
        .start();
    watcher.ack(session.started())?;
    let work = Work {
        session,
        watcher,
        tree: tree.to_owned(),
        files,
    };
    work.look_around()?;
    work.read_folders()?;
    work.count_for_ever()
}

/// The worker's session and what it works on.
pub(super) struct Work {
    session: Session,
    pub(super) watcher: Watcher,
    pub(super) tree: PathBuf,
    files: Vec<PathBuf>,
}

impl Work {
    /// First generation: what a person would type first.
    fn look_around(&self) -> Outcome<()> {
        let plan = "I'll look at the tree first, then read it folder by folder.";
        let generation = self.generation("look around", plan)?;
        for (command, args) in [
            ("ls", &["-A"][..]),
            ("du", &["-sk"][..]),
            ("find", &["-maxdepth", "1", "-type", "d"][..]),
        ] {
            tools::run_command(self, &generation, command, args)?;
        }
        self.end_generation(&generation, plan.len())
    }

    /// Second generation: every file is read; one tool span a folder.
    fn read_folders(&self) -> Outcome<()> {
        let plan = "Now every file, folder by folder.";
        let generation = self.generation("read everything", plan)?;
        let mut read = plan.len();
        for (folder, files) in tree::by_folder(&self.tree, &self.files) {
            let total = tools::read_folder(self, &generation, &folder, &files)?;
            read += usize::try_from(total.words).unwrap_or(0);
        }
        self.end_generation(&generation, read)
    }

    /// Third generation: a command that gets the files again and again; only a kill ends it.
    fn count_for_ever(&self) -> Outcome<Exit> {
        let generation = self.generation("count", "Let me double-check with a second opinion.")?;
        let Some((name, mut child)) = tools::counting_command() else {
            return Err(Failure::CouldNot("found no command to run".to_owned()));
        };
        let input = json!({"stdin": "every file of the tree, again and again"});
        let tool = self.start_tool(&generation, &name, &input)?;
        self.watcher.send(&format!("running {name}"))?;
        let mut stdin = child.stdin.take().expect("the pipe was asked for");
        let mut fed = Counted::default();
        for pass in 1_u32.. {
            for path in &self.files {
                let Ok((bytes, counted)) = tools::count(path) else {
                    continue;
                };
                let written = stdin.write_all(&bytes);
                written.map_err(|error| failed(&name, &error))?;
                fed.add(counted);
                let path = tree::relative(&self.tree, path);
                let line = format!("pass {pass}: {} lines up to {path}\n", fed.lines);
                self.noted(|| tool.text_on(Channel::STDOUT, &line))?;
            }
        }
        Ok(Exit::Done)
    }

    fn generation(&self, name: &str, says: &str) -> Outcome<Span> {
        self.watcher.begin()?;
        let span = self.session.span(name).kind(Kind::GENERATION);
        let span = span.model("local", "walker-1").start();
        self.watcher.ack_start(&span)?;
        for word in says.split_inclusive(' ') {
            self.noted(|| span.text(word))?;
        }
        Ok(span)
    }

    fn end_generation(&self, span: &Span, read: usize) -> Outcome<()> {
        let count = |len: usize| i64::try_from(len).unwrap_or(i64::MAX);
        let tokens = Tokens {
            input: count(read / 4).into(),
            output: count(read / 40).into(),
            ..Tokens::default()
        };
        let finish = span.finish().tokens(tokens).reason("tool-calls");
        self.noted(|| finish.end(Status::Ok))
    }

    /// Starts a tool span below `parent`.
    pub(super) fn start_tool(
        &self,
        parent: &Span,
        name: &str,
        input: &serde_json::Value,
    ) -> Outcome<Span> {
        self.watcher.begin()?;
        let span = parent.child(name).kind(Kind::TOOL).input(input).start();
        self.watcher.ack_start(&span)?;
        Ok(span)
    }

    /// Says that a record begins, appends it, and says that it was acknowledged.
    pub(super) fn noted(&self, append: impl FnOnce() -> Written) -> Outcome<()> {
        self.watcher.begin()?;
        self.watcher.ack(append())
    }
}
