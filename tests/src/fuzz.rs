//! What the fuzz targets do with bytes; the suite `fuzz` does it with its own.
//!
//! A body takes any input, checks what must hold, and gives the bytes of what was made of it,
//! which is what its work and memory are measured by.

mod cache;
mod craft;
mod cursor;
mod directory;
mod event;
mod frame;
mod generate;
mod growth;
mod header;
mod hostile;
mod ingest;
mod memory;
mod merged_cache;
mod ops;
mod pool;
mod read_all_ways;
mod rig_defects;
#[cfg(test)]
mod told;
mod varint;

pub use cache::crc;
use directory::directory;
use event::event;
use frame::frame;
pub use generate::{Generate, generate};
pub use growth::{GROWING, Growing};
use header::header;
use hostile::hostile;
use ingest::ingest;
use ops::ops;
pub use rig_defects::Defect;

use std::sync::LazyLock;

use crate::counting_allocator::usage_of;

/// What the suite knows of a fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, also of its corpus.
    pub name: &'static str,
    /// What is done with an input.
    pub body: fn(&[u8]) -> u64,
    /// How inputs are made.
    pub generate: Generate,
    /// What it must notice.
    pub defect: Defect,
}

impl Target {
    /// The target of this name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn named(name: &str) -> &'static Target {
        let target = TARGETS.iter().find(|target| target.name == name);
        target.expect("a target of this name")
    }

    /// Does with an input what the target does, within limits: memory, and all that is ever
    /// allocated as a measure of work, grow no faster than the input, whatever it says of itself.
    ///
    /// # Panics
    /// If the property does not hold, or a limit is passed; limits need
    /// [`crate::counting_allocator::CountingAllocator`]
    /// as the allocator.
    pub fn check(&self, input: &[u8]) {
        let len = u64::try_from(input.len()).expect("lengths fit");
        within_limits(|| (self.body)(input).max(len));
    }
}

/// Does work on this thread with a defect in place; it is gone afterwards, also after a panic.
pub fn with_defect<T>(defect: Defect, work: impl FnOnce() -> T) -> T {
    // Made once for all, without the defect.
    LazyLock::force(&pool::SAMPLES);
    rig_defects::with_defect(defect, work)
}

/// Does work that gives the size of what it worked on.
///
/// # Panics
/// If it allocates more than that explains.
pub fn within_limits(work: impl FnOnce() -> u64) {
    let (size, usage) = usage_of(work);
    let peak = PEAK_FREE + PEAK_FACTOR * size;
    let total = TOTAL_FREE + TOTAL_FACTOR * size;
    assert!(usage.peak <= peak, "{usage:?} for {size} bytes");
    assert!(usage.total <= total, "{usage:?} for {size} bytes");
}

const PEAK_FREE: u64 = 4 << 20;
const PEAK_FACTOR: u64 = 64;
const TOTAL_FREE: u64 = 64 << 20;
const TOTAL_FACTOR: u64 = 2048;

/// All fuzz targets.
pub static TARGETS: [Target; 7] = [
    Target {
        name: "frame",
        body: frame,
        generate: Generate::Frames,
        defect: Defect::ReadsDiffer,
    },
    Target {
        name: "header",
        body: header,
        generate: Generate::Headers,
        defect: Defect::ChangeUnseen,
    },
    Target {
        name: "event",
        body: event,
        generate: Generate::Payloads,
        defect: Defect::PayloadCut,
    },
    Target {
        name: "hostile",
        body: hostile,
        generate: Generate::Choices,
        defect: Defect::ReadsDiffer,
    },
    Target {
        name: "directory",
        body: directory,
        generate: Generate::Choices,
        defect: Defect::ReadingWrites,
    },
    Target {
        name: "ops",
        body: ops,
        generate: Generate::Choices,
        defect: Defect::SyncIgnored,
    },
    Target {
        name: "ingest",
        body: ingest,
        generate: Generate::Lines,
        defect: Defect::WriteLost,
    },
];
