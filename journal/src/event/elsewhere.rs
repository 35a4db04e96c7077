//! A value that a record does not hold itself.

use std::borrow::Cow;

/// A value that is kept elsewhere, and which this library cannot get from there.
///
/// It is shown as not here, in JSON as `{"$not_here": {…}}`, and is recorded again as that: where
/// it is kept means nothing to another record.
#[derive(Clone, Debug, PartialEq)]
pub struct Elsewhere<'a> {
    /// The tag it has on the disk.
    pub(super) tag: u8,
    /// How it is kept; `None` for tags of later versions.
    pub(super) form: Option<u8>,
    pub(super) stands_for: u32,
    pub(super) size: u64,
    /// Where it is, as the form has it.
    pub(super) place: Cow<'a, [u8]>,
}

impl<'a> Elsewhere<'a> {
    /// What follows [`TAG`]; `stands_for` is never 0.
    pub(crate) fn new(form: u8, stands_for: u32, size: u64, place: &'a [u8]) -> Elsewhere<'a> {
        Elsewhere {
            tag: TAG,
            form: Some(form),
            stands_for,
            size,
            place: Cow::Borrowed(place),
        }
    }

    /// What follows a tag that this library does not know.
    pub(crate) fn of_tag(tag: u8, bytes: &'a [u8]) -> Elsewhere<'a> {
        Elsewhere {
            tag,
            form: None,
            stands_for: 1,
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            place: Cow::Borrowed(bytes),
        }
    }

    /// In how many bytes it is kept.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many values it stands for: more than one only in a list.
    #[must_use]
    pub fn stands_for(&self) -> u32 {
        self.stands_for
    }

    /// The same, borrowing nothing.
    pub(super) fn into_owned(self) -> Elsewhere<'static> {
        Elsewhere {
            tag: self.tag,
            form: self.form,
            stands_for: self.stands_for,
            size: self.size,
            place: Cow::Owned(self.place.into_owned()),
        }
    }

    pub(super) fn as_borrowed(&self) -> Elsewhere<'_> {
        Elsewhere {
            tag: self.tag,
            form: self.form,
            stands_for: self.stands_for,
            size: self.size,
            place: Cow::Borrowed(&self.place),
        }
    }
}

/// The tag of a value that is elsewhere; those behind it, up to [`TAG_MAX`], are of later versions
/// and followed by bytes, too.
pub(crate) const TAG: u8 = 9;

/// The last tag that is followed by bytes, whatever they mean.
pub(crate) const TAG_MAX: u8 = 15;
