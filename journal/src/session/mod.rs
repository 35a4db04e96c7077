//! Sessions and spans as handles that cannot fail the program they observe.

mod ids;
mod receipt;
mod recorder;
mod run_counts;
#[expect(clippy::module_inception, reason = "it is what the others are about")]
mod session;
mod session_inner;
mod shared_values;
mod sink;
mod span;
mod span_builder;
mod span_finish;
mod start;
#[cfg(test)]
mod tests;
mod text_offsets;

pub use receipt::Written;
pub use session::Session;
pub use span::Span;
pub use span_builder::SpanBuilder;
pub use span_finish::SpanFinish;
pub use start::SessionBuilder;

pub(crate) use recorder::{Recorder, Redact};
pub(crate) use run_counts::RunCounts;
pub(crate) use shared_values::SharedValues;
pub(crate) use sink::{Home, SessionId, Sink};
