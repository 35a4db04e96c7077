//! A session's start, changes and end.

use super::decoder::Decoder;
use super::encoder::{Encoder, invalid};
use super::field::{id, put_optional_id, put_optional_text, text};
use super::value::{metadata, put_members};
use crate::error::Result;
use crate::event::{SessionEnd, SessionStart, SessionStatus, SessionUpdate};
use crate::format::RecordKind;
use crate::seq::{Address, Generation, RunId, Seq};

pub(super) fn put_start(to: &mut Encoder<'_>, start: &SessionStart<'_>) -> RecordKind {
    put_optional_id(to, &start.trace_id);
    put_optional_text(to, &start.name);
    put_optional_id(to, &start.span);
    put_optional_id(to, &start.parent_session);
    to.option(start.forked_at, put_address);
    put_members(to, "metadata", &start.metadata);
    RecordKind::SESSION_START
}

pub(super) fn read_start<'a>(from: &mut Decoder<'a>) -> Option<SessionStart<'a>> {
    Some(SessionStart {
        trace_id: from.option(id)?,
        name: from.option(text)?,
        span: from.option(id)?,
        parent_session: from.option(id)?,
        forked_at: from.option(address)?,
        metadata: metadata(from)?,
    })
}

pub(super) fn put_update(to: &mut Encoder<'_>, update: &SessionUpdate<'_>) -> RecordKind {
    put_optional_text(to, &update.name);
    put_members(to, "metadata", &update.metadata);
    RecordKind::SESSION_UPDATE
}

pub(super) fn read_update<'a>(from: &mut Decoder<'a>) -> Option<SessionUpdate<'a>> {
    Some(SessionUpdate {
        name: from.option(text)?,
        metadata: metadata(from)?,
    })
}

pub(super) fn put_end(to: &mut Encoder<'_>, end: &SessionEnd<'_>) -> Result<RecordKind> {
    to.number(match end.status {
        SessionStatus::Completed => COMPLETED,
        SessionStatus::Error => ERROR,
        SessionStatus::Running | SessionStatus::Crashed => {
            return Err(invalid(format!(
                "a session ends as completed or error, not as {}",
                end.status.as_str()
            )));
        }
    });
    put_optional_text(to, &end.error);
    Ok(RecordKind::SESSION_END)
}

pub(super) fn read_end<'a>(from: &mut Decoder<'a>) -> Option<SessionEnd<'a>> {
    let (status, error) = (from.u32()?, from.option(text)?);
    let status = match status {
        COMPLETED => SessionStatus::Completed,
        ERROR => SessionStatus::Error,
        // Where no status is known, an error says it.
        _ => {
            from.note_unknown_status();
            match &error {
                Some(_) => SessionStatus::Error,
                None => SessionStatus::Completed,
            }
        }
    };
    Some(SessionEnd { status, error })
}

fn put_address(to: &mut Encoder<'_>, address: Address) {
    to.number(address.run.generation.0);
    to.number(address.run.random);
    to.number(address.seq.get());
}

fn address(from: &mut Decoder<'_>) -> Option<Address> {
    let run = RunId {
        generation: Generation(from.u32()?),
        random: from.u64()?,
    };
    Some(Address {
        run,
        seq: Seq::new(from.u64()?)?,
    })
}

const COMPLETED: u32 = 0;
const ERROR: u32 = 1;
