//! The rig: what suites, fuzz targets and benches share.

pub mod agent;
pub mod apart;
pub mod careless;
pub mod command;
pub mod compare;
pub mod counting;
pub mod crash_image;
pub mod device;
pub mod executor;
pub mod explore;
pub mod feeder;
pub mod foreign;
pub mod frozen;
pub mod fuzz;
pub mod kill;
pub mod left_behind;
pub mod loopfs;
pub mod meanwhile;
pub mod metered;
pub mod modes;
pub mod newer;
pub mod oracle;
pub mod plain;
pub mod puppet;
pub mod random;
pub mod rigs;
pub mod sample;
pub mod scribe;
pub mod seeded;
pub mod simdisk;
pub mod source;
pub mod tidy;
pub mod watched;
pub mod words;
pub mod workload;

pub use executor::block_on;

/// The README's example is a program that compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
