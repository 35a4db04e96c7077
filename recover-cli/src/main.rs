//! Looks into a trace journal: parse, run one command, say how it went.

mod addresses;
mod args;
mod commands;
mod error;
mod escape;
mod format;
mod habits;
mod headline;
mod output;
mod pager;
mod place;
mod progress;
mod quote;
mod select;
#[cfg(unix)]
mod signals;
mod table;
mod time;
mod tree;
mod view;
mod width;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::Cli;
use crate::error::{CliError, ExitStatus, Result};
use crate::habits::with_verb;
use crate::output::{Output, warn_error};

fn main() -> ExitCode {
    let words = match with_verb(env::args_os().collect()) {
        Ok(words) => words,
        Err(slip) => return told(&slip).into(),
    };
    let typed = match Cli::try_parse_from(words) {
        Ok(typed) => typed,
        Err(usage) => {
            // A reader of the help that goes away is no error.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let mut output = Output::new(&typed.common);
    let outcome = commands::run(typed, &mut output);
    exit(outcome, &mut output).into()
}

/// Hands over what is still held, says what went wrong, and picks the exit code.
fn exit(outcome: Result<ExitStatus>, output: &mut Output) -> ExitStatus {
    let finished = output.finish();
    match outcome.and_then(|exit| finished.map(|()| exit)) {
        Ok(exit) => exit,
        Err(failure) => {
            let exit = told(&failure);
            if env::args_os().len() == 1 {
                let _ = write!(io::stderr(), "\n{}", Cli::command().render_help());
            }
            exit
        }
    }
}

fn told(failure: &CliError) -> ExitStatus {
    warn_error(failure);
    failure.parts().0
}
