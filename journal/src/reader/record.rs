//! What reading a journal gives: records, and the gaps between them.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::said_before::{ReferredSegment, Referrer};
use crate::error::DamageReason;
use crate::event::codec;
use crate::event::{Action, Event};
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
    /// The kind that tells how the payload is read.
    pub(super) read_as: RecordKind,
    /// Where its values are that it does not say itself, of a kind that may have such.
    pub(super) referrer: Option<(Arc<ReferredSegment>, Referrer)>,
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
    /// A record that no journal holds, for fuzzing: what it refers to is nowhere.
    #[doc(hidden)]
    #[must_use]
    pub fn loose(kind: RecordKind, session: &str, payload: Bytes) -> Record {
        Record {
            run: RunId::new(1, 1),
            seq: Seq::FIRST,
            kind,
            session: Some(session.into()),
            payload,
            read_as: kind,
            referrer: None,
        }
    }

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
        let session = self.session.as_deref();
        if self.read_as != self.kind {
            let unknown = Action::Unknown {
                kind: self.kind.get(),
                payload: self.payload.clone(),
            };
            return in_session(Event::new(unknown), session);
        }
        let Some((segment, referrer)) = &self.referrer else {
            return codec::decode(self.kind, &self.payload, session);
        };
        match codec::decode_odd(self.kind, &self.payload) {
            Some((event, odd)) if odd.elsewhere == 0 => in_session(event, session),
            _ => {
                let payload = segment.expand(*referrer, &self.payload).map(Bytes::from);
                let event = payload.as_ref().and_then(|payload| {
                    let event = codec::decode_known(self.kind, payload)?;
                    Some(in_session(event, session).into_owned())
                });
                event.unwrap_or_else(|| codec::decode(self.kind, &self.payload, session))
            }
        }
    }
}

fn in_session<'a>(mut event: Event<'a>, session: Option<&'a str>) -> Event<'a> {
    event.session = session.map(Cow::Borrowed).or(event.session);
    event
}

impl Gap {
    /// Whether any of the missing records was durable.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.fate == Fate::Durable
    }
}
