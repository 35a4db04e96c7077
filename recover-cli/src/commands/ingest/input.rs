//! The input: waited for together with the signal that ends the command.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// Bytes of a file, a pipe or a terminal; they end early when the command is to end.
pub(super) struct Input {
    source: File,
    /// Becomes readable when the command is to end.
    woken: UnixStream,
}

impl Input {
    /// Opens the file, or stdin for none and for `-`.
    ///
    /// A named pipe is not waited for here: its writer may come late, or never.
    pub(super) fn open(file: Option<&Path>, woken: UnixStream) -> io::Result<Input> {
        let source = match file {
            Some(path) if path != Path::new("-") => {
                let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
                let mut options = File::options();
                options.read(true).custom_flags(flags).open(path)?
            }
            _ => File::from(io::stdin().as_fd().try_clone_to_owned()?),
        };
        Ok(Input { source, woken })
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = [
                PollFd::new(&self.source, PollFlags::IN),
                PollFd::new(&self.woken, PollFlags::IN),
            ];
            match poll(&mut ready, None) {
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
                Ok(_) if !ready[1].revents().is_empty() => return Ok(0),
                Ok(_) => {}
            }
            // Another process may share the pipe, have made it non-blocking, and have read first.
            match self.source.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}
