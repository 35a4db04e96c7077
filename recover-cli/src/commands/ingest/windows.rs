//! Input and signals where there are no signals: what ends the command ends it at once, and what
//! it had taken by then is there all the same.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::words::Words;
use crate::error::ExitStatus;

/// Bytes of a file, a pipe or a console.
pub(super) enum Input {
    File(File),
    Stdin(io::Stdin),
}

impl Input {
    /// Opens the file, or stdin for none and for `-`.
    pub(super) fn open(file: Option<&Path>, (): ()) -> io::Result<Input> {
        match file {
            Some(path) if path != Path::new("-") => File::open(path).map(Input::File),
            _ => Ok(Input::Stdin(io::stdin())),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::File(file) => file.read(buffer),
            Input::Stdin(stdin) => stdin.read(buffer),
        }
    }
}

/// What ends the command before its input does.
pub(super) struct Signals;

impl Signals {
    pub(super) fn watch(_: &Words) -> io::Result<Signals> {
        Ok(Signals)
    }

    pub(super) fn woken(&self) -> io::Result<()> {
        Ok(())
    }

    /// How the command ends if a signal ended it.
    pub(super) fn exit(&self) -> Option<ExitStatus> {
        None
    }

    pub(super) fn note_closed(&self) {}
}
