//! A real directory tree, walked and counted.

use std::fs;
use std::path::{Path, PathBuf};

/// Walking stops here: the demo is to be over soon, even in a home directory.
const FILE_COUNT_MAX: usize = 1_000;

/// Folders read one by one; the others are read as one.
const FOLDER_COUNT_MAX: usize = 10;
const REST: &str = "the rest";

/// Generated or huge by habit.
const LEFT_OUT: [&str; 3] = [".git", "node_modules", "target"];

/// The first of the places worth showing: the wanted one, else one that every machine has.
pub(super) fn place(wanted: PathBuf) -> PathBuf {
    let fallbacks = ["/usr/share", "/etc"].map(PathBuf::from);
    let mut places = std::iter::once(wanted).chain(fallbacks);
    places
        .find(|place| files_below(place, 3).len() == 3)
        .unwrap_or_else(|| PathBuf::from("."))
}

/// The files of the tree, by path; links are not followed, what cannot be read is left out.
pub(super) fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = files_below(root, FILE_COUNT_MAX);
    files.sort();
    files
}

fn files_below(root: &Path, count_max: usize) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    // Other file systems, /proc above all, hold files that never end.
    let device = device_of(root);
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<_> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        paths.sort_by_key(fs::DirEntry::file_name);
        for found in paths {
            let is_left_out = LEFT_OUT.iter().any(|name| found.file_name() == *name);
            match found.file_type() {
                Ok(kind) if kind.is_dir() && !is_left_out => {
                    let path = found.path();
                    if device_of(&path) == device {
                        folders.push(path);
                    }
                }
                Ok(kind) if kind.is_file() => files.push(found.path()),
                _ => {}
            }
            if files.len() == count_max {
                return files;
            }
        }
    }
    files
}

#[cfg(unix)]
fn device_of(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|facts| facts.dev())
}

/// No folder of a drive is another file system, unless a person made it one.
#[cfg(windows)]
fn device_of(_: &Path) -> Option<u64> {
    None
}

/// The files by the folder right below the root that they are in.
pub(super) fn by_folder<'f>(root: &Path, files: &'f [PathBuf]) -> Vec<(String, Vec<&'f PathBuf>)> {
    let mut folders: Vec<(String, Vec<&PathBuf>)> = Vec::new();
    for path in files {
        let relative = relative(root, path);
        let mut folder = relative.split_once('/').map_or(".", |(folder, _)| folder);
        let is_known = folders.iter().any(|(name, _)| name == folder);
        if !is_known && folders.len() >= FOLDER_COUNT_MAX {
            folder = REST;
        }
        match folders.iter_mut().find(|(name, _)| name == folder) {
            Some((_, files)) => files.push(path),
            None => folders.push((folder.to_owned(), vec![path])),
        }
    }
    folders
}

/// The path as seen from the root.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    relative.display().to_string()
}
