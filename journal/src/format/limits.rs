//! How large things are at most, as the format description has it in its table of limits. Those of
//! payloads stand beside what the payloads are.

/// No run reaches numbers above this. Half of what a `Seq` can be, so that numbers counted on from
/// here can be one, too.
pub(crate) const SEQ_MAX: u64 = 1 << 47;

/// Frames begin below this: offsets are kept as multiples of 8 in 32 bits.
pub(crate) const OFFSET_MAX: u64 = 8 << 32;

/// The longest session id, in bytes: it is repeated in every segment.
pub(crate) const SESSION_ID_LEN_MAX: u64 = 64 << 10;

/// What is read of a segment at most for the records with which a run begins.
pub(crate) const HEAD_LEN_MAX: u64 = 64 << 20;

/// A `.run` file takes less, unless names in it are very long.
pub(crate) const RUN_TEXT_LEN_MAX: usize = 4096;
