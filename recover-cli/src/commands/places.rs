//! Where sessions worked, which no cache of the library tells.

use trace_journal::event::Action;
use trace_journal::{Item, Reader};

/// The directory that the start of a session names: its first record, and no other one is read.
pub(super) fn place_of(reader: &Reader, id: &str) -> Option<String> {
    let first = reader.session(id).records().next()?;
    let Ok(Item::Record(record)) = first else {
        return None;
    };
    let event = record.event();
    let Action::SessionStart(start) = &event.action else {
        return None;
    };
    let names = ["cwd", "working_directory", "directory"];
    let texts = names
        .iter()
        .filter_map(|name| start.metadata.get(name)?.as_str());
    let mut texts = texts.filter(|text| !text.is_empty());
    texts.next().map(str::to_owned)
}
