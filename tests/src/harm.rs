//! Damage to one record in its file.

use std::ops::Range;

use crate::reference_reader::ReferenceRecord;

/// What befalls a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// The word that makes its frame count is zeros.
    FirstWord,
    /// All of its frame that is not payload is zeros.
    Header,
    /// A bit in its middle is another one.
    Bit,
    /// Everything from its frame on is zeros.
    ToTheEnd,
}

impl Harm {
    /// Each of them.
    pub const ALL: [Harm; 4] = [Harm::FirstWord, Harm::Header, Harm::Bit, Harm::ToTheEnd];

    /// Does it to a record in the bytes of its file; gives the place that was changed.
    pub fn befall(self, record: &ReferenceRecord, file: &mut [u8]) -> Range<usize> {
        let from = usize::try_from(record.offset).unwrap_or(usize::MAX);
        let place = match self {
            Harm::FirstWord => from..from + 8,
            Harm::Header => from..from + 16,
            Harm::Bit => {
                let middle = from + 8 + (8 + record.payload.len()) / 2;
                middle..middle + 1
            }
            Harm::ToTheEnd => from..file.len(),
        };
        for byte in file.get_mut(place.clone()).into_iter().flatten() {
            *byte = match self {
                Harm::Bit => *byte ^ 1,
                _ => 0,
            };
        }
        place
    }
}
