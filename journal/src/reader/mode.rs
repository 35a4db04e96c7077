//! What a reader does about damage.

use crate::words::shown_words;

/// What to do about damage and gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadMode {
    /// Give everything that is intact, and report what is not.
    #[default]
    Salvage,
    /// Stop each run at its first gap.
    Prefix,
    /// Take damage for an error.
    Strict,
}

shown_words!(ReadMode: "mode", {
    Salvage => "salvage",
    Prefix => "prefix",
    Strict => "strict",
});
