//! Places in order: sequence numbers, runs, segments.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::words::ParseError;

/// The place of a record in its run; the first is 1 and none is left out.
///
/// All records of a run share one numbering, the library's own records included, so the numbers a
/// caller is given may skip. A journal opened with `open_best_effort` may go on in a new run after
/// a failure; its numbers then begin anew, but compare as later, and a wait for a number of the
/// failed run never takes one of the new run for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Seq(NonZeroU64);

impl Seq {
    /// The sequence number of the first record of a run.
    pub const FIRST: Seq = Seq(NonZeroU64::MIN);

    /// The largest sequence number: 2^48 - 1, which no run can reach.
    pub const MAX: Seq = Seq(NonZeroU64::new(VALUE_MASK).expect("the mask is not 0"));

    /// The sequence number with this value, or `None` for 0 and above [`Seq::MAX`].
    #[must_use]
    pub fn new(value: u64) -> Option<Seq> {
        if value > VALUE_MASK {
            None
        } else {
            NonZeroU64::new(value).map(Seq)
        }
    }

    /// The value, at least 1.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get() & VALUE_MASK
    }

    /// The number after this one; stays at [`Seq::MAX`], which no run can reach.
    #[must_use]
    pub fn next(self) -> Seq {
        Seq::new(self.get() + 1)
            .unwrap_or(Seq::MAX)
            .in_opening(self.opening())
    }

    /// The number as 64 bits for other languages to hold: opaque, but later numbers have larger
    /// ones. Unlike [`get`](Seq::get) it says which run of a handle the number is of; it is below
    /// 2^53, so that a double holds it, up to the 32nd run.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0.get()
    }

    /// What [`to_bits`](Seq::to_bits) gave; `None` for what it never gives.
    #[must_use]
    pub fn from_bits(bits: u64) -> Option<Seq> {
        Seq::new(bits & VALUE_MASK)?;
        NonZeroU64::new(bits).map(Seq)
    }

    /// Which of the runs that one handle opened the number is of; 0 for the first.
    pub(crate) fn opening(self) -> u16 {
        u16::try_from(self.0.get() >> VALUE_BITS).unwrap_or(u16::MAX)
    }

    /// The same number in the given run of a handle.
    pub(crate) fn in_opening(self, opening: u16) -> Seq {
        Seq(self.0 | (u64::from(opening) << VALUE_BITS))
    }
}

/// Bits of a number that are its value; those above say which opening it belongs to.
const VALUE_BITS: u32 = 48;
const VALUE_MASK: u64 = (1 << VALUE_BITS) - 1;

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// The place of a run among the runs of a journal: 1 + the largest one listed when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Generation(pub(crate) u32);

/// The name of a run: one opening of the journal by one process.
///
/// Runs order by generation, then by their random part. Written as 8 hex digits, `-`, 16 hex
/// digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    /// Place of the run among the runs of its journal.
    pub(crate) generation: Generation,
    /// Random part, which keeps runs apart that were opened at the same moment.
    pub(crate) random: u64,
}

impl RunId {
    /// The run of this generation with this random part.
    #[must_use]
    pub const fn new(generation: u32, random: u64) -> RunId {
        RunId {
            generation: Generation(generation),
            random,
        }
    }

    /// Place of the run among the runs of its journal: 1 + the largest one listed when it was
    /// opened.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation.0
    }

    /// The random part.
    #[must_use]
    pub const fn random(self) -> u64 {
        self.random
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:016x}", self.generation.0, self.random)
    }
}

impl FromStr for RunId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<RunId, ParseError> {
        const EXPECTED: &str = "8 hex digits, '-', 16 hex digits";
        parse_run(text).ok_or_else(|| ParseError::new("name of a run", text, EXPECTED))
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn parse_run(text: &str) -> Option<RunId> {
    let (generation, random) = text.split_once('-')?;
    let generation = u32::try_from(parse_hex(generation, 8)?).ok()?;
    Some(RunId::new(generation, parse_hex(random, 16)?))
}

/// Exactly `digits` lower-case hex digits, so that a name has one spelling only.
fn parse_hex(text: &str, digits: usize) -> Option<u64> {
    if text.len() != digits || digits > 16 {
        return None;
    }
    text.bytes().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u64::from(value))
    })
}

/// The number of a segment within its run; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentNumber(pub(crate) u32);

impl SegmentNumber {
    /// The first segment of a run.
    pub const FIRST: SegmentNumber = SegmentNumber(1);

    /// The segment of this number.
    #[must_use]
    pub const fn new(number: u32) -> SegmentNumber {
        SegmentNumber(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number of the segment after this one.
    #[must_use]
    pub fn next(self) -> SegmentNumber {
        SegmentNumber(self.0.saturating_add(1))
    }
}

impl fmt::Display for SegmentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// Where a record is: its run and its sequence number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The run that wrote the record.
    pub run: RunId,
    /// The place of the record in that run.
    pub seq: Seq,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.run, self.seq)
    }
}

impl FromStr for Address {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Address, ParseError> {
        let parse = || {
            let (run, seq) = text.split_once(':')?;
            let seq = seq.parse().ok().and_then(Seq::new)?;
            Some(Address {
                run: run.parse().ok()?,
                seq,
            })
        };
        parse().ok_or_else(|| ParseError::new("address", text, "a run, ':', a number from 1 on"))
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_name_reads_back() {
        let run = RunId {
            generation: Generation(0x1f),
            random: 0xdead_beef,
        };
        assert_eq!(run.to_string(), "0000001f-00000000deadbeef");
        assert_eq!(run.to_string().parse(), Ok(run));
    }

    #[test]
    fn numbers_of_a_later_opening_are_later_and_keep_their_value() {
        let seq = Seq::new(7).unwrap();
        let later = Seq::FIRST.in_opening(1);
        assert_eq!(
            (later.get(), later.opening(), later.to_string()),
            (1, 1, "1".to_owned())
        );
        assert!(later > seq && later.next() > later && later.next().get() == 2);
        assert_eq!(Seq::MAX.next(), Seq::MAX);
        assert_eq!(Seq::new(0), None);
        assert_eq!(Seq::new(1 << 48), None);
    }

    #[test]
    fn bits_hold_the_opening_and_a_double_holds_them_up_to_the_32nd_run() {
        let last = Seq::MAX.in_opening(31);
        assert_eq!(last.to_bits(), (1 << 53) - 1);
        for seq in [Seq::FIRST, Seq::MAX, Seq::FIRST.in_opening(32), last] {
            assert_eq!(Seq::from_bits(seq.to_bits()), Some(seq));
        }
        assert!(Seq::MAX.to_bits() < Seq::FIRST.in_opening(1).to_bits());
        for bits in [0, 1 << 48, 7 << 48] {
            assert_eq!(Seq::from_bits(bits), None, "{bits:x}");
        }
    }

    #[test]
    fn run_name_has_one_spelling() {
        for text in [
            "",
            "1f-2",
            "0000001F-00000000deadbeef",
            "+000001f-00000000deadbeef",
        ] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}
