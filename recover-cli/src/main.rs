//! Recovers the sessions of a trace journal: parse, run one command, say how it went.

mod addresses;
mod args;
mod commands;
mod error;
mod escape;
mod format;
mod output;
mod quote;
mod render;
mod signals;
mod table;
mod tree;
mod width;

use std::env;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, with_command};
use crate::error::{ExitStatus, Result};
use crate::output::{Output, warn, warn_error};

fn main() -> ExitCode {
    let words = match with_command(env::args_os().collect()) {
        Ok(words) => words,
        Err(slip) => {
            warn(&format!("trace-recover: {slip}"));
            return ExitStatus::Usage.into();
        }
    };
    let typed = match Cli::try_parse_from(words) {
        Ok(typed) => typed,
        Err(usage) => {
            // A reader of the help that goes away is no error.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let mut output = Output::new();
    let outcome = commands::run(typed.command, &mut output);
    exit(outcome, &mut output).into()
}

/// Hands over what is still held, says what went wrong, and picks the exit code.
fn exit(outcome: Result<ExitStatus>, output: &mut Output) -> ExitStatus {
    let finished = output.finish();
    match outcome.and_then(|exit| finished.map(|()| exit)) {
        Ok(exit) => exit,
        Err(failure) => {
            warn_error(&failure);
            failure.parts().0
        }
    }
}
