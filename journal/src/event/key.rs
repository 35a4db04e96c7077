//! The name of a member, kept in place if it is short.

use std::borrow::Cow;
use std::fmt;

/// A name in a [`Map`](super::Map). Most are so short that keeping them in place spares an
/// allocation each.
#[derive(Clone)]
pub(crate) enum Key<'a> {
    Borrowed(&'a str),
    /// The first `len` bytes; the others are zeros.
    Short {
        len: u8,
        bytes: [u8; SHORT_LEN],
    },
    Long(Box<str>),
}

impl<'a> Key<'a> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Key::Borrowed(name) => name,
            // They were text when they were put here, and so few are checked again in no time.
            Key::Short { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Key::Long(name) => name,
        }
    }

    /// What comparing takes, which needs no text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Key::Borrowed(name) => name.as_bytes(),
            Key::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Key::Long(name) => name.as_bytes(),
        }
    }

    /// The same name, borrowing from this one.
    pub(crate) fn as_borrowed(&self) -> Key<'_> {
        Key::Borrowed(self.as_str())
    }

    /// The same name, borrowing nothing.
    pub(crate) fn into_owned(self) -> Key<'static> {
        match self {
            Key::Borrowed(name) => Key::owned(name),
            Key::Short { len, bytes } => Key::Short { len, bytes },
            Key::Long(name) => Key::Long(name),
        }
    }

    /// A name of its own.
    pub(crate) fn owned(name: &str) -> Key<'static> {
        let mut bytes = [0; SHORT_LEN];
        match (bytes.get_mut(..name.len()), u8::try_from(name.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(name.as_bytes());
                Key::Short { len, bytes }
            }
            _ => Key::Long(Box::from(name)),
        }
    }

    pub(crate) fn into_cow(self) -> Cow<'a, str> {
        match self {
            Key::Borrowed(name) => Cow::Borrowed(name),
            Key::Short { .. } => Cow::Owned(self.as_str().to_owned()),
            Key::Long(name) => Cow::Owned(name.into_string()),
        }
    }
}

impl<'a> From<Cow<'a, str>> for Key<'a> {
    fn from(name: Cow<'a, str>) -> Key<'a> {
        match name {
            Cow::Borrowed(name) => Key::Borrowed(name),
            Cow::Owned(name) => Key::Long(name.into_boxed_str()),
        }
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Key<'_>) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// With its length and the kind of name it makes as much as a `String`.
const SHORT_LEN: usize = 22;

const _: () = assert!(size_of::<Key<'_>>() == size_of::<String>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_however_it_is_kept() {
        for len in [0, 1, 21, 22, 23, 500] {
            for letter in ["a", "\u{e9}", "\u{2192}"] {
                let name = letter.repeat(len / letter.len());
                let borrowed = Key::from(Cow::Borrowed(name.as_str()));
                let owned = borrowed.clone().into_owned();
                let long = Key::from(Cow::Owned(name.clone()));
                for kept in [&borrowed, &owned, &long, &owned.clone().into_owned()] {
                    assert_eq!((kept.as_str(), kept), (name.as_str(), &borrowed));
                    assert_eq!(kept.clone().into_cow(), name);
                    assert_eq!(format!("{kept:?}"), format!("{name:?}"));
                }
                assert_eq!(matches!(owned, Key::Long(_)), name.len() > SHORT_LEN);
            }
        }
    }
}
