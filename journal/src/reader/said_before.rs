//! Gets the values that a record refers to from where they were said before.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::codec::{self, Reference};
use crate::format::{FRAME_HEADER_LEN, FRAMES_OFFSET, FrameHeader, FrameSeed, RecordKind};
use crate::len::{len_u64, len_usize};
use crate::storage::StorageFile;

/// A segment whose records may refer to earlier ones of it.
#[derive(Clone, Debug)]
pub(crate) struct ReferredSegment {
    file: Arc<dyn StorageFile>,
    seed: FrameSeed,
}

/// A record of it, whose payload may refer to others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Referrer {
    pub(crate) kind: RecordKind,
    /// Session index.
    pub(crate) session: u32,
    /// Of its frame.
    pub(crate) offset: u64,
}

/// The payloads that were read last, by the offsets of their frames; `None` where no record is that
/// may be referred to.
#[derive(Default)]
struct LastRead {
    payloads: VecDeque<(u64, Option<Vec<u8>>)>,
    /// Bytes of all of them.
    len: u64,
    /// Bytes that may still be read for this record.
    left: u64,
}

impl ReferredSegment {
    pub(crate) fn new(file: Arc<dyn StorageFile>, seed: FrameSeed) -> ReferredSegment {
        ReferredSegment { file, seed }
    }

    /// The payload with the values in it that it refers to, those that are there; `None` if none
    /// is.
    pub(crate) fn expand(&self, record: Referrer, payload: &[u8]) -> Option<Vec<u8>> {
        let mut last = LastRead {
            left: REFERRED_READ_MAX,
            ..LastRead::default()
        };
        codec::expand(record.kind, payload, |reference| {
            self.values(record, reference, &mut last)
        })
    }

    /// The bytes a reference names.
    fn values(
        &self,
        record: Referrer,
        reference: &Reference,
        last: &mut LastRead,
    ) -> Option<Vec<u8>> {
        let frame = reference.frame;
        let is_before = (FRAMES_OFFSET..record.offset).contains(&frame);
        if !is_before {
            return None;
        }
        if !last.payloads.iter().any(|(offset, _)| *offset == frame) {
            let payload = self.payload(record.session, frame, &mut last.left);
            last.push(frame, payload);
        }
        let (_, payload) = last.payloads.iter().find(|(offset, _)| *offset == frame)?;
        let values = payload.as_ref()?.get(len_usize(reference.from)..)?;
        values.get(..len_usize(reference.len)).map(<[u8]>::to_vec)
    }

    /// The payload of an intact event of the session.
    fn payload(&self, session: u32, offset: u64, left: &mut u64) -> Option<Vec<u8>> {
        let mut fields = [0; FRAME_HEADER_LEN];
        let count = self.file.read_at(&mut fields, offset).ok()?;
        let header = FrameHeader::decode(fields)
            .ok()
            .filter(|_| count == fields.len())?;
        let is_own = header.session == session && codec::may_be_referred_to(header.kind);
        *left = left.checked_sub(u64::from(header.payload_len))?;
        if !is_own || header.is_later() {
            return None;
        }
        let mut payload = vec![0; len_usize(header.payload_len)];
        let count = self
            .file
            .read_at(&mut payload, offset + len_u64(FRAME_HEADER_LEN))
            .ok()?;
        let is_intact = count == payload.len() && header.fits(self.seed, offset, &payload);
        is_intact.then_some(payload)
    }
}

impl LastRead {
    fn push(&mut self, offset: u64, payload: Option<Vec<u8>>) {
        self.len += payload.as_ref().map_or(0, |payload| len_u64(payload.len()));
        self.payloads.push_back((offset, payload));
        while self.len > KEPT_LEN_MAX || self.payloads.len() > PAYLOADS_KEPT_MAX {
            // The one that is asked for stays.
            if self.payloads.len() == 1 {
                break;
            }
            let gone = self.payloads.pop_front().and_then(|(_, payload)| payload);
            self.len -= gone.map_or(0, |payload| len_u64(payload.len()));
        }
    }
}

/// Bytes that are read at most on account of one record: many more than there can be in what it
/// says, unless it was made to cost time.
const REFERRED_READ_MAX: u64 = 1 << 30;

/// What is kept of what was read, in case the next reference of the record leads there too.
const KEPT_LEN_MAX: u64 = 64 << 20;
const PAYLOADS_KEPT_MAX: usize = 1024;
