//! How reports are written.

use std::sync::Arc;

use serde::Serializer;

use super::Loss;
use super::segment_state::SegmentState;
use crate::error::DamageReason;
use crate::event::SessionStatus;
use crate::seq::RunId;

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

pub(super) fn loss_name<S: Serializer>(loss: &Loss, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(loss.as_str())
}

pub(super) fn state_name<S: Serializer>(
    state: &SegmentState,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.as_str())
}

pub(super) fn reason_code<S: Serializer>(
    reason: &DamageReason,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.code())
}

pub(super) fn run_name<S: Serializer>(run: &RunId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(run)
}

pub(super) fn status_name<S: Serializer>(
    status: &SessionStatus,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}
