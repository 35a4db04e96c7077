//! Remarks on what is odd about a session.

use crate::seq::{RunId, Seq};

/// A remark on something odd in a session's records, and what was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub(super) kind: &'static str,
    pub(super) run: Option<RunId>,
    pub(super) seq: Option<Seq>,
    pub(super) text: String,
}

impl Note {
    /// The name of the kind of remark, as in `duplicate-end`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.kind
    }

    /// The run it is about.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        self.run
    }

    /// The record it is about.
    #[must_use]
    pub fn seq(&self) -> Option<Seq> {
        self.seq
    }

    /// What there is to say.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A crash of the session that decided its status.
pub(super) const CRASH: &str = "crash";
/// A crash of the session after its end or an earlier crash.
pub(super) const LATE_CRASH: &str = "late-crash";
/// An end of the session after its end or a crash.
pub(super) const LATE_END: &str = "late-end";
/// Work after the session's end or crash, without a new start.
pub(super) const LATE_WORK: &str = "late-work";
/// A crash note of the whole run.
pub(super) const RUN_CRASH: &str = "run-crash";
/// An end says it went well and names an error.
pub(super) const END_ERROR: &str = "end-error";
/// A span started again under the same id.
pub(super) const DUPLICATE_START: &str = "duplicate-start";
/// An id of a span that ended was given to another one.
pub(super) const REUSED_SPAN: &str = "reused-span";
/// Members of records that only the records have.
pub(super) const EXTRA_MEMBER: &str = "extra-member";
/// Members that were given as something else, and converted.
pub(super) const CONVERTED: &str = "converted";
/// A span ended again.
pub(super) const DUPLICATE_END: &str = "duplicate-end";
/// A value with too many others in it.
pub(super) const TOO_MANY_VALUES: &str = "too-many-values";
/// A status that a later version knows.
pub(super) const UNKNOWN_STATUS: &str = "unknown-status";
/// Values that are kept elsewhere, and cannot be had from there.
pub(super) const NOT_HERE: &str = "not-here";
/// A span without a start.
pub(super) const MISSING_START: &str = "missing-start";
/// The root span was ended by itself; only the session's end ends it.
pub(super) const ROOT_END: &str = "root-end";
/// A parent that is no span of the session.
pub(super) const UNKNOWN_PARENT: &str = "unknown-parent";
/// Spans that are each other's parents.
pub(super) const PARENT_CYCLE: &str = "parent-cycle";
/// A span that ends before it starts.
pub(super) const END_BEFORE_START: &str = "end-before-start";
/// A piece of a text is not there.
pub(super) const MISSING_TEXT: &str = "missing-text";
/// A negative number of tokens or a negative cost.
pub(super) const NEGATIVE_NUMBER: &str = "negative-number";
/// A record of a kind this library does not know.
pub(super) const UNKNOWN_RECORD: &str = "unknown-record";
