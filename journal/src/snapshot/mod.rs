//! A session as its records tell it: status, span tree, texts, totals, notes.

mod arena;
mod children;
mod drop_queue;
mod fold;
mod json;
mod lines;
mod note;
mod session;
mod span;
mod summary;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod totals;

pub(crate) use arena::Keeper;
pub(crate) use drop_queue::DropQueue;
pub(crate) use fold::Fold;
#[cfg(feature = "export")]
pub(crate) use fold::UNEXPLAINED;
pub use lines::{LineSnapshot, Lines};
pub use note::Note;
pub use session::{CounterSnapshot, CrashCause, RunSnapshot, Snapshot};
pub use span::{LinkSnapshot, LogSnapshot, SpanSnapshot};
pub use summary::SessionSummary;
pub(crate) use summary::{SummaryFold, Unclear};
pub use totals::Totals;
#[cfg(feature = "export")]
pub(crate) use totals::tokens_total;
