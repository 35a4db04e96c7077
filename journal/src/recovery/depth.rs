//! How closely a survey looks.

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Read every byte of every segment.
    Everything,
    /// As `Everything`, but keep digests of the sessions, not where their records are.
    Counts,
    /// Take finished segments as the caches beside them tell them.
    Caches,
    /// As `Caches`, and make or read the digests of all sessions.
    Digests,
    /// As `Digests`, but segments that a joint cache tells of have no places of their own: the
    /// last of them has those of all.
    Joint,
}

impl Depth {
    /// Whether sessions are only counted.
    pub(crate) fn is_brief(self) -> bool {
        matches!(self, Depth::Counts | Depth::Digests | Depth::Joint)
    }

    /// Whether no cache is believed.
    pub(crate) fn is_everything(self) -> bool {
        matches!(self, Depth::Everything | Depth::Counts)
    }
}
