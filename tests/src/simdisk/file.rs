//! One simulated file: what programs see, and what the disk may hold after power loss.

use std::collections::BTreeMap;

use super::image::Image;
use crate::random::Random;

/// The number of a file.
pub(super) type FileId = u64;

/// What is written or lost as a whole, unless it is torn.
pub const SECTOR: usize = 512;

/// What a mapping is made writable by.
pub(super) const PAGE: u64 = 4096;

type Sector = [u8; SECTOR];

/// A file.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    /// What programs see.
    pub(super) cached: Image,
    /// What the disk holds for certain, if nothing else reached it.
    disk: Image,
    disk_len: usize,
    /// For each sector that was changed and not synced, what it has been since.
    dirty: BTreeMap<usize, Vec<Sector>>,
    /// Lengths it has had since the last sync.
    lens: Vec<usize>,
    /// Pages of a mapping that may be stored into.
    pub(super) writable: Vec<u64>,
}

impl File {
    /// Writes bytes; gives whether that changed anything.
    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) -> bool {
        let end = offset + bytes.len();
        let is_longer = self.set_len(self.cached.len().max(end));
        if self.cached.bytes().get(offset..end) == Some(bytes) {
            return is_longer;
        }
        if let Some(place) = self.cached.change().get_mut(offset..end) {
            place.copy_from_slice(bytes);
        }
        for sector in offset / SECTOR..end.div_ceil(SECTOR) {
            let now = sector_of(self.cached.bytes(), sector);
            let versions = self.dirty.entry(sector).or_default();
            if versions.len() == VERSIONS_MAX {
                versions.remove(1);
            }
            versions.push(now);
        }
        true
    }

    /// Cuts or extends the file; gives whether that changed anything.
    pub(super) fn set_len(&mut self, len: usize) -> bool {
        let is_other = len != self.cached.len();
        if is_other {
            self.cached.change().resize(len, 0);
            self.lens.push(len);
        }
        is_other
    }

    /// Makes the sectors of a range, and the length, durable; gives whether that changed anything.
    pub(super) fn sync(&mut self, from: usize, to: usize, with_len: bool) -> bool {
        let sectors = self.take_dirty(from, to);
        let mut has_changed = !sectors.is_empty();
        for sector in sectors {
            let now = sector_of(self.cached.bytes(), sector);
            put_sector(self.disk.change(), sector, &now);
        }
        if with_len {
            has_changed |= self.disk_len != self.cached.len() || !self.lens.is_empty();
            self.disk_len = self.cached.len();
            self.lens.clear();
        }
        self.protect(from, to);
        has_changed
    }

    /// A sync that fails: some sectors reach the disk, none counts as changed any more.
    pub(super) fn fail_sync(&mut self, from: usize, to: usize, random: &mut Random) {
        for sector in self.take_dirty(from, to) {
            if random.once_in(2) {
                let now = sector_of(self.cached.bytes(), sector);
                put_sector(self.disk.change(), sector, &now);
            }
        }
        self.protect(from, to);
    }

    /// The first range at or behind `offset` of pages that are not all zeros on the disk or have
    /// changed; what is only cached does not count. Zeros were written to some of the others.
    pub(super) fn next_data(&self, offset: usize) -> Option<(usize, usize)> {
        let len = self.cached.len();
        let page = usize::try_from(PAGE).unwrap_or(SECTOR);
        let is_data = |at: &usize| {
            let end = self.disk.len().min((at + 1) * page);
            let disk = self.disk.bytes().get(at * page..end).unwrap_or(&[]);
            let sectors = at * page / SECTOR..(at + 1) * page / SECTOR;
            let has_changed = self.dirty.range(sectors).next().is_some();
            at.is_multiple_of(3) || has_changed || disk.iter().any(|byte| *byte != 0)
        };
        let pages = offset / page..len.div_ceil(page);
        let first = pages.clone().find(is_data)?;
        let behind = (first..pages.end).find(|at| !is_data(at));
        let end = behind.map_or(len, |at| at * page);
        (offset < len).then_some((offset.max(first * page), end))
    }

    /// Forgets what is cached of a range and not changed, so that reading shows the disk.
    pub(super) fn drop_cache(&mut self, from: usize, to: usize) {
        let len = self.cached.len();
        let cached = self.cached.change();
        for sector in from / SECTOR..to.min(len).div_ceil(SECTOR) {
            if !self.dirty.contains_key(&sector) {
                put_sector(cached, sector, &sector_of(self.disk.bytes(), sector));
            }
        }
        cached.resize(len, 0);
    }

    /// The file as power loss may leave it.
    pub(super) fn after_power_loss(&self, random: &mut Random, style: Style) -> File {
        let lens = [&[self.disk_len], self.lens.as_slice()].concat();
        let len = match style {
            Style::Nothing => self.disk_len,
            Style::Everything => self.cached.len(),
            _ => random.pick(&lens).copied().unwrap_or(self.disk_len),
        };
        let mut image = self.disk.clone();
        for (sector, versions) in &self.dirty {
            let old = sector_of(self.disk.bytes(), *sector);
            let chosen = style.choose(random, &old, versions);
            if chosen != old {
                put_sector(image.change(), *sector, &chosen);
            }
        }
        if image.len() != len {
            image.change().resize(len, 0);
        }
        File::settled(image)
    }

    /// A file all of which is on the disk.
    pub(super) fn settled(image: Image) -> File {
        File {
            disk_len: image.len(),
            cached: image.clone(),
            disk: image,
            ..File::default()
        }
    }

    /// Whether the disk holds just what programs see.
    pub(super) fn is_settled(&self) -> bool {
        self.cached.is_shared_with(&self.disk) && self.dirty.is_empty() && self.lens.is_empty()
    }

    fn take_dirty(&mut self, from: usize, to: usize) -> Vec<usize> {
        let range = from / SECTOR..to.div_ceil(SECTOR);
        let taken: Vec<usize> = self.dirty.range(range).map(|(sector, _)| *sector).collect();
        for sector in &taken {
            self.dirty.remove(sector);
        }
        taken
    }

    /// After a sync the pages it wrote may need space again when they are stored into.
    fn protect(&mut self, from: usize, to: usize) {
        let page = |offset: usize| u64::try_from(offset).unwrap_or(u64::MAX) / PAGE;
        let synced = page(from)..=page(to);
        self.writable.retain(|page| !synced.contains(page));
    }
}

/// How much of what was not synced reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Style {
    /// None of it.
    Nothing,
    /// All of it.
    Everything,
    /// Any sectors, in any of the states they were in.
    Some,
    /// The same, and sectors may be a mix of two states.
    Torn,
    /// Nearly all of it.
    Most,
}

impl Style {
    fn choose(self, random: &mut Random, old: &Sector, versions: &[Sector]) -> Sector {
        let newest = versions.last().unwrap_or(old);
        match self {
            Style::Nothing => *old,
            Style::Everything => *newest,
            Style::Most if !random.once_in(12) => *newest,
            Style::Most => *old,
            Style::Some => any(random, old, versions),
            Style::Torn => {
                let (head, mut tail) = (any(random, old, versions), any(random, old, versions));
                let limit = u64::try_from(SECTOR).unwrap_or(0);
                let cut = usize::try_from(random.below(limit)).unwrap_or(0);
                let parts = (tail.get_mut(..cut), head.get(..cut));
                if let (Some(to), Some(from)) = parts {
                    to.copy_from_slice(from);
                }
                tail
            }
        }
    }
}

fn any(random: &mut Random, old: &Sector, versions: &[Sector]) -> Sector {
    match random.once_in(2) {
        true => *old,
        false => random.pick(versions).copied().unwrap_or(*old),
    }
}

fn sector_of(bytes: &[u8], sector: usize) -> Sector {
    let mut copy = [0; SECTOR];
    let from = bytes.get(sector * SECTOR..).unwrap_or(&[]);
    let from = from.get(..SECTOR).unwrap_or(from);
    copy.iter_mut().zip(from).for_each(|(to, byte)| *to = *byte);
    copy
}

fn put_sector(bytes: &mut Vec<u8>, sector: usize, content: &Sector) {
    let from = sector * SECTOR;
    if bytes.len() < from + SECTOR {
        bytes.resize(from + SECTOR, 0);
    }
    if let Some(place) = bytes.get_mut(from..from + SECTOR) {
        place.copy_from_slice(content);
    }
}

/// States of a changed sector that are remembered.
const VERSIONS_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn changed() -> File {
        let mut file = File::default();
        assert!(file.set_len(2048) && file.sync(0, 2048, true));
        assert!(file.write(&[1; 1024], 0) && file.write(&[2; 512], 0));
        assert!(!file.write(&[2; 512], 0));
        file
    }

    #[test]
    fn what_is_synced_stays_and_the_rest_may_go() {
        let mut file = changed();
        file.sync(512, 1024, true);
        let none = file.after_power_loss(&mut Random::new(1), Style::Nothing);
        assert_eq!(none.cached.bytes()[..1024], [[0; 512], [1; 512]].concat());
        let all = file.after_power_loss(&mut Random::new(1), Style::Everything);
        assert_eq!(all.cached.bytes()[..1024], [[2; 512], [1; 512]].concat());
    }

    #[test]
    fn a_sector_may_be_in_any_state_it_was_in_or_torn_between_two() {
        let file = changed();
        let mut random = Random::new(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let after = file.after_power_loss(&mut random, Style::Some);
            seen.insert(after.cached.bytes()[0]);
            assert!(
                after.cached.bytes()[..512]
                    .iter()
                    .all(|byte| *byte == after.cached.bytes()[0])
            );
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
        let is_mixed = |file: &File| file.cached.bytes()[0] != file.cached.bytes()[511];
        assert!((0..50).any(|_| is_mixed(&file.after_power_loss(&mut random, Style::Torn))));
    }

    #[test]
    fn a_failed_sync_is_not_made_good_by_the_next_one() {
        let mut file = changed();
        let mut random = Random::new(3);
        while file
            .after_power_loss(&mut random, Style::Everything)
            .cached
            .bytes()[0]
            == 2
        {
            file = changed();
            file.fail_sync(0, 2048, &mut random);
        }
        file.sync(0, 2048, true);
        assert_eq!(file.cached.bytes()[0], 2);
        file.drop_cache(SECTOR, 2048);
        assert_eq!(file.cached.bytes()[0], 2);
        file.drop_cache(0, 1);
        assert_eq!(file.cached.bytes()[0], 0);
    }
}
