//! The rig: what suites, fuzz targets and benches share.

pub mod agent;
pub mod command;
pub mod compare;
pub mod counting_allocator;
pub mod crash_image;
pub mod device;
pub mod event_child;
pub mod executor;
pub mod explore;
pub mod fixtures;
pub mod foreign;
pub mod forks;
pub mod fuzz;
pub mod harm;
pub mod ingest_child;
pub mod io_ledger;
pub mod isolated;
pub mod kill;
pub mod lax_storage;
pub mod left_behind;
pub mod listing;
pub mod loopfs;
pub mod mid_call;
pub mod modes;
pub mod newer;
pub mod observed_storage;
pub mod oracle;
pub mod random;
pub mod reference_reader;
pub mod requests;
pub mod rigs;
pub mod sample;
pub mod scripted_child;
pub mod seeded;
pub mod segment_editor;
pub mod simdisk;
pub mod source;
pub mod terminal;
pub mod tidy;
pub mod unchanged_files;
pub mod words;
pub mod workload;

pub use executor::block_on;

/// The README's example is a program that compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
