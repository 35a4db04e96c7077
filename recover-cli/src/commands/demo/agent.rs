//! The demo's working side: reads a real tree with real commands, and journals what it does.

use std::io::Write;
use std::path::Path;

use serde_json::json;
use trace_journal::{Channel, Journal};

use super::protocol::Watcher;
use super::session::Work;
use super::tools::{self, Counted};
use super::walk;
use crate::error::{CliError, ExitStatus, Result, could_not, failed};

/// Runs until it is killed, or until it is not watched any more.
pub(crate) fn run(dir: &Path, tree: &Path, session: &str) -> Result<ExitStatus> {
    let journal = Journal::options()
        .program("trace-recover demo", env!("CARGO_PKG_VERSION"))
        .open(dir)
        .map_err(could_not)?;
    let files = walk::files(tree);
    let watcher = Watcher;
    watcher.begin()?;
    let session = journal
        .session(session)
        .name("read a directory tree")
        .set("title", format!("What is in {}?", tree.display()))
        .set(
            "prompt",
            "Walk the tree, count everything, tell me what you find.",
        )
        .start();
    session
        .started()
        .map_or(Ok(()), |written| watcher.ack(written))?;
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

impl Work {
    /// First generation: what a person would type first.
    fn look_around(&self) -> Result<()> {
        let plan = "I'll look at the tree first, then read it folder by folder.";
        let generation = self.generation("look around", plan)?;
        let some = self
            .files
            .iter()
            .take(20)
            .map(|path| walk::relative(&self.tree, path));
        let some: Vec<String> = some.collect();
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        for (command, args) in [
            ("ls", &["-A"][..]),
            ("df", &["-k", "."]),
            ("wc", &[&["-l", "--"], &some[..]].concat()),
        ] {
            tools::run_command(self, &generation, command, args)?;
        }
        self.end_generation(&generation, plan.len())
    }

    /// Second generation: every file is read; one tool span a folder.
    fn read_folders(&self) -> Result<()> {
        let plan = "Now every file, folder by folder.";
        let generation = self.generation("read everything", plan)?;
        let mut read = plan.len();
        for (folder, files) in walk::by_folder(&self.tree, &self.files) {
            let total = tools::read_folder(self, &generation, &folder, &files)?;
            read += usize::try_from(total.words).unwrap_or(0);
        }
        self.end_generation(&generation, read)
    }

    /// Third generation: a command that gets the files again and again; only a kill ends it.
    fn count_for_ever(&self) -> Result<ExitStatus> {
        let generation = self.generation("count", "Let me double-check with a second opinion.")?;
        let Some((name, mut child)) = tools::counting_command() else {
            return Err(CliError::CouldNot("found no command to run".to_owned()));
        };
        let input = json!({"stdin": "every file of the tree, again and again"});
        let tool = self.start_tool(&generation, &name, &input)?;
        self.watcher.send(&format!("running {name}"))?;
        let mut stdin = child.stdin.take().expect("the pipe was asked for");
        let mut fed = Counted::default();
        for pass in 1_u32.. {
            // Also where no file can be read: the supervisor waits for records.
            self.noted(|| tool.set("passes", i64::from(pass)))?;
            for path in &self.files {
                let Ok((bytes, counted)) = tools::count(path) else {
                    continue;
                };
                let written = stdin.write_all(&bytes);
                written.map_err(|error| failed(&name, &error))?;
                fed.add(counted);
                let path = walk::relative(&self.tree, path);
                let line = format!("pass {pass}: {} lines up to {path}\n", fed.lines);
                self.noted(|| tool.text_on(Channel::STDOUT, &line))?;
            }
        }
        Ok(ExitStatus::Done)
    }
}
