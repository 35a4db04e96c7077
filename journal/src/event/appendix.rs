//! What few events have.

use std::borrow::Cow;

use super::Map;

/// What few events have: kept apart, so that others take no longer for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Appendix<'a> {
    /// What only OpenTelemetry has a word for.
    pub(crate) otel: Map<'a>,
    /// Members that were given as something else, and converted.
    pub(crate) converted: Vec<Cow<'a, str>>,
    /// Optional fields of a newer version, by tag; kept and written again as they are.
    pub(crate) unknown: Vec<(u16, Cow<'a, [u8]>)>,
}

impl Appendix<'_> {
    /// The same, borrowing nothing.
    pub(super) fn into_owned(self) -> Appendix<'static> {
        let unknown = self.unknown.into_iter();
        let converted = self.converted.into_iter();
        Appendix {
            otel: self.otel.into_owned(),
            converted: converted.map(|name| name.into_owned().into()).collect(),
            unknown: unknown
                .map(|(tag, bytes)| (tag, Cow::Owned(bytes.into_owned())))
                .collect(),
        }
    }
}
