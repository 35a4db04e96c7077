//! The library's own records: what they say on the disk.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::error::{Error, Result};

/// Optional fields added later, by tag; kept and copied by readers that do not know them.
pub(crate) type Extras = Vec<(u16, ByteBuf)>;

/// Set in the tag of what a reader of the record has to understand.
pub(crate) const MUST_BE_UNDERSTOOD: u16 = 1 << 15;

/// The first frame of every segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentStart {
    /// Sequence number of this very record.
    pub(crate) first_seq: u64,
    /// Where the frames of the segment before end, 0 in the first segment.
    pub(crate) predecessor_end: u64,
    /// Everything up to here was durable when this was written, 0 for nothing.
    pub(crate) durable_seq: u64,
    /// When it was written.
    pub(crate) clocks: Clocks,
    pub(crate) extras: Extras,
}

/// The last frame of a finished segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    /// Sequence number of this very record: the last one given out in the segment.
    pub(crate) last_seq: u64,
    /// Number of the segment that follows; `None` after the run was closed.
    pub(crate) next_segment: Option<u32>,
    pub(crate) durable_seq: u64,
    pub(crate) extras: Extras,
}

/// Written after a good sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SyncMark {
    pub(crate) durable_seq: u64,
    /// Sequence number of the first record of this segment, said again in case that one is lost.
    pub(crate) first_seq: u64,
    /// Where the durable frames of this segment end; 8192 if there are none yet.
    pub(crate) durable_end: u64,
    /// When it was written.
    pub(crate) clocks: Clocks,
    pub(crate) extras: Extras,
}

/// Wall clock and time since boot, read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Clocks {
    pub(crate) wall_seconds: i64,
    pub(crate) wall_nanoseconds: u32,
    /// Nanoseconds since boot, sleep included.
    pub(crate) boot_nanoseconds: u64,
}

/// The first record of a run after its `SegmentStart`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunOpen<'a> {
    pub(crate) generation: u32,
    pub(crate) random: u64,
    pub(crate) boot_id: Cow<'a, str>,
    pub(crate) pid: u32,
    /// When the process started, in clock ticks since boot; 0 where unknown.
    pub(crate) process_start: u64,
    pub(crate) host: Cow<'a, str>,
    /// Inode of its pid namespace, 0 where unknown; and of its `.run` file the number statfs(2)
    /// gives for the file system, device and inode.
    pub(crate) pid_namespace: u64,
    pub(crate) file_system: u64,
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) program: Cow<'a, str>,
    pub(crate) program_version: Cow<'a, str>,
    pub(crate) library_version: Cow<'a, str>,
    pub(crate) clocks: Clocks,
    /// Runs whose process was seen alive: generation and random part.
    pub(crate) live_runs: Vec<(u32, u64)>,
    /// What the program says of itself, as the codec puts members down; empty for nothing.
    #[serde(borrow, with = "serde_bytes")]
    pub(crate) resource: Cow<'a, [u8]>,
    pub(crate) extras: Extras,
}

/// The run was closed by its program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunClose<'a> {
    pub(crate) reason: Cow<'a, str>,
    pub(crate) durable_seq: u64,
    pub(crate) clocks: Clocks,
    pub(crate) extras: Extras,
}

/// A dead run was looked at and synced: what is reported as there is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunRecovered {
    pub(crate) generation: u32,
    pub(crate) random: u64,
    /// Number of its newest segment, 0 if it had none.
    pub(crate) end_segment: u32,
    /// Where the intact frames of that segment end.
    pub(crate) end_offset: u64,
    /// Its last intact sequence number, 0 if none.
    pub(crate) last_seq: u64,
    /// Missing sequence numbers, first and last of each range.
    pub(crate) missing: Vec<(u64, u64)>,
    /// When it was written.
    pub(crate) clocks: Clocks,
    pub(crate) extras: Extras,
}

/// In the extras of a [`RunRecovered`], without bytes: the process of the run had ended, and
/// nothing else had happened to what it wrote.
pub(crate) const KILLED_TAG: u16 = 1;

/// Declares the id of a session index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionRef<'a> {
    pub(crate) index: u32,
    pub(crate) id: Cow<'a, str>,
    pub(crate) extras: Extras,
}

/// Appends were refused since the last such record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused<'a> {
    /// How many records.
    pub(crate) count: u64,
    /// Their payload bytes together.
    pub(crate) bytes: u64,
    /// The stable code of the first error.
    pub(crate) code: Cow<'a, str>,
    /// When the first of them was refused.
    pub(crate) first: Clocks,
    /// When the last of them was.
    pub(crate) last: Clocks,
    /// Indices of the first of their sessions, at most [`REFUSED_SESSIONS_MAX`]; 0 for records
    /// without a session.
    pub(crate) sessions: Vec<u32>,
    /// How many sessions they were of.
    pub(crate) session_count: u64,
    pub(crate) extras: Extras,
}

/// Segments of a run were removed by retention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retired {
    pub(crate) generation: u32,
    pub(crate) random: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) extras: Extras,
}

/// The longest payload of a [`Seal`], with whatever is added to it: room for one is always kept.
pub(crate) const SEAL_LEN_MAX: u64 = 112;

/// The longest payload of a [`SegmentStart`].
pub(crate) const SEGMENT_START_LEN_MAX: u64 = 64;

/// The longest payload of a [`RunClose`], whose reason is short; room for one is always kept.
pub(crate) const RUN_CLOSE_LEN_MAX: u64 = 104;

/// The longest payload of a [`Refused`]; room for one is always kept.
pub(crate) const REFUSED_LEN_MAX: u64 = 160;

/// So many sessions are named in a [`Refused`].
pub(crate) const REFUSED_SESSIONS_MAX: usize = 8;

/// The longest code in a [`Refused`].
pub(crate) const REFUSED_CODE_LEN_MAX: usize = 32;

/// Appends the encoding of `payload` to `out`.
pub(crate) fn encode<T: Serialize>(payload: &T, out: &mut Vec<u8>) -> Result<()> {
    let taken = std::mem::take(out);
    *out = postcard::to_extend(payload, taken).map_err(|e| Error::InvalidEvent {
        reason: format!("cannot be encoded: {e}"),
    })?;
    Ok(())
}

/// Decodes the payload of a record; `None` unless it is one to its last byte, and says nothing that
/// has to be understood and is not.
pub(crate) fn decode<'a, T: SystemRecord<'a>>(payload: &'a [u8]) -> Option<T> {
    let record: T = decode_part(payload)?;
    // A number has one spelling: a longer one would make a longer payload.
    let len = postcard::experimental::serialized_size(&record).ok()?;
    let tags = record.extras().iter().map(|(tag, _)| *tag);
    let is_ordered = tags
        .clone()
        .zip(tags.clone().skip(1))
        .all(|(one, next)| one < next);
    let mut tags = tags;
    let is_understood = tags.all(|tag| tag != 0 && tag & MUST_BE_UNDERSTOOD == 0);
    (len == payload.len() && is_ordered && is_understood).then_some(record)
}

/// Decodes what is written as payloads are; `None` unless it is that to its last byte.
pub(crate) fn decode_part<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((decoded, [])) => Some(decoded),
        _ => None,
    }
}

/// One of the records above.
pub(crate) trait SystemRecord<'a>: Serialize + Deserialize<'a> {
    /// Its optional fields.
    fn extras(&self) -> &Extras;
}

macro_rules! system_records {
    ($($record:ty),*) => {$(
        impl<'a> SystemRecord<'a> for $record {
            fn extras(&self) -> &Extras {
                &self.extras
            }
        }
    )*};
}

system_records!(
    SegmentStart,
    Seal,
    SyncMark,
    RunOpen<'a>,
    RunClose<'a>,
    RunRecovered,
    SessionRef<'a>,
    Refused<'a>,
    Retired
);

#[cfg(test)]
mod tests {
    use super::*;

    const LATEST: Clocks = Clocks {
        wall_seconds: i64::MIN,
        wall_nanoseconds: u32::MAX,
        boot_nanoseconds: u64::MAX,
    };

    fn len_of<T>(payload: &T) -> u64
    where
        T: Serialize + for<'a> Deserialize<'a> + PartialEq + std::fmt::Debug,
    {
        let mut bytes = Vec::new();
        encode(payload, &mut bytes).unwrap();
        let decoded: Option<T> = decode_part(&bytes);
        assert_eq!(decoded.as_ref(), Some(payload));
        u64::try_from(bytes.len()).unwrap()
    }

    #[test]
    fn a_record_with_something_that_has_to_be_understood_says_nothing() {
        let seal = |extras: &[u16]| Seal {
            last_seq: 300,
            next_segment: Some(2),
            durable_seq: 299,
            extras: extras.iter().map(|tag| (*tag, ByteBuf::new())).collect(),
        };
        for (extras, is_one) in [
            (&[][..], true),
            (&[1, 2, 0x7fff], true),
            (&[2, 1], false),
            (&[1, 1], false),
            (&[0], false),
            (&[0x8000], false),
            (&[1, 0x8001], false),
        ] {
            let mut bytes = Vec::new();
            encode(&seal(extras), &mut bytes).unwrap();
            let decoded: Option<Seal> = decode(&bytes);
            assert_eq!(decoded.is_some(), is_one, "{extras:?}");
        }
        let mut bytes = Vec::new();
        encode(&seal(&[]), &mut bytes).unwrap();
        assert_eq!(bytes, [0xac, 0x02, 1, 2, 0xab, 0x02, 0]);
        let longer = [0xac, 0x02, 1, 0x82, 0x00, 0xab, 0x02, 0];
        assert!(decode::<Seal>(&longer).is_none());
    }

    #[test]
    fn what_room_is_kept_for_never_takes_more() {
        let start = SegmentStart {
            first_seq: u64::MAX,
            predecessor_end: u64::MAX,
            durable_seq: u64::MAX,
            clocks: LATEST,
            extras: Vec::new(),
        };
        assert!(len_of(&start) <= SEGMENT_START_LEN_MAX);
        let seal = Seal {
            last_seq: u64::MAX,
            next_segment: Some(u32::MAX),
            durable_seq: u64::MAX,
            extras: Vec::new(),
        };
        assert!(len_of(&seal) <= SEAL_LEN_MAX);
        let close = RunClose {
            reason: "closed".into(),
            durable_seq: u64::MAX,
            clocks: LATEST,
            extras: Vec::new(),
        };
        assert!(len_of(&close) <= RUN_CLOSE_LEN_MAX);
        let refused = Refused {
            count: u64::MAX,
            bytes: u64::MAX,
            code: "c".repeat(REFUSED_CODE_LEN_MAX).into(),
            first: LATEST,
            last: LATEST,
            sessions: vec![u32::MAX; REFUSED_SESSIONS_MAX],
            session_count: u64::MAX,
            extras: Vec::new(),
        };
        assert!(len_of(&refused) <= REFUSED_LEN_MAX);
    }
}
