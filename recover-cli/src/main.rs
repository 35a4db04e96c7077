//! Recovers the sessions of a trace journal: parse, run one command, say how it went.

mod addresses;
mod args;
mod commands;
mod escape;
mod failure;
mod output;
mod quote;
mod render;
mod signals;
mod table;
mod text;
mod tree;
mod width;

use std::env;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Typed, with_verb};
use crate::failure::{Exit, Outcome};
use crate::output::{Output, say, say_failure};

fn main() -> ExitCode {
    let words = match with_verb(env::args_os().collect()) {
        Ok(words) => words,
        Err(slip) => {
            say(&format!("trace-recover: {slip}"));
            return Exit::Usage.into();
        }
    };
    let typed = match Typed::try_parse_from(words) {
        Ok(typed) => typed,
        Err(usage) => {
            // A reader of the help that goes away is no error.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let mut output = Output::new();
    let outcome = commands::run(typed.verb, &mut output);
    exit(outcome, &mut output).into()
}

/// Hands over what is still held, says what went wrong, and picks the exit code.
fn exit(outcome: Outcome<Exit>, output: &mut Output) -> Exit {
    let finished = output.finish();
    match outcome.and_then(|exit| finished.map(|()| exit)) {
        Ok(exit) => exit,
        Err(failure) => {
            say_failure(&failure);
            failure.parts().0
        }
    }
}
