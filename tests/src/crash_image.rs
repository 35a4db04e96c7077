//! What a disk may hold after the power went, rebuilt from the record of what happened to it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, fallocate};

use crate::device::Happened;
use crate::random::Random;

/// What became of the writes after the last flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Model {
    /// All of them are there.
    Prefix,
    /// None is.
    Nothing,
    /// Some are, in any order.
    Subset,
    /// Of each, any of its sectors may be.
    Torn,
}

impl Model {
    /// All of them.
    pub const ALL: [Model; 4] = [Model::Prefix, Model::Nothing, Model::Subset, Model::Torn];
}

/// A disk's bytes, those that are not zero.
#[derive(Clone, Debug, Default)]
pub struct Bytes {
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Bytes {
    /// Reads a file.
    ///
    /// # Errors
    /// As the system says.
    pub fn read(file: &File) -> io::Result<Bytes> {
        let mut all = Bytes::default();
        let len = file.metadata()?.len();
        let mut part = vec![0; 1 << 20];
        let mut offset = 0;
        while offset < len {
            let count = file.read_at(&mut part, offset)?;
            all.write(offset, part.get(..count).unwrap_or(&[]));
            offset += u64::try_from(count).map_err(io::Error::other)?.max(1);
        }
        Ok(all)
    }

    /// Overwrites bytes.
    ///
    /// # Panics
    /// If the offset is no place in memory.
    pub fn write(&mut self, offset: u64, mut bytes: &[u8]) {
        let mut at = offset;
        while !bytes.is_empty() {
            let (number, within) = (at / PAGE_LEN, at % PAGE_LEN);
            let within = usize::try_from(within).expect("less than a page");
            let len = bytes.len().min(PAGE - within);
            let (now, later) = bytes.split_at(len);
            let is_blank = now.iter().all(|byte| *byte == 0);
            if !is_blank || self.pages.contains_key(&number) {
                let page = self.pages.entry(number).or_insert_with(|| vec![0; PAGE]);
                page[within..within + len].copy_from_slice(now);
            }
            at += u64::try_from(len).expect("less than a page");
            bytes = later;
        }
    }

    /// Makes a file hold these bytes and nothing else.
    ///
    /// # Errors
    /// As the system says.
    pub fn put(&self, file: &File) -> io::Result<()> {
        let len = file.metadata()?.len();
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(file, hole, 0, len)?;
        for (number, page) in &self.pages {
            file.write_all_at(page, number * PAGE_LEN)?;
        }
        Ok(())
    }
}

/// A record that is gone through from its beginning, and what the disk is sure to hold there.
#[derive(Clone, Debug)]
pub struct Past<'a> {
    happened: &'a [Happened],
    safe: Bytes,
    /// Everything before this is in `safe`.
    safe_to: usize,
}

impl<'a> Past<'a> {
    /// The beginning of a record, on a disk that held these bytes.
    #[must_use]
    pub fn new(before: Bytes, happened: &'a [Happened]) -> Past<'a> {
        Past {
            happened,
            safe: before,
            safe_to: 0,
        }
    }

    /// Puts into `file` what the disk may hold if the power goes after `count` happenings; these
    /// cuts must not go backwards.
    ///
    /// # Errors
    /// As the system says.
    pub fn cut(
        &mut self,
        count: usize,
        model: Model,
        random: &mut Random,
        file: &File,
    ) -> io::Result<()> {
        let before = self.happened.get(..count).unwrap_or(self.happened);
        let flushed = before.iter().rposition(|what| *what == Happened::Flush);
        let flushed = flushed.unwrap_or(0).max(self.safe_to);
        for (offset, bytes) in writes(before.get(self.safe_to..flushed)) {
            self.safe.write(offset, bytes);
        }
        self.safe_to = flushed;
        self.safe.put(file)?;
        for (offset, bytes) in writes(before.get(flushed..)) {
            match model {
                Model::Prefix => file.write_all_at(bytes, offset)?,
                Model::Subset if random.once_in(2) => file.write_all_at(bytes, offset)?,
                Model::Nothing | Model::Subset => {}
                Model::Torn => {
                    let places = (offset..).step_by(SECTOR);
                    for (at, sector) in places.zip(bytes.chunks(SECTOR)) {
                        if random.once_in(2) {
                            file.write_all_at(sector, at)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// What each writer was told is durable within the first `count` happenings.
    #[must_use]
    pub fn durable(&self, count: usize) -> BTreeMap<u64, u64> {
        let mut durable = BTreeMap::new();
        for happened in self.happened.iter().take(count) {
            if let Happened::Mark { writer, seq } = happened {
                let last = durable.entry(*writer).or_insert(0);
                *last = (*last).max(*seq);
            }
        }
        durable
    }
}

fn writes(happened: Option<&[Happened]>) -> impl Iterator<Item = (u64, &[u8])> {
    let all = happened.unwrap_or(&[]).iter();
    all.filter_map(|happened| match happened {
        Happened::Write { offset, bytes } => Some((*offset, bytes.as_slice())),
        _ => None,
    })
}

const PAGE_LEN: u64 = 4096;
const PAGE: usize = 4096;
const SECTOR: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(count: usize, model: Model) -> Vec<u8> {
        let write = |offset, byte| Happened::Write {
            offset,
            bytes: vec![byte; 1024],
        };
        let happened = [write(0, 1), Happened::Flush, write(0, 2), write(4000, 3)];
        let mut before = Bytes::default();
        before.write(2048, &[9]);
        let file = tempfile::tempfile().unwrap();
        file.set_len(8192).unwrap();
        let mut past = Past::new(before, &happened);
        past.cut(count, model, &mut Random::new(1), &file).unwrap();
        let mut bytes = vec![0; 8192];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn what_was_flushed_is_always_there_and_the_rest_as_the_model_says() {
        let some = |bytes: &[u8]| [0, 2048, 4000, 5023].map(|at| bytes[at]);
        assert_eq!(some(&cut(0, Model::Prefix)), [0, 9, 0, 0]);
        for model in Model::ALL {
            assert_eq!(some(&cut(2, model)), [1, 9, 0, 0]);
        }
        assert_eq!(some(&cut(4, Model::Nothing)), [1, 9, 0, 0]);
        assert_eq!(some(&cut(3, Model::Prefix)), [2, 9, 0, 0]);
        assert_eq!(some(&cut(4, Model::Prefix)), [2, 9, 3, 3]);
    }

    #[test]
    fn a_torn_write_keeps_whole_sectors() {
        let bytes = cut(4, Model::Torn);
        for sector in bytes[..1024].chunks(512) {
            assert!(sector.iter().all(|byte| *byte == sector[0]));
        }
        assert!(bytes[..1024].iter().all(|byte| [1, 2].contains(byte)));
    }
}
