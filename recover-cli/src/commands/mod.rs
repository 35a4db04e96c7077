//! The commands: each calls the library and renders.

mod cat;
mod demo;
mod exit;
mod ingest;
mod list;
mod places;
mod recover;
mod session_id;
mod show;
mod status;
mod trouble;
mod verify;

use crate::args::{Cli, Command};
use crate::error::{ExitStatus, Result};
use crate::output::Output;

/// Runs what was typed.
pub(crate) fn run(cli: Cli, output: &mut Output) -> Result<ExitStatus> {
    if !cli.common.no_pager && may_page(&cli.command) {
        output.page();
    }
    let dirs = &cli.common.dirs;
    match cli.command {
        Command::Status(args) => status::run(&args, dirs, output),
        Command::Show(args) => show::run(&args, dirs, output),
        Command::Verify(args) => verify::run(&args, dirs, output),
        Command::List(args) => list::run(&args, dirs, output),
        Command::Cat(args) => cat::run(&args, dirs, output),
        Command::Recover(args) => recover::run(&args, dirs, output),
        Command::Ingest(args) => ingest::run(&args),
        Command::Demo { dir } => demo::run(dir.as_deref(), output),
        Command::DemoWorker { dir, tree, session } => demo::agent::run(&dir, &tree, &session),
    }
}

/// Whether a verb prints text that may be long, to be read from its start.
fn may_page(command: &Command) -> bool {
    match command {
        Command::Status(args) => !args.json && !args.short,
        Command::Show(args) => !args.json,
        Command::Verify(args) => !args.json,
        Command::List(args) => !args.json,
        Command::Cat(args) => !args.follow,
        _ => false,
    }
}
