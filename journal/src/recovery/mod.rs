//! Recovery: survey, verdict, plan, apply.

pub(crate) mod apply;
mod claim;
mod classes;
mod facts;
mod files;
mod finding;
mod part;
pub(crate) mod plan;
mod probe;
mod run;
pub(crate) mod survey;
#[cfg(test)]
mod survey_tests;
#[cfg(test)]
mod testing;
mod verdict;
mod witness;

pub(crate) use facts::RunFacts;
pub use facts::{Liveness, Loss};
pub(crate) use probe::probe;
pub use run::SegmentState;
pub use witness::Fate;
