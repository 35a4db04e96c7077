//! Workloads on the simulated disk, stopped at every step in every way.

mod campaign;
mod crash;
mod harm;
mod meddling;
mod ops;
mod outcome;
mod plan;
mod repro;
mod run;
mod second_crash;
mod sequences;
mod shrink;
mod stats;
mod steps;

pub use campaign::{Campaign, Found, unlimited};
pub use crash::Limits;
pub use ops::{Act, Interleaved, Meddling, Step};
pub use outcome::Outcome;
pub use plan::Plan;
pub use repro::{Case, CrashPoint, Way};
pub use run::{explore, explore_case};
pub use sequences::{Operation, Sequence, sequences};
pub use shrink::shrink;
pub use stats::{Count, Stats};
