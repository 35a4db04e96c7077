//! System calls that do less than they were asked for, or are interrupted, until all is done.

use crate::len::len_u64;
use std::io;

/// Calls `read` with what is still to be filled of `buffer` and its offset, until it is full or
/// the file ends; says how much was filled.
///
/// # Errors
/// As `read` says; an interrupted call is made again.
pub fn read_whole(
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match retry(|| read(rest, behind(offset, done)))? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

/// Calls `write` with what is still to be written of `bytes` and its offset, until it all is.
///
/// # Errors
/// As `write` says, `WriteZero` if it makes no headway; an interrupted call is made again, and so
/// is one that would block, a few times: btrfs says that now and then of a disk nearly full.
pub fn write_whole(
    mut write: impl FnMut(&[u8], u64) -> io::Result<usize>,
    bytes: &[u8],
    offset: u64,
) -> io::Result<()> {
    let (mut done, mut blocked) = (0, 0);
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match retry(|| write(rest, behind(offset, done))) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && blocked < BLOCKED_MAX => {
                blocked += 1;
                std::thread::yield_now();
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes a call again as long as a signal interrupts it.
///
/// # Errors
/// As the call says.
pub fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            settled => return settled,
        }
    }
}

/// How often a write may say that it would block before that is an error.
const BLOCKED_MAX: u32 = 1000;

fn behind(offset: u64, done: usize) -> u64 {
    offset.saturating_add(len_u64(done))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that is interrupted at every second call and gives or takes three bytes at most.
    struct Slow {
        bytes: Vec<u8>,
        calls: u32,
    }

    impl Slow {
        fn next(&mut self) -> io::Result<()> {
            self.calls += 1;
            match self.calls % 2 {
                1 => Err(io::ErrorKind::Interrupted.into()),
                _ => Ok(()),
            }
        }
    }

    #[test]
    fn short_and_interrupted_calls_read_everything() {
        let mut file = Slow {
            bytes: (0..20).collect(),
            calls: 0,
        };
        let mut buffer = [0; 30];
        let read = |buffer: &mut [u8], offset: u64| {
            file.next()?;
            let rest = &file.bytes[usize::try_from(offset).unwrap()..];
            let count = rest.len().min(buffer.len()).min(3);
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        };
        assert_eq!(read_whole(read, &mut buffer, 4).unwrap(), 16);
        assert_eq!(buffer[..16], (4..20).collect::<Vec<u8>>());
    }

    #[test]
    fn short_and_interrupted_calls_write_everything() {
        let mut file = Slow {
            bytes: Vec::new(),
            calls: 0,
        };
        let write = |bytes: &[u8], offset: u64| {
            file.next()?;
            assert_eq!(usize::try_from(offset).unwrap(), file.bytes.len());
            let count = bytes.len().min(3);
            file.bytes.extend(&bytes[..count]);
            Ok(count)
        };
        write_whole(write, b"all of these", 0).unwrap();
        assert_eq!(file.bytes, b"all of these");
        let stuck = write_whole(|_, _| Ok(0), b"x", 0);
        assert_eq!(stuck.unwrap_err().kind(), io::ErrorKind::WriteZero);
    }

    #[test]
    fn a_write_that_would_block_is_made_again_but_not_for_ever() {
        let mut left = 3;
        let written = write_whole(
            |bytes, _| match left {
                0 => Ok(bytes.len()),
                _ => {
                    left -= 1;
                    Err(io::ErrorKind::WouldBlock.into())
                }
            },
            b"bytes",
            0,
        );
        assert!(written.is_ok());
        let never = write_whole(|_, _| Err(io::ErrorKind::WouldBlock.into()), b"bytes", 0);
        assert_eq!(never.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
