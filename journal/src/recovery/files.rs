//! Which files of a directory are segments of which run.

use std::io::ErrorKind;

use super::patch::Patch;
use super::segment_state::SegmentState;
use crate::error::{DamageReason, Error, Result};
use crate::format::{
    FRAME_HEADER_LEN, FRAMES_OFFSET, FileName, FrameHeader, FrameSeed, HEADER_PAGES_LEN,
    HeaderState, ReadNeeds, SegmentHeader,
};
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::{Entry, NameKind, Storage, StorageFile};

/// A file that is, or is named like, a segment. It is not kept open: there may be thousands.
#[derive(Clone, Debug)]
pub(crate) struct SegmentFile {
    pub(crate) name: String,
    pub(crate) len: u64,
    pub(crate) run: RunId,
    pub(crate) number: SegmentNumber,
    pub(crate) header: HeaderFact,
    /// Bytes the header says the file was made with.
    pub(crate) told_len: Option<u64>,
    /// It has features that this library does not know, for which its run is only read.
    pub(crate) is_hands_off: bool,
    /// The system could read the header pages.
    pub(crate) is_header_read: bool,
    pub(crate) naming: Naming,
    /// Where its records end at the latest, if the segment behind it says so.
    pub(crate) frames_max: u64,
    /// What is read from other files of it, in order.
    pub(crate) patches: Vec<Patch>,
    /// Where it leads, if it is a symbolic link.
    pub(crate) link: Option<String>,
    /// Why this process may not read it, which says nothing of what is in it.
    pub(crate) barred: Option<String>,
}

/// What became of the header pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFact {
    Intact,
    /// This one of the two pages is damaged: 0 or 1.
    OnePage(u8),
    /// Both are.
    Broken,
    /// Nothing was written there.
    Zeros,
    /// The file cannot be opened.
    Unread,
}

/// How a file's name fits its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// As it should be.
    Own,
    /// The name of another segment.
    Other,
    /// No segment's name.
    Stray,
}

/// A file that is not read as a segment.
#[derive(Debug)]
pub(crate) struct Stray {
    pub(crate) name: String,
    pub(crate) len: u64,
    pub(crate) state: StrayState,
}

/// Why a file is not read.
#[derive(Debug)]
pub(crate) enum StrayState {
    /// Not of a journal.
    Foreign,
    /// A second copy of a segment that is there, under a name of its own.
    Copy,
    /// A second copy of a segment, under the name of a segment.
    MisnamedCopy,
    /// Only another version of the library reads it.
    Unsupported(Unsupported),
    /// The system would not let us.
    Unreadable(Error),
    /// It cannot be a segment, whose name it has: what it is.
    NoFile(String),
}

impl StrayState {
    /// What it takes to read it, if only another version of the library can.
    pub(crate) fn needs(&self) -> Option<ReadNeeds> {
        match self {
            StrayState::Unsupported(found) => found.needs,
            _ => None,
        }
    }

    /// What a report says of it: its state, what is wrong, and why it was not read.
    pub(crate) fn told(&self) -> (SegmentState, Option<DamageReason>, Option<String>) {
        let (state, reason) = match self {
            StrayState::Foreign | StrayState::Copy => (SegmentState::Foreign, None),
            StrayState::MisnamedCopy => (SegmentState::Foreign, Some(DamageReason::BadHeader)),
            StrayState::Unsupported(_) => {
                let reason = DamageReason::UnknownVersion;
                (SegmentState::Unsupported, Some(reason))
            }
            StrayState::Unreadable(Error::Io { source, .. })
                if source.kind() == ErrorKind::PermissionDenied =>
            {
                (SegmentState::Unreadable, None)
            }
            StrayState::Unreadable(_) => (SegmentState::Damaged, Some(DamageReason::IoError)),
            StrayState::NoFile(_) => (SegmentState::Damaged, Some(DamageReason::NoFile)),
        };
        let failure = match self {
            StrayState::Unreadable(error) => Some(error.to_string()),
            StrayState::NoFile(what) => Some(format!("it is {what}")),
            _ => None,
        };
        (state, reason, failure)
    }
}

/// What another version of the library wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsupported {
    /// The run it is of, and its number there, if its name tells.
    pub(crate) segment: Option<(RunId, SegmentNumber)>,
    /// What it takes to read it; `None` if it is of a kind this library does not know.
    pub(crate) needs: Option<ReadNeeds>,
}

/// The names in the directory, in order.
///
/// # Errors
/// [`Error::Io`] if it cannot be listed.
pub(super) fn list(storage: &dyn Storage) -> Result<Vec<Entry>> {
    let mut entries = storage
        .list()
        .map_err(|error| Error::io("list", storage.path(), error))?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// What a file turns out to be.
pub(crate) enum FoundFile {
    Segment(SegmentFile),
    Stray(Stray),
    /// Part of a journal, but no segment; or gone.
    Other,
}

/// Looks at one entry of the directory.
pub(crate) fn identify(storage: &dyn Storage, entry: &Entry) -> FoundFile {
    let named = match FileName::parse(&entry.name) {
        Some(FileName::Segment(run, number)) => Some((run, number)),
        Some(_) => return FoundFile::Other,
        None => None,
    };
    let is_passed_over = named.is_none() || seeded::has(Bug::SymlinkPassedOver);
    if !entry.is_file && is_passed_over {
        return FoundFile::Other;
    }
    let looked = match entry.is_file {
        true => look(storage, entry, named),
        false => look_at_other(storage, entry, named),
    };
    match looked {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => FoundFile::Other,
        Err(error) => {
            if let Some(named) = named {
                let barred = barred(&error);
                return FoundFile::Segment(unread(entry, named, barred));
            }
            let error = Error::io("read", storage.path().join(&entry.name), error);
            stray(entry, entry.len, StrayState::Unreadable(error))
        }
    }
}

/// Looks at what is no regular file but has the name of a segment.
fn look_at_other(
    storage: &dyn Storage,
    entry: &Entry,
    named: Option<(RunId, SegmentNumber)>,
) -> std::io::Result<FoundFile> {
    let facts = storage.facts(&entry.name)?;
    let what = |what: &str| match &facts.link {
        Some(link) => format!("a symbolic link to {link}, which is {what}"),
        None => what.to_owned(),
    };
    let no_file = |kind| Ok(stray(entry, 0, StrayState::NoFile(what(kind))));
    match (facts.kind, named) {
        (NameKind::File, _) => look(storage, entry, named).map(|found| match found {
            FoundFile::Segment(file) => FoundFile::Segment(SegmentFile {
                link: facts.link.clone(),
                ..file
            }),
            other => other,
        }),
        (NameKind::Nothing, Some(named)) => {
            let barred = Some(what("not there"));
            Ok(FoundFile::Segment(unread(entry, named, barred)))
        }
        (NameKind::Nothing, None) => Ok(FoundFile::Other),
        (NameKind::Directory, _) => no_file("a directory"),
        (NameKind::Fifo, _) => no_file("a named pipe"),
        (NameKind::Socket, _) => no_file("a socket"),
        (NameKind::Device, _) => no_file("a device"),
    }
}

/// A segment of which nothing is known but its name.
fn unread(
    entry: &Entry,
    (run, number): (RunId, SegmentNumber),
    barred: Option<String>,
) -> SegmentFile {
    SegmentFile {
        name: entry.name.clone(),
        len: entry.len,
        run,
        number,
        header: HeaderFact::Unread,
        told_len: None,
        is_hands_off: false,
        is_header_read: false,
        naming: Naming::Own,
        frames_max: u64::MAX,
        patches: Vec::new(),
        link: None,
        barred,
    }
}

/// Why a file may not be read, if another process might: the system refused it, not the disk.
pub(super) fn barred(error: &std::io::Error) -> Option<String> {
    let is_refused = error.kind() == ErrorKind::PermissionDenied;
    (is_refused && !seeded::has(Bug::UnreadableTakenForDamage)).then(|| error.to_string())
}

fn look(
    storage: &dyn Storage,
    entry: &Entry,
    named: Option<(RunId, SegmentNumber)>,
) -> std::io::Result<FoundFile> {
    let file = storage.open(&entry.name)?;
    let len = file.len()?;
    let mut pages = vec![0; HEADER_PAGES_LEN];
    // A page that cannot be read counts as damaged; the scan says what could not be read.
    let (first, second) = pages.split_at_mut(HEADER_PAGES_LEN / 2);
    let is_read = file.read_at(first, 0).is_ok();
    let is_read = file.read_at(second, FRAMES_OFFSET / 2).is_ok() && is_read;
    let state = SegmentHeader::decode(&pages);
    let (header, fact) = match state {
        HeaderState::Unsupported(needs) => {
            let segment = named.or_else(|| FileName::stands_for(&entry.name));
            let needs = Some(needs);
            let unsupported = Unsupported { segment, needs };
            return Ok(stray(entry, len, StrayState::Unsupported(unsupported)));
        }
        HeaderState::Intact(header) => (Some(header), HeaderFact::Intact),
        HeaderState::OnePage(header, page) => (Some(header), HeaderFact::OnePage(page)),
        HeaderState::Broken if is_read && pages.iter().all(|byte| *byte == 0) => {
            (None, HeaderFact::Zeros)
        }
        HeaderState::Broken => (None, HeaderFact::Broken),
    };
    let told = header.map(|header| (header.run, header.segment));
    let stands_for = FileName::stands_for(&entry.name).filter(|_| header.is_some());
    if stands_for.is_some() && is_of_another_kind(&*file, &entry.name, told) {
        let unsupported = Unsupported {
            segment: stands_for,
            needs: None,
        };
        return Ok(stray(entry, len, StrayState::Unsupported(unsupported)));
    }
    let Some((run, number)) = told.or(named) else {
        return Ok(stray(entry, len, StrayState::Foreign));
    };
    let naming = match named {
        None => Naming::Stray,
        Some(named) if named == (run, number) => Naming::Own,
        Some(_) => Naming::Other,
    };
    Ok(FoundFile::Segment(SegmentFile {
        name: entry.name.clone(),
        len,
        run,
        number,
        header: fact,
        told_len: header.map(|header| header.file_len),
        is_hands_off: header.is_some_and(|header| header.features.is_hands_off()),
        is_header_read: is_read,
        naming,
        frames_max: u64::MAX,
        patches: Vec::new(),
        link: None,
        barred: None,
    }))
}

/// Whether a file that begins with header pages, under a name of another ending than a segment's,
/// is not just a segment that was renamed.
fn is_of_another_kind(
    file: &dyn StorageFile,
    name: &str,
    told: Option<(RunId, SegmentNumber)>,
) -> bool {
    let is_one_word = |ending: &str| ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let has_other_ending = name
        .split_once('.')
        .is_some_and(|(_, end)| is_one_word(end));
    if FileName::is_reserved(name) {
        return true;
    }
    let mut start = [0; START_LEN];
    if !has_other_ending || file.read_at(&mut start, FRAMES_OFFSET).is_err() {
        return false;
    }
    let (fields, rest) = start.split_at(FRAME_HEADER_LEN);
    let is_start = || {
        let (run, number) = told?;
        let frame = FrameHeader::decode(fields.try_into().ok()?).ok()?;
        let payload = rest.get(..usize::try_from(frame.payload_len).ok()?)?;
        Some(frame.fits(FrameSeed::new(run, number), FRAMES_OFFSET, payload))
    };
    start != [0; START_LEN] && !is_start().unwrap_or(false)
}

/// Enough for the first frame of a segment.
const START_LEN: usize = FRAME_HEADER_LEN + 112;

fn stray(entry: &Entry, len: u64, state: StrayState) -> FoundFile {
    FoundFile::Stray(Stray {
        name: entry.name.clone(),
        len,
        state,
    })
}
