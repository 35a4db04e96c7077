//! A record on its way to the disk, and what has to go before it.

use super::path::len_of;
use super::refused::RefusedCounts;
use super::run_session::RunSession;
use crate::error::Result;
use crate::event::system::{self, SessionRef};
use crate::format::{RecordKind, padded};
use crate::seeded::{self, Bug};
use crate::seq::SegmentNumber;
use crate::writer::segment::buffer::{Frame, SegmentBuffer};

/// One record on its way to the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AppendRequest<'a> {
    pub(crate) kind: RecordKind,
    pub(crate) session: Option<&'a RunSession>,
    pub(crate) payload: &'a [u8],
    /// The only segment it may go into, if it refers to others there.
    pub(crate) within: Option<SegmentNumber>,
}

/// Payloads of the frames that go before a record.
#[derive(Debug)]
pub(crate) struct Preamble {
    /// Of the record's session, 0 if it has none.
    index: u32,
    /// One for each reason.
    refused: Vec<Vec<u8>>,
    declaration: Option<Vec<u8>>,
}

impl AppendRequest<'_> {
    /// What has to go before this record in a segment, where its session has this index.
    pub(crate) fn preamble(
        &self,
        segment: &SegmentBuffer,
        index: u32,
        refused: &RefusedCounts,
    ) -> Result<Preamble> {
        let refused = refused.notes();
        let refused: Result<Vec<_>> = refused.iter().map(encode).collect();
        let is_declared = |session: &&RunSession| {
            session.index_in(segment.number()).is_some()
                || (seeded::has(Bug::DeclaredOnce) && segment.number() > SegmentNumber::FIRST)
        };
        let undeclared = self.session.filter(|session| !is_declared(session));
        let declaration = undeclared.map(|session| {
            encode(&SessionRef {
                index,
                id: session.id().into(),
                extras: Vec::new(),
            })
        });
        Ok(Preamble {
            index,
            refused: refused?,
            declaration: declaration.transpose()?,
        })
    }

    /// Bytes it takes at most in a segment in which its session is not declared, with nothing said
    /// of others.
    pub(crate) fn room(&self) -> u64 {
        padded(len_of(self.payload)).saturating_add(self.declaration_len())
    }

    /// Bytes the declaration of the session takes at most, 0 for a record without session.
    pub(crate) fn declaration_len(&self) -> u64 {
        let Some(session) = self.session else {
            return 0;
        };
        // Index, length of the id and the extras take at most 16 bytes more.
        padded(
            u64::try_from(session.id().len())
                .unwrap_or(u64::MAX / 4)
                .saturating_add(16),
        )
    }
}

impl Preamble {
    /// The record's frame and those before it, in order.
    pub(crate) fn frames<'a>(
        &'a self,
        segment: &SegmentBuffer,
        record: &AppendRequest<'a>,
    ) -> Vec<Frame<'a>> {
        let frame = |kind, session, payload: &'a Vec<u8>| segment.frame(kind, session, payload);
        let refused = self.refused.iter();
        let refused = refused.map(|said| frame(RecordKind::REFUSED, 0, said));
        let declaration = self.declaration.as_ref();
        let declaration = declaration.map(|said| frame(RecordKind::SESSION_REF, self.index, said));
        let itself = segment.frame(record.kind, self.index, record.payload);
        refused.chain(declaration).chain([itself]).collect()
    }

    pub(crate) fn says_refused(&self) -> bool {
        !self.refused.is_empty()
    }
}

/// The payload that says this.
pub(crate) fn encode<T: serde::Serialize>(said: &T) -> Result<Vec<u8>> {
    let mut payload = Vec::new();
    system::encode(said, &mut payload)?;
    Ok(payload)
}
