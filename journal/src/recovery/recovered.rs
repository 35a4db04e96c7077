//! What runs say of others that they recovered.

use crate::event::system::{self, KILLED_TAG, RunRecovered};
use crate::seq::{Generation, RunId};

/// What a `RunRecovered` says of another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recovered {
    pub(crate) run: RunId,
    /// Its newest segment, and where the frames of that end.
    pub(crate) end: (u32, u64),
    pub(crate) last_seq: u64,
    /// Ranges that were missing then.
    pub(crate) missing: Vec<(u64, u64)>,
    /// Nothing that its process had written was lost.
    pub(crate) is_killed: bool,
}

/// Decodes a `RunRecovered`.
pub(crate) fn recovered(payload: &[u8]) -> Option<Recovered> {
    let recovered: RunRecovered = system::decode(payload)?;
    Some(Recovered {
        run: run_id((recovered.generation, recovered.random)),
        end: (recovered.end_segment, recovered.end_offset),
        last_seq: recovered.last_seq,
        missing: recovered.missing,
        is_killed: recovered.extras.iter().any(|(tag, _)| *tag == KILLED_TAG),
    })
}

/// The run of this generation and random part.
pub(super) fn run_id((generation, random): (u32, u64)) -> RunId {
    RunId {
        generation: Generation(generation),
        random,
    }
}
