//! Recovery: survey, verdict, plan, apply.

mod again;
mod apart;
pub(crate) mod apply;
mod beside;
pub(crate) mod cache;
mod claim;
mod classes;
mod content;
pub(crate) mod copies;
mod dead_run;
mod depth;
mod ends;
mod extents;
mod facts;
mod fates;
mod files;
mod finding;
#[cfg(test)]
mod forged_tests;
mod heads;
pub(crate) mod joint;
mod judge;
#[cfg(test)]
mod killed_tests;
mod named;
pub(crate) mod neighbours;
mod numbering;
mod outcome;
mod part;
mod patch;
mod places;
pub(crate) mod plan;
mod probe;
mod recovered;
mod refusals;
pub(crate) mod report;
mod run;
mod segment_state;
mod serialize;
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

pub(crate) use claim::Claim;
pub use classes::ByteClasses;
pub(crate) use extents::Extent;
pub(crate) use facts::RunFacts;
pub use facts::{Liveness, Loss};
pub(crate) use files::StrayState;
pub(crate) use finding::Finding;
pub(crate) use places::{RecordPlace, SessionRow};
pub(crate) use plan::is_recovered;
pub use refusals::RefusedReport;
pub use report::{
    DamagedRange, RecordCounts, Report, RunReport, RunState, SegmentReport, SessionReport,
};
pub(crate) use run::{RunSurvey, SegmentSurvey};
pub use segment_state::SegmentState;
#[cfg(test)]
pub(crate) use testing::{MemoryStorage, SegmentBuilder, segment_name};
pub(crate) use verdict::Verdict;
pub use witness::Fate;
