//! The frame all floors write.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::Mapped;
use crate::engine::Outcome;

/// Length and checksum in front of a payload.
pub fn frame(payload: &[u8]) -> Outcome<[u8; 8]> {
    let len = u32::try_from(payload.len())?.to_le_bytes();
    let crc = crc32fast::hash(payload).to_le_bytes();
    Ok([
        len[0], len[1], len[2], len[3], crc[0], crc[1], crc[2], crc[3],
    ])
}

/// Copies the frame of a payload into a mapped file and gives the place behind it.
pub fn put(map: &mut Mapped, from: usize, payload: &[u8]) -> Outcome<usize> {
    let to = from + frame_len(payload.len());
    let room = map.bytes().get_mut(from..to).ok_or("the file is full")?;
    let (head, rest) = room.split_at_mut(8);
    head.copy_from_slice(&frame(payload)?);
    rest.copy_from_slice(payload);
    Ok(to)
}

/// Bytes of the frame of a payload of this length.
pub fn frame_len(payload_len: usize) -> usize {
    payload_len + 8
}

/// The one file a floor writes.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("floor")
}

/// A file of zeros, written in single pages and synced: its blocks are allocated and written.
pub fn zeroed(dir: &Path, len: u64) -> Outcome<File> {
    let options = File::options().read(true).write(true).create(true).clone();
    let file = options.open(path(dir))?;
    for page in 0..len.div_ceil(4096) {
        file.write_all_at(&[0; 4096], page * 4096)?;
    }
    file.sync_all()?;
    File::open(dir)?.sync_all()?;
    Ok(file)
}
