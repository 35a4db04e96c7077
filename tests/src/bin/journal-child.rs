//! A process that writes a journal and is killed at it; `journal_tests::kill` starts it.
//!
//! Every answer is one line in one write, so that what is on the pipe was acknowledged:
//! `o RUN` opened, `w THREAD COUNTER SEQ` written, `d THREAD COUNTER` durable, `c` closed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use journal_tests::kill::{Moment, Orders, large_payload};
use journal_tests::observed_storage::{Call, ObservedStorage, Operation, StorageObserver, Verdict};
use journal_tests::random::Random;
use journal_tests::workload::Sent;
use rustix::process::{Signal, getpid, kill_process};
use trace_journal::storage::{DiskStorage, Storage};
use trace_journal::{Error, Journal, WriteMode};

fn main() {
    let orders = Orders::from_args(std::env::args().skip(1)).expect("orders");
    if let Err(error) = work(&orders) {
        answer(&format!("e {error}"));
        std::process::exit(1);
    }
}

fn work(orders: &Orders) -> Result<(), Error> {
    let mode = match orders.is_mapped {
        true => WriteMode::Mapped,
        false => WriteMode::Positioned,
    };
    let mut options = Journal::options()
        .write_mode(mode)
        .segment_bytes_max(orders.segment_bytes_max)
        .sync_interval(Duration::from_millis(orders.sync_interval_ms));
    if let Some(at) = orders.kill_at {
        let disk = DiskStorage::create(&orders.dir).expect("a directory");
        let killer = Killer {
            left: AtomicI64::new(i64::try_from(at.call).expect("fewer calls")),
            moment: at.moment,
        };
        let disk: Arc<dyn Storage> = Arc::new(disk);
        options = options.storage(Arc::new(ObservedStorage::new(disk, Arc::new(killer))));
    }
    let journal = options.open(&orders.dir)?;
    let run = journal.info().run.expect("the run that was opened").run;
    answer(&format!("o {run}"));
    std::thread::scope(|scope| {
        let journal = &journal;
        let begin = |thread| scope.spawn(move || append(journal, orders, thread));
        let threads: Vec<_> = (0..orders.threads).map(begin).collect();
        let mut ended = threads.into_iter().map(|thread| thread.join());
        ended.try_for_each(|ended| ended.expect("a thread that does not panic"))
    })?;
    journal.close()?;
    answer("c");
    Ok(())
}

fn append(journal: &Journal, orders: &Orders, thread: u8) -> Result<(), Error> {
    let mut random = Random::part(orders.writer, u64::from(thread));
    let large = large_payload(orders.writer, orders.large_len);
    let is_large = orders.large_len > 0 && thread == 0;
    for counter in 0..orders.count {
        if orders.large_len > 0 && !is_large {
            follow(journal);
        }
        let sent = Sent {
            writer: orders.writer,
            thread,
            counter,
        };
        if orders.is_liar {
            let last = journal.info().run.and_then(|run| run.written);
            let next = last.map_or(1, |seq| seq.get() + 1);
            answer(&format!("w {thread} {counter} {next}"));
        }
        IS_LARGE_UNDER_WAY.fetch_or(is_large, Ordering::SeqCst);
        let seq = match is_large {
            true => journal.append_raw(sent.kind(), &large)?,
            false => journal.append_raw(sent.kind(), sent.payload())?,
        };
        IS_LARGE_UNDER_WAY.fetch_and(!is_large, Ordering::SeqCst);
        if !orders.is_liar {
            answer(&format!("w {thread} {counter} {seq}"));
        }
        if random.once_in(orders.wait_once_in) {
            journal.wait_durable(seq)?;
            answer(&format!("d {thread} {counter}"));
        }
    }
    Ok(())
}

/// Between the first thread's call and the return from it, if its records are large.
static IS_LARGE_UNDER_WAY: AtomicBool = AtomicBool::new(false);

/// While a large record is appended, waits until another one has its place: then the next one comes
/// behind it, and not in front.
fn follow(journal: &Journal) {
    let written = || journal.info().run.and_then(|run| run.written);
    let before = written();
    while IS_LARGE_UNDER_WAY.load(Ordering::SeqCst) && written() == before {
        std::thread::yield_now();
    }
}

/// Writes a line to standard output, at once and in one piece.
fn answer(line: &str) {
    let line = format!("{line}\n");
    let sent = rustix::io::write(io::stdout(), line.as_bytes());
    // Without a parent there is nothing to work for.
    if sent != Ok(line.len()) {
        std::process::exit(3);
    }
}

/// Kills this process at a certain call.
#[derive(Debug)]
struct Killer {
    /// Calls until then, that one included; those of other threads go on being counted.
    left: AtomicI64,
    moment: Moment,
}

impl StorageObserver for Killer {
    fn before(&self, call: &Call) -> Verdict {
        if self.left.fetch_sub(1, Ordering::SeqCst) != 1 {
            return Verdict::Pass;
        }
        match self.moment {
            Moment::Before => die(),
            Moment::Half if matches!(call.operation, Operation::Write | Operation::Copy) => {
                let half = usize::try_from((call.to - call.from) / 2).unwrap_or(0);
                Verdict::FailAfter(half, io::ErrorKind::Other.into())
            }
            Moment::Half | Moment::After => Verdict::Pass,
        }
    }

    fn after(&self, _call: &Call, _has_succeeded: bool) {
        if self.left.load(Ordering::SeqCst) <= 0 && self.moment != Moment::Before {
            die();
        }
    }
}

fn die() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    // The signal is on its way.
    loop {
        std::thread::park();
    }
}
