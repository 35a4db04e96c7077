//! Sessions and spans as handles that cannot fail the program they observe.

mod finish;
mod handle;
mod ids;
mod offsets;
mod recorder;
mod sink;
mod span;
mod span_builder;
mod start;
#[cfg(test)]
mod tests;
mod written;

pub use finish::SpanFinish;
pub use handle::Session;
pub use span::Span;
pub use span_builder::SpanBuilder;
pub use start::SessionBuilder;
pub use written::Written;

pub(crate) use recorder::{Recorder, Redact};
pub(crate) use sink::Sink;
