//! A session as its records tell it: status, span tree, texts, totals, notes.

mod children;
mod fold;
mod hash;
mod home;
mod json;
mod lines;
mod note;
mod payloads;
mod session;
mod span;
mod summary;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod totals;

pub(crate) use fold::Fold;
pub(crate) use hash::fnv_1a_128;
pub(crate) use home::Home;
pub use lines::{LineSnapshot, Lines};
pub use note::Note;
pub(crate) use payloads::Keeper;
pub use session::{CounterSnapshot, CrashCause, RunSnapshot, Snapshot};
pub use span::{LinkSnapshot, LogSnapshot, SpanSnapshot};
pub use summary::SessionSummary;
pub(crate) use summary::{SummaryFold, Unclear};
pub use totals::Totals;
#[cfg(feature = "export")]
pub(crate) use totals::tokens_total;
