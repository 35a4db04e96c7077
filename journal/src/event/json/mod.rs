//! Events as JSON, one object a line: what `ingest` reads and `cat` writes.

mod fields;
#[cfg(test)]
mod member_tests;
mod members;
mod mended;
mod parse;
mod parts;
mod reserved;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use parse::JsonLine;
