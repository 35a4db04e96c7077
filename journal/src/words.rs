//! Closed sets of names: each has one spelling, in every output, and reads back.

/// A text is not the name of anything of that sort.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {sort}: expected {expected}")]
pub struct ParseError {
    sort: &'static str,
    text: String,
    expected: &'static str,
}

impl ParseError {
    pub(crate) fn new(sort: &'static str, text: &str, expected: &'static str) -> ParseError {
        // What is told of a text fits a line, however long it is.
        let text = text.chars().take(TEXT_LEN_MAX).collect();
        ParseError {
            sort,
            text,
            expected,
        }
    }
}

const TEXT_LEN_MAX: usize = 64;

/// Gives the variants of an enum their names: `as_str`, `Serialize` and `FromStr`.
macro_rules! words {
    ($type:ident: $sort:literal, $method:ident {
        $first:ident => $first_name:literal, $($variant:ident => $name:literal,)+
    }) => {
        impl $type {
            /// The name in every output; it never changes between releases.
            #[must_use]
            pub const fn $method(self) -> &'static str {
                match self {
                    $type::$first => $first_name,
                    $($type::$variant => $name,)+
                }
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.$method())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::words::ParseError;

            fn from_str(text: &str) -> Result<$type, $crate::words::ParseError> {
                const EXPECTED: &str = concat!($first_name $(, ", ", $name)+);
                match text {
                    $first_name => Ok($type::$first),
                    $($name => Ok($type::$variant),)+
                    _ => Err($crate::words::ParseError::new($sort, text, EXPECTED)),
                }
            }
        }
    };
}

/// As `words`, and `Display`.
macro_rules! shown_words {
    ($type:ident: $sort:literal, $($rest:tt)+) => {
        $crate::words::words!($type: $sort, as_str $($rest)+);

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub(crate) use {shown_words, words};
