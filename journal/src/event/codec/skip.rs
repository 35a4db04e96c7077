//! Values and maps as bytes, gone past: known to be sound, and not put together.

use std::hash::{BuildHasher, RandomState};

use super::decoder::Decoder;
use super::tag::{self, elsewhere};
use crate::event::map;
use crate::event::value::DEPTH_MAX;

/// Goes past a value.
pub(super) fn skip_value(from: &mut Decoder<'_>) -> Option<()> {
    skip_nested_value(from, DEPTH_MAX)
}

/// Goes past the members of a body.
pub(super) fn skip_members(from: &mut Decoder<'_>) -> Option<()> {
    skip_nested_map(from, DEPTH_MAX - 1)
}

/// Goes past a value inside which this many lists and maps may still open, if it is one.
pub(super) fn skip_nested_value(from: &mut Decoder<'_>, left: u8) -> Option<()> {
    skip_element(from, left, 1).map(drop)
}

/// As [`skip_nested_value`], of one that stands for at most so many; tells for how many.
fn skip_element(from: &mut Decoder<'_>, left: u8, count_max: usize) -> Option<usize> {
    match from.u32()? {
        tag::NULL => {}
        tag::BOOL => drop(from.bool()?),
        tag::I64 => drop(from.i64()?),
        tag::U64 => drop(from.u64()?),
        tag::F64 => drop(from.f64()?),
        tag::STRING => drop(from.text()?),
        tag::BYTES => drop(from.bytes()?),
        tag::LIST => {
            let left = left.checked_sub(1)?;
            let mut due = from.count()?;
            while due > 0 {
                due -= skip_element(from, left, due)?;
            }
        }
        tag::MAP => skip_nested_map(from, left.checked_sub(1)?)?,
        tag => return elsewhere(from, tag, count_max).map(|(_, count)| count),
    }
    Some(1)
}

pub(super) fn skip_nested_map(from: &mut Decoder<'_>, left: u8) -> Option<()> {
    let mut names = Names::default();
    let begin = from.clone();
    let count = from.count()?;
    let is_checked = from.checks_names();
    for _ in 0..count {
        let name = from.text()?.as_bytes();
        if is_checked {
            names.push(name);
        }
        skip_nested_value(from, left)?;
    }
    let has_duplicates = match is_checked && count > map::WALK_MAX {
        true => Many(begin, left).has_duplicates()?,
        false => names.has_duplicates(),
    };
    (!has_duplicates).then_some(())
}

/// A map of many members, which is gone through several times so that it takes little memory.
struct Many<'a>(Decoder<'a>, u8);

impl<'a> Many<'a> {
    fn has_duplicates(&self) -> Option<bool> {
        let hasher = RandomState::new();
        let count = self.0.clone().count()?;
        let passes = u64::try_from(count.div_ceil(HASHES_MAX)).ok()?;
        for pass in 0..passes {
            let mut hashes = Vec::new();
            self.walk(|name| {
                let hash = hasher.hash_one(name);
                if hash % passes == pass {
                    hashes.push(hash);
                }
            })?;
            hashes.sort_unstable();
            let alike = hashes.windows(2).filter(|pair| pair[0] == pair[1]);
            for hash in alike.map(|pair| pair[0]) {
                let mut names = Vec::new();
                self.walk(|name| {
                    if hasher.hash_one(name) == hash {
                        names.push(name);
                    }
                })?;
                names.sort_unstable();
                if names.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Some(true);
                }
            }
        }
        Some(false)
    }

    fn walk(&self, mut visit: impl FnMut(&'a [u8])) -> Option<()> {
        self.0.clone().without_names(|from| {
            for _ in 0..from.count()? {
                visit(from.text()?.as_bytes());
                skip_nested_value(from, self.1)?;
            }
            Some(())
        })
    }
}

/// The names of a few members.
#[derive(Default)]
struct Names<'a> {
    first: [&'a [u8]; map::WALK_MAX],
    len: usize,
}

impl<'a> Names<'a> {
    /// Takes in a name; those of many are looked at in another way.
    fn push(&mut self, name: &'a [u8]) {
        if let Some(place) = self.first.get_mut(self.len) {
            *place = name;
            self.len += 1;
        }
    }

    fn has_duplicates(&self) -> bool {
        let first = self.first.iter().take(self.len);
        map::has_duplicates(first.copied(), self.len)
    }
}

/// How many hashes of names are held at once at most.
const HASHES_MAX: usize = 1 << 20;
