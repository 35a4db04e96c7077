//! How reports are written.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::origin::RunOrigin;

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
pub(super) fn is_true(flag: &bool) -> bool {
    *flag
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

pub(super) fn texts<S: Serializer>(texts: &[Arc<str>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(texts.iter().map(|text| &**text))
}

/// As members of what it is of, if it is known.
#[expect(clippy::ref_option, reason = "serde calls it with a reference")]
pub(super) fn origin_members<S: Serializer>(
    origin: &Option<Arc<RunOrigin>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    origin.as_deref().serialize(serializer)
}
