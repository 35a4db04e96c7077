//! Directories of the disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::file::{FileId, Style};
use crate::random::Random;

/// Files by name.
pub(super) type Names = BTreeMap<String, FileId>;

/// A directory. What leads to it is durable at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    pub(super) names: Arc<Names>,
    /// Names that survive power loss for certain.
    pub(super) disk_names: Arc<Names>,
    /// Names made (`Some`) and removed since the directory was synced.
    pub(super) name_changes: Vec<(String, Option<FileId>)>,
    /// Grows with every name that is made or removed.
    pub(super) stamp: u64,
    /// Nothing leads to it any more, and no name can be made in it.
    pub(super) is_removed: bool,
}

impl Folder {
    /// One that holds just these files, all of them synced.
    pub(super) fn settled(names: Names) -> Folder {
        let names = Arc::new(names);
        Folder {
            disk_names: Arc::clone(&names),
            names,
            ..Folder::default()
        }
    }

    /// The directory as power loss may leave it.
    pub(super) fn after_power_loss(&self, random: &mut Random, style: Style) -> Folder {
        let mut names = Names::clone(&self.disk_names);
        for (name, change) in &self.name_changes {
            let is_kept = match style {
                Style::Nothing => false,
                Style::Everything => true,
                Style::Most => !random.once_in(12),
                Style::Some | Style::Torn => random.once_in(2),
            };
            match change {
                _ if !is_kept => {}
                Some(id) => drop(names.insert(name.clone(), *id)),
                None => drop(names.remove(name)),
            }
        }
        if self.is_removed {
            names.clear();
        }
        Folder {
            stamp: self.stamp,
            is_removed: self.is_removed,
            ..Folder::settled(names)
        }
    }
}
