//! The commands: each calls the library and renders.

mod cat;
mod demo;
mod exit;
mod ingest;
mod list;
mod recover;
mod session_id;
mod show;
mod trouble;

use crate::args::Command;
use crate::error::{ExitStatus, Result};
use crate::output::Output;

/// Runs what was typed.
pub(crate) fn run(command: Command, output: &mut Output) -> Result<ExitStatus> {
    match command {
        Command::Demo { dir } => demo::run(dir.as_deref(), output),
        Command::Recover(args) => recover::run(&args, output),
        Command::List { dir, json } => list::run(&dir, json, output),
        Command::Show { dir, session } => show::run(&dir, &session, output),
        Command::Cat(args) => cat::run(&args, output),
        Command::Verify { dir, json } => recover::verify(&dir, json, output),
        Command::Ingest(args) => ingest::run(&args),
        Command::DemoWorker { dir, tree, session } => demo::agent::run(&dir, &tree, &session),
    }
}
