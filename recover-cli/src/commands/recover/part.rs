//! A file in the making: beside its place, under a name that says so, and gone if it is not to be.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::system::{open, rename_new};

/// The file that is being made, to be removed by a signal. It does not
/// change while its lock is held.
static AT_WORK: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Removes the file in the making, and lets none be begun from now on.
pub(super) fn give_up() -> impl Drop {
    let at_work = at_work();
    if let Some(path) = &*at_work {
        let _ = fs::remove_file(path);
    }
    at_work
}

fn at_work() -> MutexGuard<'static, Option<PathBuf>> {
    AT_WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file in the making; dropped before it is placed, it is removed.
pub(super) struct Part {
    pub(super) file: File,
    path: PathBuf,
    is_placed: bool,
}

impl Part {
    /// Begins the file of this name, or takes over what is left of one whose maker was killed.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] if another process is making it right now.
    pub(super) fn begin(dir: &Path, name: &str) -> io::Result<Part> {
        let path = dir.join(format!(".{name}.part"));
        let mut at_work = at_work();
        let file = loop {
            if let Some(file) = open(&path)? {
                break file;
            }
        };
        file.set_len(0)?;
        *at_work = Some(path.clone());
        Ok(Part {
            file,
            path,
            is_placed: false,
        })
    }

    /// Gives it its name, once it is whole and synced.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if there is such a file and it is not to be replaced.
    pub(super) fn place(mut self, at: &Path, may_replace: bool) -> io::Result<()> {
        let mut at_work = at_work();
        if may_replace {
            fs::rename(&self.path, at)?;
        } else {
            rename_new(&self.path, at)?;
        }
        *at_work = None;
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_placed {
            let mut at_work = at_work();
            let _ = fs::remove_file(&self.path);
            *at_work = None;
        }
    }
}
