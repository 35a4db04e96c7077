//! Reading the floors' frames back: positioned reads in large pieces, checksum of each payload.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::frame::path;
use crate::engine::Outcome;

/// Frames in the file of `dir`, each verified; threads share the file by ranges, so frames must
/// be equally long if there is more than one.
pub fn count_frames(dir: &Path, threads: u64) -> Outcome<u64> {
    let file = File::open(path(dir))?;
    let len = file.metadata()?.len();
    if threads == 1 {
        return count_range(&file, 0, len);
    }
    let mut head = [0; 4];
    file.read_exact_at(&mut head, 0)?;
    let frame_len = u64::from(u32::from_le_bytes(head)) + 8;
    let share = (len / frame_len).div_ceil(threads) * frame_len;
    std::thread::scope(|scope| {
        let spawn = |number| {
            let (from, to) = (number * share, len.min((number + 1) * share));
            let file = &file;
            scope.spawn(move || count_range(file, from, to))
        };
        let running: Vec<_> = (0..threads).map(spawn).collect();
        let counts = running.into_iter().map(|thread| {
            let count = thread.join();
            count.map_err(|_| "a reader panicked")?
        });
        counts.sum()
    })
}

fn count_range(file: &File, from: u64, to: u64) -> Outcome<u64> {
    let mut buffer = vec![0; PIECE_LEN];
    let (mut at, mut count) = (from, 0);
    while at < to {
        let wanted = usize::try_from(to - at)?.min(buffer.len());
        let piece = buffer.get_mut(..wanted).ok_or("a piece is too long")?;
        file.read_exact_at(piece, at)?;
        let mut rest = &*piece;
        while let Some((head, behind)) = rest.split_first_chunk::<8>() {
            let [a, b, c, d, crc @ ..] = *head;
            let len = usize::try_from(u32::from_le_bytes([a, b, c, d]))?;
            if len == 0 {
                return Ok(count);
            }
            let Some(payload) = behind.get(..len) else {
                break;
            };
            if crc32fast::hash(payload) != u32::from_le_bytes(crc) {
                return Err("checksum mismatch".into());
            }
            rest = behind.get(len..).ok_or("a frame is too long")?;
            count += 1;
        }
        let used = piece.len() - rest.len();
        if used == 0 {
            break;
        }
        at += u64::try_from(used)?;
    }
    Ok(count)
}

const PIECE_LEN: usize = 256 << 10;
