//! Lines of bytes, bounded in length.

use std::io::{self, BufRead, Read};

/// Reads lines: any bytes up to a newline; the last one may lack it.
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    limit: u64,
}

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    Line(&'a [u8]),
    TooLong,
    End,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `input`, each at most `limit` bytes long.
    pub(crate) fn new(input: R, limit: u64) -> Lines<R> {
        Lines {
            input,
            line: Vec::new(),
            limit,
        }
    }

    /// The next line without its newline.
    pub(crate) fn next(&mut self) -> io::Result<Next<'_>> {
        self.line.clear();
        let mut bounded = self.input.by_ref().take(self.limit.saturating_add(1));
        if bounded.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(Next::End);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if bounded.limit() == 0 {
            self.input.skip_until(b'\n')?;
            return Ok(Next::TooLong);
        }
        Ok(Next::Line(&self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_but_the_newline_is_kept() {
        let mut lines = Lines::new(&b"a\r\n\n\xff\0\nlast"[..], 8);
        for line in [&b"a\r"[..], b"", b"\xff\0", b"last"] {
            assert_eq!(lines.next().unwrap(), Next::Line(line));
        }
        assert_eq!(lines.next().unwrap(), Next::End);
    }

    #[test]
    fn a_long_line_is_skipped_whole() {
        let mut lines = Lines::new(&b"1234\n12345\nab"[..], 4);
        assert_eq!(lines.next().unwrap(), Next::Line(b"1234"));
        assert_eq!(lines.next().unwrap(), Next::TooLong);
        assert_eq!(lines.next().unwrap(), Next::Line(b"ab"));
        assert_eq!(lines.next().unwrap(), Next::End);
    }
}
