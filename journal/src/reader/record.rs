//! What reading a journal gives: records, and the gaps between them.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::DamageReason;
use crate::event::Event;
use crate::event::codec;
use crate::format::RecordKind;
use crate::recovery::Fate;
use crate::seq::{Address, RunId, Seq};

/// One step through a journal.
#[derive(Clone, Debug)]
pub enum Item {
    /// An intact record.
    Record(Record),
    /// Records are missing here.
    Gap(Gap),
}

/// An intact record.
#[derive(Clone, Debug)]
pub struct Record {
    /// The run that wrote it.
    pub run: RunId,
    /// Its place in that run.
    pub seq: Seq,
    /// What kind of record it is.
    pub kind: RecordKind,
    /// Id of the session it belongs to; `None` for the run itself and for bare records.
    pub session: Option<Arc<str>>,
    /// What was appended; for a typed event, its encoding. A slice of a larger read.
    pub payload: Bytes,
}

/// Sequence numbers of a run that no intact record has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The run they belong to.
    pub run: RunId,
    /// The first missing one.
    pub first: Seq,
    /// The last missing one; `None` if it is not known how many were given out.
    pub last: Option<Seq>,
    /// What became of their records.
    pub fate: Fate,
    /// What is wrong in the place where they should be.
    pub reason: DamageReason,
}

impl Record {
    /// Where the record is: its run and its sequence number there.
    #[must_use]
    pub fn address(&self) -> Address {
        Address {
            run: self.run,
            seq: self.seq,
        }
    }

    /// The event the payload says; [`Unknown`](crate::event::Action::Unknown) for a caller's own
    /// kind and for what this library does not know.
    #[must_use]
    pub fn event(&self) -> Event<'_> {
        codec::decode(self.kind, &self.payload, self.session.as_deref())
    }
}

impl Gap {
    /// Whether any of the missing records was durable.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.fate == Fate::Durable
    }
}
