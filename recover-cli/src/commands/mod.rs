//! The commands: each calls the library and renders.

mod cat;
mod demo;
mod exit;
mod export;
mod grep;
mod ingest;
mod list;
mod places;
mod recover;
mod session_id;
mod show;
mod stats;
mod status;
mod trouble;
mod verify;

use clap::CommandFactory;

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
        Command::Grep(args) => grep::run(&args, dirs, output),
        Command::Stats(args) => stats::run(&args, dirs, output),
        Command::Export(args) => export::run(&args, dirs, output),
        Command::Completion { shell } => completion(shell, output),
        Command::Cat(args) => cat::run(&args, dirs, output),
        Command::Recover(args) => recover::run(&args, dirs, output),
        Command::Ingest(args) => ingest::run(&args),
        Command::Demo { dir } => demo::run(dir.as_deref(), output),
        Command::DemoWorker { dir, tree, session } => demo::agent::run(&dir, &tree, &session),
    }
}

/// Prints the completions of a shell.
fn completion(shell: clap_complete::Shell, output: &mut Output) -> Result<ExitStatus> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "trace-recover", &mut text);
    output.bytes(&text)?;
    Ok(ExitStatus::Done)
}

/// Whether a verb prints text that may be long, to be read from its start.
fn may_page(command: &Command) -> bool {
    match command {
        Command::Status(args) => !args.json && !args.short,
        Command::Show(args) => !args.json,
        Command::Verify(args) => !args.json,
        Command::List(args) => !args.json,
        Command::Grep(args) => !args.json,
        Command::Stats(args) => !args.json && !args.csv,
        Command::Cat(_) => true,
        _ => false,
    }
}
