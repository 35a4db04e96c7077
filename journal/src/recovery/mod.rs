//! Recovery: survey, verdict, plan, apply.

mod again;
mod apart;
pub(crate) mod apply;
mod beside;
mod byte_classes;
pub(crate) mod cache;
mod catch_up;
mod claim;
mod content_end;
pub(crate) mod copies;
mod dead_run;
mod depth;
mod extents;
mod files;
mod finding;
mod findings;
#[cfg(test)]
mod forged_tests;
mod heads;
#[cfg(test)]
mod killed_tests;
mod liveness;
pub(crate) mod merged_cache;
mod named;
#[cfg(test)]
mod noted_tests;
mod origin;
pub(crate) mod other_runs;
mod outcome;
mod patch;
pub(crate) mod plan;
mod range_edges;
mod recovered;
mod refusals;
pub(crate) mod report;
mod run;
mod run_context;
mod run_state;
mod segment_ends;
mod segment_scan;
mod segment_state;
mod seq_assignment;
mod serialize;
mod session_index;
mod session_names;
#[cfg(test)]
mod storage_tests;
pub(crate) mod survey;
#[cfg(test)]
mod survey_tests;
mod tail;
#[cfg(test)]
mod tail_tests;
#[cfg(test)]
mod testing;
mod unused;
#[cfg(test)]
mod unused_tests;
mod verdict;
mod witness;

pub use byte_classes::ByteClasses;
pub(crate) use claim::Claim;
pub(crate) use extents::Extent;
pub(crate) use files::StrayState;
pub(crate) use finding::Finding;
pub use origin::RunOrigin;
pub use outcome::Outcome;
pub(crate) use plan::is_recovered;
pub use refusals::RefusedReport;
pub use report::{DamagedRange, RecordCounts, Report, RunReport, SegmentReport, SessionReport};
pub(crate) use run::{RunSurvey, SegmentSurvey};
pub(crate) use run_context::RunFacts;
pub use run_context::{Liveness, Loss};
pub use run_state::RunState;
pub use segment_state::SegmentState;
pub(crate) use session_index::{RecordPlace, SessionRow};
pub(crate) use session_names::SessionNames;
#[cfg(test)]
pub(crate) use testing::{MemoryStorage, SegmentBuilder, segment_name};
pub(crate) use verdict::Verdict;
pub use witness::Fate;
