//! The `trace-recover` command on a terminal of so many columns, as a person sees it.

use std::env;
use std::ffi::OsStr;
use std::io::Read;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::command::program;

/// What came to a terminal.
#[derive(Debug)]
pub struct Seen {
    /// The exit code.
    pub code: u32,
    /// All that was written, with its colours.
    pub bytes: Vec<u8>,
    /// The same as text without colours and carriage returns.
    pub text: String,
}

/// Runs the command on a terminal of so many columns; colours are off unless asked for.
///
/// # Panics
/// If there is no terminal to be had, or the command does not start.
pub fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>, columns: u16) -> Seen {
    run_with(args, (columns, ROWS), &[("TERM", "dumb"), ("PAGER", "cat")])
}

const ROWS: u16 = 200;

/// As [`run`], on a terminal of columns and rows, with variables of the environment.
///
/// # Panics
/// As [`run`].
pub fn run_with<A: AsRef<OsStr>>(
    args: impl IntoIterator<Item = A>,
    (columns, rows): (u16, u16),
    variables: &[(&str, &str)],
) -> Seen {
    let size = PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    };
    let pair = native_pty_system().openpty(size).expect("a terminal");
    let mut command = CommandBuilder::new(program());
    args.into_iter().for_each(|arg| command.arg(arg));
    command.cwd(env::temp_dir());
    for name in ["COLUMNS", "NO_COLOR", "CLICOLOR_FORCE", "LESS"] {
        command.env_remove(name);
    }
    for (name, value) in variables {
        command.env(name, value);
    }
    let mut child = pair
        .slave
        .spawn_command(command)
        .expect("the command starts");
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().expect("a terminal is read");
    let mut bytes = Vec::new();
    // At the end a terminal is an error to read on Linux.
    let _ = reader.read_to_end(&mut bytes);
    let status = child.wait().expect("the command ends");
    let text = String::from_utf8_lossy(&bytes).replace('\r', "");
    Seen {
        code: status.exit_code(),
        bytes,
        text,
    }
}
