//! The disk itself: what is in it, and what of that survives.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trace_journal::RunId;
use trace_journal::format::FileName;
use trace_journal::format::SegmentNumber;

use super::fault::{Bug, Faults};
use super::file::{File, FileId, Style};
use super::folder::{Folder, Names};
use super::image::Image;
use super::programs::Programs;
use crate::random::Random;

/// A disk that programs share; what it shows is one of its directories.
#[derive(Clone)]
pub struct SimDisk {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) folder: usize,
    pub(super) watcher: Option<ChangeHook>,
}

/// Is called before every change of a disk.
pub type ChangeHook = Arc<dyn Fn(&SimDisk) + Send + Sync>;

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) files: BTreeMap<FileId, Arc<File>>,
    pub(super) folders: Vec<Folder>,
    /// Where the journal's path leads to now.
    pub(super) here: usize,
    /// Which handle locked which file: file, handle, alone.
    pub(super) locks: Vec<(FileId, u64, bool)>,
    pub(super) programs: Programs,
    pub(super) next_id: u64,
    pub(super) random: Random,
    pub(super) nanoseconds: u64,
    pub(super) faults: Faults,
    pub(super) bug: Option<Bug>,
    /// A sync of a file failed: what is cached may be neither on the disk nor ever come there.
    pub(super) has_failed_sync: bool,
    /// A program broke a rule of the seam.
    pub(super) foul: Option<String>,
    /// The range a delayed sync is still to make durable.
    pub(super) delayed: Option<(FileId, usize, usize)>,
    /// Grows with every change that a crash could show.
    pub(super) version: u64,
}

impl State {
    pub(super) fn names(&self, folder: usize) -> Arc<Names> {
        let folder = self.folders.get(folder);
        folder
            .map(|folder| Arc::clone(&folder.names))
            .unwrap_or_default()
    }
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(random: Random) -> SimDisk {
        SimDisk {
            state: Arc::new(Mutex::new(State {
                files: BTreeMap::new(),
                folders: vec![Folder::default()],
                here: 0,
                locks: Vec::new(),
                programs: Programs::default(),
                next_id: 1,
                random,
                nanoseconds: 0,
                faults: Faults::default(),
                bug: None,
                has_failed_sync: false,
                foul: None,
                delayed: None,
                version: 0,
            })),
            folder: 0,
            watcher: None,
        }
    }

    /// The same disk, for a program whose every change is watched: `watcher` is called before it.
    #[must_use]
    pub fn watched(&self, watcher: ChangeHook) -> SimDisk {
        SimDisk {
            state: Arc::clone(&self.state),
            folder: self.folder,
            watcher: Some(watcher),
        }
    }

    /// Makes calls fail from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Makes the disk break its word from now on.
    pub fn set_bug(&self, bug: Option<Bug>) {
        self.lock().bug = bug;
    }

    /// Draws run names and clock steps from here from now on.
    pub fn set_random(&self, random: Random) {
        self.lock().random = random;
    }

    /// A number that grows with every change that a crash could show.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// A number that disks on which programs find something else do not have; `None` where what
    /// they find is not all there is to know, because caches and disk may differ for good.
    #[must_use]
    pub fn key(&self) -> Option<u64> {
        let state = self.lock();
        if state.has_failed_sync {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        // After power loss the same bytes mean something else than after a kill.
        state.programs.boot().hash(&mut hasher);
        for (name, id) in &*state.names(self.folder) {
            name.hash(&mut hasher);
            let file = state.files.get(id)?;
            (file.cached.len(), file.cached.hash()).hash(&mut hasher);
        }
        Some(hasher.finish())
    }

    /// The first rule of the seam that a program broke.
    #[must_use]
    pub fn foul(&self) -> Option<String> {
        self.lock().foul.clone()
    }

    /// Whether a sync of a file failed since power was lost the last time.
    #[must_use]
    pub fn has_failed_sync(&self) -> bool {
        self.lock().has_failed_sync
    }

    /// The disk as it is found after power loss: all programs are gone.
    #[must_use]
    pub fn after_power_loss(&self, mut random: Random, style: Style) -> SimDisk {
        let state = self.lock();
        let folders = state.folders.iter();
        let folders = folders.map(|folder| folder.after_power_loss(&mut random, style));
        let folders: Vec<Folder> = folders.collect();
        let is_named = |id: &FileId| folders.iter().any(|f| f.names.values().any(|n| n == id));
        let mut files = BTreeMap::new();
        for (id, file) in &state.files {
            let lost = match file.is_settled() {
                true => Arc::clone(file),
                false => Arc::new(file.after_power_loss(&mut random, style)),
            };
            // Nothing can reach a file without a name any more.
            if is_named(id) {
                files.insert(*id, lost);
            }
        }
        let after = SimDisk::new(random);
        {
            let mut found = after.lock();
            found.files = files;
            found.folders = folders;
            found.here = state.here;
            found.next_id = state.next_id;
            found.nanoseconds = state.nanoseconds;
            found.programs = state.programs.reboot();
            found.bug = state.bug;
        }
        after.showing(self.folder)
    }

    /// The disk as it is found after all programs were killed: nothing is lost, but what was not
    /// synced still is not.
    #[must_use]
    pub fn after_kill(&self, random: Random) -> SimDisk {
        let mut state = self.lock().clone();
        state.locks.clear();
        state.programs.kill_all();
        state.random = random;
        state.faults = Faults::default();
        SimDisk {
            state: Arc::new(Mutex::new(state)),
            folder: self.folder,
            watcher: None,
        }
    }

    /// All segments as programs see them.
    #[must_use]
    pub fn segments(&self) -> BTreeMap<(RunId, SegmentNumber), Image> {
        let state = self.lock();
        let names = state.names(self.folder);
        let segments = names.iter().filter_map(|(name, id)| {
            let Some(FileName::Segment(run, number)) = FileName::parse(name) else {
                return None;
            };
            Some(((run, number), state.files.get(id)?.cached.clone()))
        });
        segments.collect()
    }

    /// All files as programs see them, by name.
    #[must_use]
    pub fn images(&self) -> BTreeMap<String, Image> {
        let state = self.lock();
        let names = state.names(self.folder);
        let images = names.iter().filter_map(|(name, id)| {
            let file = state.files.get(id)?;
            Some((name.clone(), file.cached.clone()))
        });
        images.collect()
    }

    /// A disk that holds just these files, all of them synced.
    #[must_use]
    pub fn of(images: BTreeMap<String, Image>, random: Random) -> SimDisk {
        let disk = SimDisk::new(random);
        {
            let mut state = disk.lock();
            let mut names = BTreeMap::new();
            for (name, image) in images {
                state.next_id += 1;
                let id = state.next_id;
                names.insert(name, id);
                state.files.insert(id, Arc::new(File::settled(image)));
            }
            state.folders = vec![Folder::settled(names)];
        }
        disk
    }

    /// All names as programs see them.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.lock().names(self.folder).keys().cloned().collect()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called before every change.
    pub(super) fn about_to_change(&self) {
        if let Some(watcher) = &self.watcher {
            watcher(&SimDisk {
                state: Arc::clone(&self.state),
                folder: self.folder,
                watcher: None,
            });
        }
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = f.debug_map();
        let state = self.lock();
        for (name, id) in &*state.names(self.folder) {
            let len = state.files.get(id).map_or(0, |file| file.cached.len());
            names.entry(name, &len);
        }
        names.finish()
    }
}
