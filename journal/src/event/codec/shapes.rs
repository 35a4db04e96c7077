//! What each kind of payload is made of, as FORMAT.md says it, read and written by postcard.
//!
//! Tests compare it with what is read and written by hand.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::extras::MEMBERS;
use crate::event::Number;
use crate::event::hex::from_hex;
use crate::event::value::DEPTH_MAX;
use crate::format::RecordKind;

/// A part of a payload.
enum Part {
    Id,
    Time,
    Text,
    Bytes,
    Bool,
    Byte,
    U32,
    U64,
    /// A number that is not 0.
    Seq,
    /// One of so many words.
    Word(u32),
    Number,
    Value,
    Members,
    Option(&'static Part),
    Parts(&'static [Part]),
}

use Part::{Bool, Byte, Bytes, Id, Members, Option as Maybe, Parts, Seq, Text, Time, Value};
use Part::{Number as Count, U32, U64, Word};

const AT: Part = Maybe(&Time);
const SPAN_STATUS: Part = Word(3);
const ADDRESS: Part = Parts(&[U32, U64, Seq]);
const MODEL: Part = Parts(&[Maybe(&Text), Maybe(&Text), Maybe(&Text)]);
const TOKENS: Part = Parts(&[Count, Count, Count, Count, Count]);

const FIELDS: Part = Parts(&[
    Maybe(&Value),
    Maybe(&Value),
    Maybe(&MODEL),
    Maybe(&Id),
    Maybe(&TOKENS),
    Maybe(&Count),
    Maybe(&Text),
    Members,
]);

const BEGIN: Part = Parts(&[
    Id,
    Maybe(&Id),
    Text,
    Text,
    Maybe(&Time),
    Maybe(&Id),
    Maybe(&Byte),
    FIELDS,
]);

const FINISH: Part = Parts(&[SPAN_STATUS, Maybe(&Text), Maybe(&Time), Bool, FIELDS]);

/// All of a payload but the extras.
fn parts(kind: RecordKind) -> Option<&'static [Part]> {
    Some(match kind {
        RecordKind::SESSION_START => &[
            Id,
            AT,
            Maybe(&Id),
            Maybe(&Text),
            Maybe(&Id),
            Maybe(&Id),
            Maybe(&ADDRESS),
            Members,
        ],
        RecordKind::SESSION_UPDATE => &[AT, Maybe(&Text), Members],
        RecordKind::SESSION_END => &[AT, Word(2), Maybe(&Text)],
        RecordKind::SPAN_START => &[AT, BEGIN],
        RecordKind::SPAN_UPDATE => &[
            AT,
            Id,
            Maybe(&Text),
            Maybe(&SPAN_STATUS),
            Maybe(&Text),
            FIELDS,
        ],
        RecordKind::SPAN_END => &[AT, Id, FINISH],
        RecordKind::SPAN => &[AT, BEGIN, FINISH],
        RecordKind::TEXT => &[AT, Id, Text, Maybe(&U64), Text],
        RecordKind::LOG => &[AT, Maybe(&Id), Maybe(&Text), Byte, Value, Members],
        RecordKind::LINK => &[AT, Maybe(&Id), Maybe(&Id), Maybe(&Id), Maybe(&Id), Members],
        RecordKind::COUNTER => &[AT, Text, Count, Maybe(&Text), Maybe(&Id)],
        RecordKind::CRASH_NOTE => &[AT, Maybe(&Text), Maybe(&Text)],
        RecordKind::CUSTOM => &[AT, Text, Value],
        RecordKind::LINE => &[AT, Bytes],
        _ => return None,
    })
}

/// The payload as this library would write it; `None` if it is none.
pub(super) fn rewritten(kind: RecordKind, payload: &[u8]) -> Option<Vec<u8>> {
    let mut shape = Shape::new(payload);
    for part in parts(kind)? {
        shape.part(part)?;
    }
    shape.extras()?;
    shape.end()
}

#[derive(Serialize, Deserialize)]
enum AnyId<'a> {
    Hex8([u8; 8]),
    Hex16([u8; 16]),
    Text(&'a str),
}

#[derive(Serialize, Deserialize)]
enum AnyNumber {
    I64(i64),
    F64(f64),
}

/// What is left to read, and what was written again of the rest.
struct Shape<'p> {
    rest: &'p [u8],
    out: Vec<u8>,
}

impl<'p> Shape<'p> {
    fn new(rest: &'p [u8]) -> Shape<'p> {
        let out = Vec::new();
        Shape { rest, out }
    }

    fn end(self) -> Option<Vec<u8>> {
        self.rest.is_empty().then_some(self.out)
    }

    fn take<T: Deserialize<'p>>(&mut self) -> Option<T> {
        let (taken, rest) = postcard::take_from_bytes(self.rest).ok()?;
        self.rest = rest;
        Some(taken)
    }

    fn put<T: Serialize>(&mut self, part: T) {
        self.out
            .extend(postcard::to_allocvec(&part).expect("memory takes it"));
    }

    fn copy<T: Deserialize<'p> + Serialize + Copy>(&mut self) -> Option<T> {
        let part = self.take()?;
        self.put(part);
        Some(part)
    }

    fn part(&mut self, part: &Part) -> Option<()> {
        match part {
            Id => {
                let id = match self.take()? {
                    AnyId::Text(id) => {
                        let short = from_hex(id).map(AnyId::Hex8);
                        let short = short.or_else(|| from_hex(id).map(AnyId::Hex16));
                        short.unwrap_or(AnyId::Text(id))
                    }
                    id => id,
                };
                self.put(id);
            }
            Time => {
                let (_, nanoseconds): (i64, u32) = self.copy()?;
                return (nanoseconds < 1_000_000_000).then_some(());
            }
            Text => drop(self.copy::<&str>()?),
            Bytes => drop(self.copy::<&serde_bytes::Bytes>()?),
            Bool => drop(self.copy::<bool>()?),
            Byte => drop(self.copy::<u8>()?),
            U32 => drop(self.copy::<u32>()?),
            U64 => drop(self.copy::<u64>()?),
            Seq => return (self.copy::<u64>()? != 0).then_some(()),
            Word(count) => return (self.copy::<u32>()? < *count).then_some(()),
            Count => {
                let number = match self.take()? {
                    AnyNumber::I64(value) => Number::I64(value),
                    AnyNumber::F64(value) => value.is_finite().then(|| Number::from(value))?,
                };
                self.put(match number {
                    Number::I64(value) => AnyNumber::I64(value),
                    Number::F64(value) => AnyNumber::F64(value),
                });
            }
            Value => self.value(DEPTH_MAX)?,
            Members => self.members(DEPTH_MAX - 1).map(drop)?,
            Maybe(part) => {
                if self.copy::<bool>()? {
                    self.part(part)?;
                }
            }
            Parts(parts) => {
                for part in *parts {
                    self.part(part)?;
                }
            }
        }
        Some(())
    }

    fn value(&mut self, left: u8) -> Option<()> {
        match self.copy::<u32>()? {
            0 => {}
            1 => drop(self.copy::<bool>()?),
            2 => drop(self.copy::<i64>()?),
            3 => drop(self.copy::<u64>()?),
            4 => drop(self.copy::<f64>()?),
            5 => drop(self.copy::<&str>()?),
            6 => drop(self.copy::<&serde_bytes::Bytes>()?),
            7 => {
                let left = left.checked_sub(1)?;
                for _ in 0..self.copy::<usize>()? {
                    self.value(left)?;
                }
            }
            8 => drop(self.members(left.checked_sub(1)?)?),
            _ => return None,
        }
        Some(())
    }

    /// Members, no two of the same name; tells how many.
    fn members(&mut self, left: u8) -> Option<usize> {
        let count = self.copy()?;
        let mut names = HashSet::new();
        for _ in 0..count {
            let name: &str = self.copy()?;
            self.value(left)?;
            names.insert(name).then_some(())?;
        }
        Some(count)
    }

    /// Extras: the first that holds members goes before the others.
    fn extras(&mut self) -> Option<()> {
        let mut extras = Vec::new();
        let mut members = None;
        for _ in 0..self.take::<usize>()? {
            let (tag, bytes): (u16, &serde_bytes::Bytes) = self.take()?;
            if tag == 0 {
                return None;
            }
            let mut shape = Shape::new(bytes);
            let count = shape.members(DEPTH_MAX);
            match shape.end().filter(|_| tag == MEMBERS && count > Some(0)) {
                Some(bytes) if members.is_none() => members = Some(bytes),
                _ => extras.push((tag, bytes.to_vec())),
            }
        }
        let members = members.map(|bytes| (MEMBERS, bytes));
        let extras = members.into_iter().chain(extras);
        let extras = extras.map(|(tag, bytes)| (tag, serde_bytes::ByteBuf::from(bytes)));
        self.put(extras.collect::<Vec<_>>());
        Some(())
    }
}
