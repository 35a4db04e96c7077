//! How closely a survey looks.

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Read every byte of every segment.
    Everything,
    /// As `Everything`, but keep rollups of the sessions, not where their records are.
    Counts,
    /// Take finished segments as the caches beside them tell them.
    Caches,
    /// As `Caches`, and make or read the rollups of all sessions.
    Rollups,
    /// As `Rollups`, but segments that a merged cache tells of have no places of their own: the
    /// last of them has those of all.
    Merged,
}

impl Depth {
    /// Whether sessions are only counted.
    pub(crate) fn is_brief(self) -> bool {
        matches!(self, Depth::Counts | Depth::Rollups | Depth::Merged)
    }

    /// Whether no cache is believed.
    pub(crate) fn is_everything(self) -> bool {
        matches!(self, Depth::Everything | Depth::Counts)
    }
}
