//! A note in the journal when the program panics.

use std::panic::{self, PanicHookInfo};

use crate::journal::Journal;

/// Has every panic of this program leave a crash note in the journal, then calls the hook that
/// was there before.
///
/// The note is only a reason: it is used if the process dies, and a panic that is caught crashes
/// no session. The hook does not keep the journal open; after it is closed, panics leave no note.
pub fn install_panic_hook(journal: &Journal) {
    let journal = journal.downgrade();
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if let Some(journal) = journal.upgrade() {
            let location = info.location().map(ToString::to_string);
            journal.note_crash_at(message(info), location.as_deref());
        }
        previous(info);
    }));
}

/// What the panic says, if it says it in words.
fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    let literal = payload.downcast_ref::<&str>().copied();
    literal
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic")
}
