//! What befalls files between a crash and the next start: bits rot, files vanish, shrink, grow,
//! are copied, swapped and renamed.

use std::collections::BTreeMap;

use trace_journal::RunId;
use trace_journal::format::FileName;
use trace_journal::format::SegmentNumber;

use super::disk::SimDisk;
use super::file::SECTOR;
use super::image::Image;
use crate::random::Random;

type Files = BTreeMap<String, Image>;

impl SimDisk {
    /// The disk after a few such things, and what they were.
    #[must_use]
    pub fn with_rot(&self, random: &mut Random) -> (SimDisk, Vec<String>) {
        let mut files = self.images();
        let mut done = Vec::new();
        for _ in 0..random.within(1, 3) {
            done.extend(rot(&mut files, random));
        }
        (SimDisk::of(files, Random::new(random.draw())), done)
    }
}

/// Does one thing; gives what it was, if it could be done.
fn rot(files: &mut Files, random: &mut Random) -> Option<String> {
    let name = pick(files, random)?;
    let len = files.get(&name)?.len();
    match random.below(12) {
        0..=2 => {
            let at = flip(files.get_mut(&name)?, random)?;
            Some(format!("{name}: bits of byte {at} flip"))
        }
        3 | 4 => {
            let sector = sector_in(files.get(&name)?, random)?;
            put(files.get_mut(&name)?, sector, &[0; SECTOR]);
            Some(format!("{name}: sector {sector} is zeros"))
        }
        5 => {
            let other = pick(files, random)?;
            let source = files.get(&other)?.bytes();
            let from = below(random, source.len().div_ceil(SECTOR));
            let bytes = source.get(from * SECTOR..)?;
            let bytes = bytes.get(..SECTOR).unwrap_or(bytes).to_vec();
            let to = sector_in(files.get(&name)?, random)?;
            put(files.get_mut(&name)?, to, &bytes);
            Some(format!("{name}: sector {to} is sector {from} of {other}"))
        }
        6 => {
            files.remove(&name);
            Some(format!("{name} vanishes"))
        }
        7 | 8 => {
            let cut = match random.below(3) {
                0 => below(random, len + 1),
                1 => below(random, len + 1) / SECTOR * SECTOR,
                _ => len + below(random, 2 * SECTOR),
            };
            files.get_mut(&name)?.change().resize(cut, 0);
            Some(format!("{name}: {len} bytes become {cut}"))
        }
        9 => {
            let to = other_name(&name, random)?;
            let image = files.get(&name)?.clone();
            let over = files.insert(to.clone(), image).is_some();
            Some(format!("{name} is copied to {to}, over another: {over}"))
        }
        10 => {
            let other = pick(files, random)?;
            let (one, two) = (files.get(&name)?.clone(), files.get(&other)?.clone());
            files.insert(name.clone(), two);
            files.insert(other.clone(), one);
            Some(format!("{name} and {other} are swapped"))
        }
        _ => {
            let to = other_name(&name, random)?;
            let image = files.remove(&name)?;
            let over = files.insert(to.clone(), image).is_some();
            Some(format!("{name} becomes {to}, over another: {over}"))
        }
    }
}

/// A file, a segment mostly.
fn pick(files: &Files, random: &mut Random) -> Option<String> {
    let is_any = random.once_in(8);
    let names = files.keys().filter(|n| is_any || n.ends_with(".seg"));
    let names: Vec<&String> = names.collect();
    random.pick(&names).map(|name| (*name).clone())
}

/// Flips bits of one byte, one that is not zero mostly: zeros are what a segment has most of.
fn flip(image: &mut Image, random: &mut Random) -> Option<usize> {
    let at = filled(image, random)?;
    let mask = 1 << random.below(8);
    if let Some(byte) = image.change().get_mut(at) {
        *byte ^= mask;
    }
    Some(at)
}

fn sector_in(image: &Image, random: &mut Random) -> Option<usize> {
    filled(image, random).map(|at| at / SECTOR)
}

fn filled(image: &Image, random: &mut Random) -> Option<usize> {
    let bytes = image.bytes();
    let mut at = below(random, bytes.len());
    for _ in 0..TRIES {
        match bytes.get(at)? {
            0 => at = below(random, bytes.len()),
            _ => break,
        }
    }
    Some(at)
}

fn put(image: &mut Image, sector: usize, bytes: &[u8]) {
    let from = sector * SECTOR;
    let to = image.len().min(from + bytes.len());
    let place = image.change().get_mut(from..to).unwrap_or(&mut []);
    place
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
}

/// Another name for a file: of another segment, of another run, or of nothing.
fn other_name(name: &str, random: &mut Random) -> Option<String> {
    let Some(FileName::Segment(run, number)) = FileName::parse(name) else {
        return Some(format!("{name}.bak"));
    };
    let near = SegmentNumber::new(number.get() + 1 + u32::try_from(random.below(3)).ok()?);
    let strange = RunId::new(
        run.generation() + u32::try_from(random.below(2)).ok()?,
        random.draw(),
    );
    Some(match random.below(5) {
        0 => format!("{name}.bak"),
        1 => FileName::Segment(strange, number).to_string(),
        2 => FileName::Segment(strange, SegmentNumber::new(77)).to_string(),
        3 if number.get() > 1 => {
            FileName::Segment(run, SegmentNumber::new(number.get() - 1)).to_string()
        }
        _ => FileName::Segment(run, near).to_string(),
    })
}

fn below(random: &mut Random, limit: usize) -> usize {
    index(random.below(u64::try_from(limit).unwrap_or(0)))
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

const TRIES: usize = 12;
