//! What the fuzz targets do with bytes; the suite `fuzz` does it with its own.
//!
//! A body takes any input, checks what must hold, and gives the bytes of what was made of it,
//! which is what its work and memory are measured by.

mod craft;
mod cursor;
mod directory;
mod event;
mod frame;
mod generate;
mod header;
mod ingest;
mod look;
mod memory;
mod ops;
mod pool;

pub use directory::directory;
pub use event::event;
pub use frame::frame;
pub use generate::{Generate, generate};
pub use header::header;
pub use ingest::ingest;
pub use ops::ops;

/// What the suite knows of a fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, also of its corpus.
    pub name: &'static str,
    /// What is done with an input.
    pub body: fn(&[u8]) -> u64,
    /// How inputs are made.
    pub generate: Generate,
}

/// All fuzz targets.
pub const TARGETS: [Target; 6] = [
    Target {
        name: "frame",
        body: frame,
        generate: Generate::Frames,
    },
    Target {
        name: "header",
        body: header,
        generate: Generate::Headers,
    },
    Target {
        name: "event",
        body: event,
        generate: Generate::Payloads,
    },
    Target {
        name: "directory",
        body: directory,
        generate: Generate::Choices,
    },
    Target {
        name: "ops",
        body: ops,
        generate: Generate::Choices,
    },
    Target {
        name: "ingest",
        body: ingest,
        generate: Generate::Lines,
    },
];
