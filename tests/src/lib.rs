//! The rig: what suites, fuzz targets and benches share.

pub mod command;
pub mod executor;
pub mod feeder;
pub mod foreign;
pub mod rigs;
pub mod sample;
pub mod source;
pub mod words;

pub use executor::block_on;
