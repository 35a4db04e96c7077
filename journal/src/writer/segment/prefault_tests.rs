//! Unit tests of the window: zeros make its pages, and overwrite nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::prefault::{PIECE_LEN, PrefaultWindow};
use super::tail::AtomicTail;
use crate::format::FRAMES_OFFSET;
use crate::storage::PAGE_LEN;
use crate::storage::{DiskStorage, MappedRegion, Storage, StorageFile};
use crate::writer::run::RunWriter;
use crate::writer::testing::Meddled;
use crate::writer::testing::{KIND, frames, open, stepped};

const FILE_LEN: u64 = 8 * PIECE_LEN;

/// A window of a new file, and what was written to make its pages.
fn new_window(
    meddle: impl Fn() + Send + Sync + 'static,
) -> (
    tempfile::TempDir,
    Arc<dyn StorageFile>,
    PrefaultWindow,
    Written,
) {
    let dir = tempfile::tempdir().unwrap();
    let file = DiskStorage::open(dir.path()).unwrap().create("a").unwrap();
    file.allocate(FILE_LEN).unwrap();
    let region = file.map(FILE_LEN).unwrap();
    let written = Written::default();
    let writes = Arc::clone(&written);
    let file = Meddled::file(&file, move |file, bytes, offset| {
        meddle();
        let end = offset + u64::try_from(bytes.len()).unwrap();
        writes.lock().unwrap().push((offset, end));
        file.write_at(bytes, offset)
    });
    let window = PrefaultWindow::new(region, Some(Arc::downgrade(&file)), FILE_LEN);
    (dir, file, window, written)
}

type Written = Arc<Mutex<Vec<(u64, u64)>>>;

#[test]
fn new_pages_are_made_by_zeros_once_and_few_of_them_are_not() {
    let (_dir, _file, window, written) = new_window(|| {});
    let reserve = AtomicTail::new(FRAMES_OFFSET);
    window.populate(&reserve, 2 * PAGE_LEN).unwrap();
    assert_eq!(window.end(), FRAMES_OFFSET + 2 * PAGE_LEN);
    assert_eq!(*written.lock().unwrap(), []);
    assert!(window.extend(&reserve) && window.extend(&reserve));
    let new = [
        (FRAMES_OFFSET + 2 * PAGE_LEN, PIECE_LEN),
        (PIECE_LEN, 2 * PIECE_LEN),
    ];
    assert_eq!(*written.lock().unwrap(), new);
    window.invalidate();
    assert!(!window.extend(&reserve));
    window.repopulate(&reserve, 2 * PIECE_LEN);
    assert_eq!(window.end(), 2 * PIECE_LEN + FRAMES_OFFSET);
    assert_eq!(*written.lock().unwrap(), new);
    while window.extend(&reserve) {}
    assert_eq!(window.end(), FILE_LEN);
}

#[test]
fn an_appender_that_runs_short_finds_what_another_has_made() {
    let (_dir, _file, window, _) = new_window(|| {});
    let reserve = AtomicTail::new(FRAMES_OFFSET);
    window.populate(&reserve, PAGE_LEN).unwrap();
    window.extend(&reserve);
    window.populate_ahead(&reserve, 9 * PAGE_LEN).unwrap();
    assert_eq!(window.end(), PIECE_LEN);
    window.populate_ahead(&reserve, PIECE_LEN).unwrap();
    assert!(window.end() > PIECE_LEN + FRAMES_OFFSET);
}

/// An appender may find a window that ends before it takes room.
#[test]
fn zeros_spare_what_was_writable_before() {
    let reserve = Arc::new(AtomicTail::new(FRAMES_OFFSET));
    let before = Arc::new(Mutex::new(None::<Box<dyn FnOnce() + Send>>));
    let meddle = Arc::clone(&before);
    let (_dir, _file, window, _) = new_window(move || {
        if let Some(store) = meddle.lock().unwrap().take() {
            store();
        }
    });
    let window = Arc::new(window);
    window.populate(&reserve, 4 * PAGE_LEN).unwrap();
    let limit = window.end();
    window.invalidate();
    window.repopulate(&reserve, PAGE_LEN);
    let late = (Arc::clone(&window), Arc::clone(&reserve));
    *before.lock().unwrap() = Some(Box::new(move || {
        let (window, reserve) = late;
        let room = reserve.reserve(1, 3 * PAGE_LEN, limit).unwrap();
        window
            .region()
            .write_frame(room.offset, [3, 2, 1], &[3; 11_000]);
    }));
    assert!(window.extend(&reserve));
    assert!(before.lock().unwrap().is_none());
    assert_eq!(window.region().word(FRAMES_OFFSET), 1);
    let last = FRAMES_OFFSET + 16 + 10_992;
    assert_eq!(window.region().word(last), 0x0303_0303_0303_0303);
}

/// A sync writes a piece as a whole, so it takes away what is behind its end there, too.
#[test]
fn the_piece_in_which_a_sync_ended_is_made_anew_as_far_as_the_window_goes() {
    let region = Arc::new(Asked::default());
    let window = PrefaultWindow::new(Arc::<Asked>::clone(&region), None, FILE_LEN);
    window
        .populate(&AtomicTail::new(FRAMES_OFFSET), 2 * PIECE_LEN)
        .unwrap();
    let end = window.end();
    window.renew_end(PIECE_LEN + 100);
    window.renew_end(2 * PIECE_LEN + 100);
    let renewed = [(PIECE_LEN + 99, 2 * PIECE_LEN), (2 * PIECE_LEN + 99, end)];
    assert_eq!(region.0.lock().unwrap()[1..], renewed);
}

/// A mapping that only notes what is to be made writable.
#[derive(Debug, Default)]
struct Asked(Mutex<Vec<(u64, u64)>>);

impl MappedRegion for Asked {
    fn write(&self, _offset: u64, _bytes: &[u8]) {}

    fn commit(&self, _offset: u64, _word: u64) {}

    fn word(&self, _offset: u64) -> u64 {
        0
    }

    fn make_writable(&self, from: u64, to: u64) -> io::Result<()> {
        self.0.lock().unwrap().push((from, to));
        Ok(())
    }
}

/// A run whose second segment, in which no zeros were made, is active.
fn in_second_segment(dir: &Path) -> Arc<RunWriter> {
    let run = open(dir, stepped());
    while run.syncer().segments().active().number().0 == 1 {
        run.append(KIND, None, &[7; 50_000]).unwrap();
    }
    run
}

/// The window may be renewed while a thread is on the way to write by position.
#[test]
fn zeros_spare_what_is_being_written() {
    let dir = tempfile::tempdir().unwrap();
    let run = in_second_segment(dir.path());
    run.syncer().segments().active().expect_waited_appends(2);
    let mut log = run.appender().lock_log();
    let active = Arc::clone(log.active());
    let control = Arc::clone(active.buffer());
    let meddled = Meddled::file(active.file(), move |file, bytes, offset| {
        file.write_at(bytes, offset)?;
        control.renew_writable(PAGE_LEN);
        control.extend_writable();
        Ok(())
    });
    log.set_active(active.replaced(active.buffer(), meddled));
    drop(log);
    run.append(KIND, None, &[8; 50_000]).unwrap();
    let found = frames(&run, dir.path(), 2);
    assert_eq!(found.last().map(|frame| frame.2), Some(50_000));
    run.close(None).unwrap();
}

#[test]
fn zeros_make_no_segment_longer_that_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let run = in_second_segment(dir.path());
    let left = Arc::clone(run.appender().lock_log().active());
    left.make_writable(PAGE_LEN).unwrap();
    run.append(KIND, None, &vec![7; 1 << 20]).unwrap();
    assert_eq!(run.syncer().segments().active().number().0, 3);
    run.syncer().step_sync();
    let len = left.file().len().unwrap();
    assert_eq!(len, left.tail().offset);
    // The preallocator may come late.
    left.extend_writable();
    assert_eq!(left.file().len().unwrap(), len);
    run.close(None).unwrap();
}
