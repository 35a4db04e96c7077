//! Names of the files of a journal, built and strictly parsed.

use std::fmt;

use crate::seq::{RunId, SegmentNumber};

/// What a file of a journal is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileName {
    /// `<run>-000001.seg`: a segment.
    Segment(RunId, SegmentNumber),
    /// `<run>-000001.idx`: the cache beside a finished segment.
    Index(RunId, SegmentNumber),
    /// `<run>-000001.idx.tmp`: such a cache in the making.
    IndexTemporary(RunId, SegmentNumber),
    /// `<run>-000001-000008.idx`: the merged cache of the segments from the first to the last.
    Merged(RunId, SegmentNumber, SegmentNumber),
    /// `<run>-000001-000008.idx.tmp`: such a cache in the making.
    MergedTemporary(RunId, SegmentNumber, SegmentNumber),
    /// `<run>.run`: locked while the run lives.
    Run(RunId),
    /// `<run>.run.tmp`: a `.run` file in the making.
    RunTemporary(RunId),
    /// `<run>.claim`: locked while a process recovers the run.
    Claim(RunId),
    /// `<run>.poisoned`: a sync of the run failed.
    Poisoned(RunId),
}

impl FileName {
    /// What the file of this name is; `None` for a foreign file.
    #[must_use]
    pub fn parse(name: &str) -> Option<FileName> {
        let (stem, extension) = name.split_once('.')?;
        match extension {
            "run" => stem.parse().ok().map(FileName::Run),
            "run.tmp" => stem.parse().ok().map(FileName::RunTemporary),
            "claim" => stem.parse().ok().map(FileName::Claim),
            "poisoned" => stem.parse().ok().map(FileName::Poisoned),
            "seg" => parse_segment(stem).map(|(run, number)| FileName::Segment(run, number)),
            "idx" => match parse_merged(stem) {
                Some((run, first, last)) => Some(FileName::Merged(run, first, last)),
                None => parse_segment(stem).map(|(run, number)| FileName::Index(run, number)),
            },
            "idx.tmp" => match parse_merged(stem) {
                Some((run, first, last)) => Some(FileName::MergedTemporary(run, first, last)),
                None => {
                    parse_segment(stem).map(|(run, number)| FileName::IndexTemporary(run, number))
                }
            },
            _ => None,
        }
    }

    /// The segment that a file of a kind this library does not know stands for by its name,
    /// `<run>-<number>.<other>`, if it begins with a header page.
    #[must_use]
    pub fn stands_for(name: &str) -> Option<(RunId, SegmentNumber)> {
        let (stem, _) = name.split_once('.')?;
        match FileName::parse(name) {
            Some(_) => None,
            None => parse_segment(stem),
        }
    }

    /// Whether a name's ending is kept for files of later versions of the library.
    pub(crate) fn is_reserved(name: &str) -> bool {
        let ending = name.split_once('.').map(|(_, ending)| ending);
        ending.is_some_and(|ending| matches!(ending, "segz" | "par" | "key"))
    }

    /// The run the file belongs to.
    #[must_use]
    pub fn run(self) -> RunId {
        match self {
            FileName::Segment(run, _)
            | FileName::Index(run, _)
            | FileName::IndexTemporary(run, _)
            | FileName::Merged(run, ..)
            | FileName::MergedTemporary(run, ..) => run,
            FileName::Run(run)
            | FileName::RunTemporary(run)
            | FileName::Claim(run)
            | FileName::Poisoned(run) => run,
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileName::Segment(run, number) => write!(f, "{run}-{number}.seg"),
            FileName::Index(run, number) => write!(f, "{run}-{number}.idx"),
            FileName::IndexTemporary(run, number) => write!(f, "{run}-{number}.idx.tmp"),
            FileName::Merged(run, first, last) => write!(f, "{run}-{first}-{last}.idx"),
            FileName::MergedTemporary(run, first, last) => {
                write!(f, "{run}-{first}-{last}.idx.tmp")
            }
            FileName::Run(run) => write!(f, "{run}.run"),
            FileName::RunTemporary(run) => write!(f, "{run}.run.tmp"),
            FileName::Claim(run) => write!(f, "{run}.claim"),
            FileName::Poisoned(run) => write!(f, "{run}.poisoned"),
        }
    }
}

/// `<run>-<number>`; the number has six digits, more only where six do not hold it.
fn parse_segment(stem: &str) -> Option<(RunId, SegmentNumber)> {
    let (run, digits) = stem.rsplit_once('-')?;
    Some((run.parse().ok()?, parse_number(digits)?))
}

/// `<run>-<first>-<last>`.
fn parse_merged(stem: &str) -> Option<(RunId, SegmentNumber, SegmentNumber)> {
    let (segment, digits) = stem.rsplit_once('-')?;
    let (run, first) = parse_segment(segment)?;
    let last = parse_number(digits).filter(|last| first < *last)?;
    Some((run, first, last))
}

fn parse_number(digits: &str) -> Option<SegmentNumber> {
    let number = SegmentNumber(digits.parse().ok().filter(|number| *number > 0)?);
    let has_digits_only = digits.bytes().all(|digit| digit.is_ascii_digit());
    let has_right_len = digits.len() == 6 || (digits.len() > 6 && !digits.starts_with('0'));
    (has_digits_only && has_right_len).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for name in [
            "00000001-00000000000000ff-000001.seg",
            "00000001-00000000000000ff-1234567.seg",
            "00000001-00000000000000ff-000002.idx",
            "00000001-00000000000000ff-000002.idx.tmp",
            "00000001-00000000000000ff-000001-000008.idx",
            "00000001-00000000000000ff-999937-1000000.idx.tmp",
            "00000001-00000000000000ff.run",
            "00000001-00000000000000ff.run.tmp",
            "00000001-00000000000000ff.claim",
            "00000001-00000000000000ff.poisoned",
        ] {
            let parsed = FileName::parse(name).unwrap();
            assert_eq!(parsed.to_string(), name);
        }
    }

    #[test]
    fn a_file_of_another_kind_stands_for_the_segment_of_its_name() {
        let name = "00000001-00000000000000ff-000002";
        let Some(FileName::Segment(run, number)) = FileName::parse(&format!("{name}.seg")) else {
            panic!("a segment's name");
        };
        for ending in ["segz", "seg.bak", "zst"] {
            let stands_for = FileName::stands_for(&format!("{name}.{ending}"));
            assert_eq!(stands_for, Some((run, number)), "{ending}");
        }
        for other in ["seg", "idx", "idx.tmp"] {
            assert_eq!(FileName::stands_for(&format!("{name}.{other}")), None);
        }
        assert_eq!(FileName::stands_for("notes.segz"), None);
    }

    #[test]
    fn anything_else_is_foreign() {
        for name in [
            "",
            "notes.txt",
            "00000001-00000000000000ff-000000.seg",
            "00000001-00000000000000ff-1.seg",
            "00000001-00000000000000ff-0000001.seg",
            "00000001-00000000000000FF-000001.seg",
            "00000001-00000000000000ff-+00001.seg",
            "00000001-00000000000000ff.seg",
            "00000001-00000000000000ff-000001-000008.seg",
            "00000001-00000000000000ff-000008-000008.idx",
            "00000001-00000000000000ff-000001-8.idx",
            "00000001-00000000000000ff-000001-000002-000003.idx",
            "00000001-00000000000000ff-000001.seg.bak",
        ] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }
}
