//! What is told of a journal: what is there, what is missing and why, and how it stands.

pub use crate::error::DamageReason;
pub use crate::info::RunInfo;
pub use crate::recovery::{
    ByteClasses, DamagedRange, Fate, Liveness, Loss, Outcome, RecordCounts, RefusedReport, Report,
    RunOrigin, RunReport, RunState, SegmentReport, SegmentState, SessionReport,
};
pub use crate::settings::ActiveMode;
pub use crate::storage::Durability;
