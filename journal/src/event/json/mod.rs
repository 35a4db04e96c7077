//! Events as JSON, one object a line: what `ingest` reads and `cat` writes.

mod fields;
mod members;
mod mended;
mod parse;
mod parts;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use parse::JsonLine;
