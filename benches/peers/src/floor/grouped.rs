//! Group commit with the least machinery: appenders fill a buffer, one of them writes and syncs
//! it for all, and each batch sleeps on a condition of its own.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use super::count_frames;
use super::frame::{frame, zeroed};
use crate::engine::{EVERYTHING, Engine, Log, Mode, Outcome, Setting, Work};

/// Many waiters, one `pwrite` and one `fdatasync` for each batch.
pub struct Grouped;

impl Engine for Grouped {
    fn who(&self) -> &'static str {
        "floor"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match work {
            Work::Durable => Mode::new("group commit, zeroed file", EVERYTHING),
            Work::Append | Work::AppendUnsynced | Work::Bulk => None,
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let file = zeroed(&setting.dir, setting.expected_bytes)?;
        let state = Mutex::default();
        Ok(Box::new(Open { file, state }))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        count_frames(dir, 1)
    }
}

struct Open {
    file: File,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    gathering: Vec<u8>,
    batch: Arc<Batch>,
    at: u64,
    is_syncing: bool,
}

/// Those whose records are in one write.
#[derive(Default)]
struct Batch {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    is_done: bool,
    /// Nobody syncs and the batch is next: whoever wakes up does it.
    is_free: bool,
}

impl Log for Open {
    fn append(&self, _thread: usize, payload: &[u8]) -> Outcome<()> {
        let mut state = self.state.lock().expect("no appender panics");
        state.gathering.extend_from_slice(&frame(payload)?);
        state.gathering.extend_from_slice(payload);
        if !state.is_syncing {
            state.is_syncing = true;
            drop(state);
            return self.lead();
        }
        let batch = Arc::clone(&state.batch);
        drop(state);
        if batch.wait() { self.lead() } else { Ok(()) }
    }

    fn sync(&self) -> Outcome<()> {
        Ok(self.file.sync_data()?)
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        self.sync()
    }
}

impl Open {
    /// Writes and syncs what was gathered, and hands over to one of the next batch.
    fn lead(&self) -> Outcome<()> {
        let (bytes, batch, at) = {
            let mut state = self.state.lock().expect("no appender panics");
            let bytes = std::mem::take(&mut state.gathering);
            let at = state.at;
            state.at += u64::try_from(bytes.len())?;
            (bytes, std::mem::take(&mut state.batch), at)
        };
        self.file.write_all_at(&bytes, at)?;
        self.file.sync_data()?;
        let next = {
            let mut state = self.state.lock().expect("no appender panics");
            state.is_syncing = !state.gathering.is_empty();
            state.is_syncing.then(|| Arc::clone(&state.batch))
        };
        if let Some(next) = next {
            next.progress.lock().expect("no waiter panics").is_free = true;
            next.changed.notify_one();
        }
        batch.progress.lock().expect("no waiter panics").is_done = true;
        batch.changed.notify_all();
        Ok(())
    }
}

impl Batch {
    /// Waits for the batch's sync; `true`: the caller is to run it.
    fn wait(&self) -> bool {
        let mut progress = self.progress.lock().expect("no waiter panics");
        while !progress.is_done {
            if progress.is_free {
                progress.is_free = false;
                return true;
            }
            progress = self.changed.wait(progress).expect("no waiter panics");
        }
        false
    }
}
