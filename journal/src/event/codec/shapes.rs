//! What each kind of payload is made of, as FORMAT.md says it, read and written by postcard.
//!
//! Tests compare it with what is read and written by hand.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::extras::{CONVERTED_TAG, MEMBERS, OTEL};
use crate::event::Number;
use crate::event::hex::from_hex;
use crate::event::system::MUST_BE_UNDERSTOOD;
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
    /// One of so many words; others stand for the first.
    Word(u32),
    /// How a session ended, and its error; where the one is not known, the other says it.
    End,
    Number,
    Value,
    Members,
    Option(&'static Part),
    Parts(&'static [Part]),
}

use Part::{Bool, Byte, Bytes, Id, Members, Option as Maybe, Parts, Seq, Text, Time, Value};
use Part::{End, Number as Count, U32, U64, Word};

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
        RecordKind::SESSION_END => &[AT, End],
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

    /// A part, if it stands as postcard writes it: numbers have one spelling.
    fn take<T: Deserialize<'p> + Serialize>(&mut self) -> Option<T> {
        let (taken, rest) = postcard::take_from_bytes(self.rest).ok()?;
        let written = postcard::to_allocvec(&taken).expect("memory takes it");
        let is_shortest = self.rest.starts_with(&written);
        self.rest = rest;
        is_shortest.then_some(taken)
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
            Word(count) => {
                let word: u32 = self.take()?;
                self.put(if word < *count { word } else { 0 });
            }
            End => {
                let (status, error): (u32, Option<&str>) = self.take()?;
                let told = u32::from(error.is_some());
                self.put((if status < 2 { status } else { told }, error));
            }
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
        self.element(left, 1).map(drop)
    }

    /// A value that may stand for so many; tells for how many.
    fn element(&mut self, left: u8, count_max: usize) -> Option<usize> {
        let tag: u32 = self.take()?;
        if (9..=15).contains(&tag) {
            return self.elsewhere(tag, count_max);
        }
        self.put(tag);
        match tag {
            0 => {}
            1 => drop(self.copy::<bool>()?),
            2 => drop(self.copy::<i64>()?),
            3 => drop(self.copy::<u64>()?),
            4 => drop(self.copy::<f64>()?),
            5 => drop(self.copy::<&str>()?),
            6 => drop(self.copy::<&serde_bytes::Bytes>()?),
            7 => {
                let left = left.checked_sub(1)?;
                let mut due: usize = self.take()?;
                let before = std::mem::take(&mut self.out);
                let mut count = 0_usize;
                while due > 0 {
                    due -= self.element(left, due)?;
                    count += 1;
                }
                let values = std::mem::replace(&mut self.out, before);
                self.put(count);
                self.out.extend(values);
            }
            8 => drop(self.members(left.checked_sub(1)?)?),
            _ => return None,
        }
        Some(1)
    }

    /// A value that is not here; a map that says so is written in its place.
    fn elsewhere(&mut self, tag: u32, count_max: usize) -> Option<usize> {
        let bytes: &serde_bytes::Bytes = self.take()?;
        let mut inner = Shape::new(bytes);
        let (form, stands_for, size) = match tag {
            9 => inner.take::<(u8, u32, u64)>()?,
            _ => (u8::try_from(tag).ok()?, 1, u64::try_from(bytes.len()).ok()?),
        };
        let is_one = stands_for == 1;
        // Each a map, its members: 2 is a signed integer, 3 a larger one, 6 bytes.
        self.put((
            8_u32,
            1_usize,
            "$not_here",
            8_u32,
            if is_one { 3_usize } else { 4 },
        ));
        self.put((
            if tag == 9 { "form" } else { "tag" },
            2_u32,
            i64::from(form),
        ));
        if !is_one {
            self.put(("stands_for", 2_u32, i64::from(stands_for)));
        }
        match i64::try_from(size) {
            Ok(size) => self.put(("size", 2_u32, size)),
            Err(_) => self.put(("size", 3_u32, size)),
        }
        self.put(("place", 6_u32, serde_bytes::Bytes::new(inner.rest)));
        let count = usize::try_from(stands_for).ok()?;
        (1..=count_max).contains(&count).then_some(count)
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

    /// Extras in the order of their tags, none of which has to be understood.
    fn extras(&mut self) -> Option<()> {
        let (mut extras, mut last) = (Vec::new(), 0);
        for _ in 0..self.take::<usize>()? {
            let (tag, bytes): (u16, &serde_bytes::Bytes) = self.take()?;
            if tag <= last || tag & MUST_BE_UNDERSTOOD != 0 {
                return None;
            }
            last = tag;
            let mut shape = Shape::new(bytes);
            let count = match tag {
                MEMBERS | OTEL => shape.members(DEPTH_MAX),
                CONVERTED_TAG => shape.names(),
                _ => None,
            };
            let again = shape.end().filter(|_| count > Some(0));
            let bytes = again.unwrap_or_else(|| bytes.to_vec());
            extras.push((tag, serde_bytes::ByteBuf::from(bytes)));
        }
        self.put(extras);
        Some(())
    }

    /// Names, no two of them the same; tells how many.
    fn names(&mut self) -> Option<usize> {
        let names: Vec<&str> = self.copy_all()?;
        let distinct: HashSet<&str> = names.iter().copied().collect();
        (distinct.len() == names.len() && names.len() <= 64).then_some(names.len())
    }

    fn copy_all<T: Deserialize<'p> + Serialize>(&mut self) -> Option<T> {
        let all = self.take()?;
        self.put(&all);
        Some(all)
    }
}
