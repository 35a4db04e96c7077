//! What the end of a segment, and what a gap in it, means: two tables, each row a way the disk
//! can have got there.

use super::witness::Fate;

/// What to think of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Sound,
    /// Its owner is still writing there, or died while it did and lost nothing else.
    InFlight,
    /// A crash explains it, and nothing lost there was ever seen durable.
    Torn,
    /// Retention removed it.
    Retired,
    /// No crash explains it.
    Damage,
}

/// What is seen where the intact frames of a segment end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndSight {
    /// The last frame is a `Seal`.
    pub(crate) is_sealed: bool,
    /// There is an intact frame at all.
    pub(crate) has_frames: bool,
    /// The file is shorter than its header says, or too short for the header it has a part of.
    pub(crate) is_cut: bool,
    /// The seal before it names it, yet it has no intact header page.
    pub(crate) is_hollow: bool,
    /// The process of the run is there.
    pub(crate) is_live: bool,
    /// The next segment is there.
    pub(crate) is_followed: bool,
    /// An append that was not finished explains what is there, and nothing but the end of its
    /// process came in between.
    pub(crate) is_half_done: bool,
    /// What is behind the last intact frame.
    pub(crate) behind: Bytes,
    /// The worst fate of the numbers known to be missing there.
    pub(crate) missing: Missing,
}

/// What is seen between two intact frames of a run that do not follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GapSight {
    pub(crate) is_live: bool,
    /// As in an [`EndSight`].
    pub(crate) is_half_done: bool,
    /// What is between them.
    pub(crate) between: Between,
    /// The fate of the missing numbers.
    pub(crate) missing: Missing,
}

/// Bytes that are no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    Zeros,
    NotZeros,
    /// Some could not be read, or were not searched.
    Unread,
}

/// What lies between two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// Not even a file.
    NoFile,
    These(Bytes),
}

/// Sequence numbers that are missing at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    None,
    Retired,
    Unwitnessed,
    /// Proved durable, or in memory written.
    Durable,
}

impl From<Fate> for Missing {
    fn from(fate: Fate) -> Missing {
        match fate {
            Fate::Durable | Fate::Written => Missing::Durable,
            Fate::Retired => Missing::Retired,
            Fate::Unwitnessed => Missing::Unwitnessed,
        }
    }
}

/// What the end of a segment means.
pub(crate) fn end_verdict(sight: EndSight) -> Verdict {
    decide(END_ROWS, &sight)
}

/// What a gap means.
pub(crate) fn gap_verdict(sight: GapSight) -> Verdict {
    decide(GAP_ROWS, &sight)
}

/// One way the disk can have got there.
struct Row<Sight> {
    /// How it happened.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "says what the row is; tests print it")
    )]
    how: &'static str,
    fits: fn(&Sight) -> bool,
    verdict: Verdict,
}

fn decide<Sight>(rows: &[Row<Sight>], sight: &Sight) -> Verdict {
    let row = rows.iter().find(|row| (row.fits)(sight));
    row.map_or(Verdict::Damage, |row| row.verdict)
}

const END_ROWS: &[Row<EndSight>] = &[
    Row {
        how: "rotated or closed; behind the seal at most what a failed append left",
        fits: |s| s.is_sealed && !s.is_missing(),
        verdict: Verdict::Sound,
    },
    Row {
        how: "sealed, yet numbers are missing before the next segment: no writer skips any",
        fits: |s| s.is_sealed && s.is_missing(),
        verdict: Verdict::Damage,
    },
    Row {
        how: "a witness proves that records behind the end were durable",
        fits: |s| !s.is_sealed && s.missing == Missing::Durable,
        verdict: Verdict::Damage,
    },
    Row {
        how: "died while the segment was being prepared, or it was never used",
        fits: |s| s.is_unused() && (s.is_live || !s.is_cut) && !s.is_emptied(),
        verdict: Verdict::Sound,
    },
    Row {
        how: "cut by somebody else, though unused: space is taken before the header is written",
        fits: |s| s.is_unused() && s.is_cut && !s.is_live,
        verdict: Verdict::Damage,
    },
    Row {
        how: "emptied by somebody else: its header was durable before a seal could name it",
        fits: |s| s.is_unused() && s.is_emptied() && (s.is_live || !s.is_cut),
        verdict: Verdict::Damage,
    },
    Row {
        how: "cut by somebody else: the owner cuts only behind a seal",
        fits: |s| s.is_open() && !s.is_unused() && s.is_cut && !s.is_live,
        verdict: Verdict::Damage,
    },
    Row {
        how: "an append failed, then sealing did, and the owner went on in the next segment",
        fits: |s| s.is_whole() && s.goes_on() && s.behind != Bytes::Unread,
        verdict: Verdict::Sound,
    },
    Row {
        how: "the owner is still writing",
        fits: |s| {
            s.is_open()
                && !s.is_unused()
                && s.is_live
                && s.behind != Bytes::Unread
                && !(s.is_whole() && s.goes_on())
        },
        verdict: Verdict::InFlight,
    },
    Row {
        how: "the disk could not read what is there, or it was not searched",
        fits: |s| s.is_open() && s.behind == Bytes::Unread && (s.is_live || !s.is_cut),
        verdict: Verdict::Damage,
    },
    Row {
        how: "the process died between two appends",
        fits: |s| s.is_still() && s.has_frames && s.behind == Bytes::Zeros && s.is_last(),
        verdict: Verdict::Sound,
    },
    Row {
        how: "the process died inside an append, or power failed before a sync",
        fits: |s| s.is_inside() && !s.is_half_done,
        verdict: Verdict::Torn,
    },
    Row {
        how: "power failed before a sync, but records of the next segment reached the disk",
        fits: |s| s.is_overtaken() && !s.is_half_done,
        verdict: Verdict::Torn,
    },
    Row {
        how: "the process died inside an append, and no power failed",
        fits: |s| (s.is_inside() || s.is_overtaken()) && s.is_half_done,
        verdict: Verdict::InFlight,
    },
];

impl EndSight {
    /// Records that retention removed are not missed.
    fn is_missing(&self) -> bool {
        matches!(self.missing, Missing::Unwitnessed | Missing::Durable)
    }

    /// Unsealed, and nothing durable is missing.
    fn is_open(&self) -> bool {
        !self.is_sealed && self.missing != Missing::Durable
    }

    /// Open, used, and of its full length.
    fn is_whole(&self) -> bool {
        self.is_open() && !self.is_unused() && !self.is_cut
    }

    /// Open, of its full length, its owner gone.
    fn is_still(&self) -> bool {
        self.is_open() && !self.is_cut && !self.is_live
    }

    /// Something was written behind the last frame, and nothing more.
    fn is_inside(&self) -> bool {
        self.is_still() && self.behind == Bytes::NotZeros && self.is_last()
    }

    /// Records behind it are there.
    fn is_overtaken(&self) -> bool {
        self.is_still() && self.behind != Bytes::Unread && self.is_missing()
    }

    /// The next segment begins with the very number that is due here.
    fn goes_on(&self) -> bool {
        self.is_followed && !self.is_missing()
    }

    /// It was whole once. One that could not be made is stepped over: the next one takes its place.
    fn is_emptied(&self) -> bool {
        self.is_hollow && !self.goes_on()
    }

    /// Nothing is known to come behind it.
    fn is_last(&self) -> bool {
        !self.is_followed && !self.is_missing()
    }

    fn is_unused(&self) -> bool {
        let is_blank = !self.has_frames && self.behind == Bytes::Zeros;
        self.is_open() && is_blank && !self.is_missing()
    }
}

const GAP_ROWS: &[Row<GapSight>] = &[
    Row {
        how: "a segment without records is not there: nothing is missing",
        fits: |s| s.missing == Missing::None && s.between == Between::NoFile,
        verdict: Verdict::Sound,
    },
    Row {
        how: "bytes between two frames that follow each other: no writer leaves any",
        fits: |s| s.missing == Missing::None && s.between != Between::NoFile,
        verdict: Verdict::Damage,
    },
    Row {
        how: "removed by retention",
        fits: |s| s.missing == Missing::Retired,
        verdict: Verdict::Retired,
    },
    Row {
        how: "a witness proves that the records were durable",
        fits: |s| s.missing == Missing::Durable,
        verdict: Verdict::Damage,
    },
    Row {
        how: "a segment file is gone: its name was durable before it was used",
        fits: |s| s.missing == Missing::Unwitnessed && s.between == Between::NoFile,
        verdict: Verdict::Damage,
    },
    Row {
        how: "the disk could not read what is there, or it was not searched",
        fits: |s| s.missing == Missing::Unwitnessed && s.between == Between::These(Bytes::Unread),
        verdict: Verdict::Damage,
    },
    Row {
        how: "appends of other threads are still being written",
        fits: |s| s.is_live && s.is_unsynced(),
        verdict: Verdict::InFlight,
    },
    Row {
        how: "the process died inside an append, and another thread's behind it was finished",
        fits: |s| !s.is_live && s.is_unsynced() && s.is_half_done,
        verdict: Verdict::InFlight,
    },
    Row {
        how: "un-synced records reach the disk in any order",
        fits: |s| !s.is_live && s.is_unsynced() && !s.is_half_done,
        verdict: Verdict::Torn,
    },
];

impl GapSight {
    fn is_unsynced(&self) -> bool {
        let is_read = matches!(self.between, Between::These(Bytes::Zeros | Bytes::NotZeros));
        self.missing == Missing::Unwitnessed && is_read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: [Bytes; 3] = [Bytes::Zeros, Bytes::NotZeros, Bytes::Unread];
    const BOOLS: [u8; 4] = [0, 1, 2, 3];
    const MISSING: [Missing; 4] = [
        Missing::None,
        Missing::Retired,
        Missing::Unwitnessed,
        Missing::Durable,
    ];

    fn only_row<Sight: std::fmt::Debug>(rows: &[Row<Sight>], sight: &Sight) -> usize {
        let fitting: Vec<usize> = (0..rows.len())
            .filter(|at| (rows[*at].fits)(sight))
            .collect();
        let hows: Vec<&str> = fitting.iter().map(|at| rows[*at].how).collect();
        assert_eq!(fitting.len(), 1, "{sight:?} fits {hows:?}");
        fitting[0]
    }

    fn end_sights() -> Vec<EndSight> {
        let mut sights = Vec::new();
        for bits in 0..128 {
            for behind in BYTES {
                for missing in MISSING {
                    sights.push(EndSight {
                        is_sealed: bits & 1 != 0,
                        has_frames: bits & 2 != 0,
                        is_cut: bits & 4 != 0,
                        is_live: bits & 8 != 0,
                        is_followed: bits & 16 != 0,
                        is_hollow: bits & 32 != 0,
                        is_half_done: bits & 64 != 0,
                        behind,
                        missing,
                    });
                }
            }
        }
        sights
    }

    fn gap_sights() -> Vec<GapSight> {
        let mut sights = Vec::new();
        let betweens = BYTES.map(Between::These);
        for between in betweens.into_iter().chain([Between::NoFile]) {
            for missing in MISSING {
                for (is_live, is_half_done) in BOOLS.map(|b| (b & 1 != 0, b & 2 != 0)) {
                    sights.push(GapSight {
                        is_live,
                        is_half_done,
                        between,
                        missing,
                    });
                }
            }
        }
        sights
    }

    #[test]
    fn exactly_one_row_fits_every_end() {
        let mut used = vec![false; END_ROWS.len()];
        for sight in end_sights() {
            used[only_row(END_ROWS, &sight)] = true;
        }
        assert!(used.iter().all(|used| *used), "a row that nothing fits");
    }

    #[test]
    fn exactly_one_row_fits_every_gap() {
        let mut used = vec![false; GAP_ROWS.len()];
        for sight in gap_sights() {
            used[only_row(GAP_ROWS, &sight)] = true;
        }
        assert!(used.iter().all(|used| *used), "a row that nothing fits");
    }

    #[test]
    fn what_was_durable_and_is_missing_is_always_damage() {
        for sight in end_sights() {
            let is_durable = sight.missing == Missing::Durable;
            assert!(!is_durable || end_verdict(sight) == Verdict::Damage);
        }
        for sight in gap_sights() {
            let is_durable = sight.missing == Missing::Durable;
            assert!(!is_durable || gap_verdict(sight) == Verdict::Damage);
        }
    }

    #[test]
    fn the_end_of_a_run_that_was_cut_or_emptied_is_never_sound() {
        let sights = end_sights().into_iter();
        let is_lost = |s: &EndSight| !s.is_live && !s.is_sealed && s.behind == Bytes::Zeros;
        for sight in sights.filter(|s| is_lost(s) && s.missing == Missing::None) {
            let is_emptied = sight.is_hollow && !sight.has_frames && !sight.is_followed;
            if sight.is_cut || is_emptied {
                assert_eq!(end_verdict(sight), Verdict::Damage, "{sight:?}");
            }
        }
    }

    #[test]
    fn a_run_that_is_written_is_never_torn() {
        for sight in end_sights().into_iter().filter(|sight| sight.is_live) {
            assert_ne!(end_verdict(sight), Verdict::Torn);
        }
        for sight in gap_sights().into_iter().filter(|sight| sight.is_live) {
            assert_ne!(gap_verdict(sight), Verdict::Torn);
        }
    }
}
