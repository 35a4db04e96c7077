//! The runs of this process that openings can share, by their directories.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

use super::place::RunPlace;
use super::run::SharedRun;
use crate::storage::own_process::OwnProcess;
use crate::storage::{FileIdentity, Storage};

/// Which directory is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PlaceKey {
    /// A directory of the system's, whatever its paths are.
    Directory(FileIdentity),
    /// One of a storage of the caller's own: that very object.
    Storage(usize),
}

impl PlaceKey {
    pub(crate) fn of_storage(storage: &Arc<dyn Storage>) -> PlaceKey {
        PlaceKey::Storage(Arc::as_ptr(storage).addr())
    }
}

/// The place of a directory in this process.
pub(crate) fn place(key: PlaceKey) -> Arc<RunPlace<SharedRun>> {
    let table = own_table();
    let mut places = table.places.lock().unwrap_or_else(PoisonError::into_inner);
    if !places.contains_key(&key) {
        // Directories that are not written any more leave nothing behind. Only with this locked is
        // another reference made.
        places.retain(|_, place| Arc::strong_count(place) > 1 || !place.is_free());
    }
    Arc::clone(places.entry(key).or_default())
}

#[derive(Debug)]
struct Table {
    process: OwnProcess,
    places: Mutex<HashMap<PlaceKey, Arc<RunPlace<SharedRun>>>>,
}

/// The table of this process: a fork begins with an empty one.
fn own_table() -> Arc<Table> {
    static TABLE: ArcSwapOption<Table> = ArcSwapOption::const_empty();
    loop {
        let known = TABLE.load_full();
        match known {
            Some(table) if table.process.is_here() => return table,
            _ => {
                let own = Table {
                    process: OwnProcess::here(),
                    places: Mutex::default(),
                };
                TABLE.compare_and_swap(&known, Some(Arc::new(own)));
                // In a fork another thread may have been at work in the parent's: it is left alone.
                std::mem::forget(known);
            }
        }
    }
}
