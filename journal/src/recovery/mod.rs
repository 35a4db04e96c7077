//! Recovery: survey, verdict, plan, apply.

mod facts;

pub(crate) use facts::RunFacts;
pub use facts::{Liveness, Loss};
