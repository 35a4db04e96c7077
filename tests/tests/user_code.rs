//! Promises: polite, durable, poisoned.
//!
//! What a caller brings along: its signals, wakers, hooks, options at their extremes and data
//! without end. None of it ends the program, holds up the journal or harms another caller.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use journal_tests::io_ledger::{EIO, Failure, Ledger};
use journal_tests::modes::modes;
use journal_tests::observed_storage::Operation;
use journal_tests::workload::kind;
use tempfile::TempDir;
use trace_journal::storage::DiskStorage;
use trace_journal::{
    Error, Event, Journal, JournalOptions, Loss, OnBacklog, Reader, Seq, Session, SpanStatus, Value,
};

/// The journal's threads of this process, by name, and the signals that each blocks.
fn own_threads() -> Vec<(String, u64)> {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let masks = threads.filter_map(|thread| {
        let path = thread.unwrap().path();
        // One that has ended meanwhile blocks nothing.
        let name = fs::read_to_string(path.join("comm")).ok()?;
        let status = fs::read_to_string(path.join("status")).ok()?;
        let mask = status.lines().find_map(|l| l.strip_prefix("SigBlk:"))?;
        let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
        Some((name.trim().to_owned(), mask))
    });
    masks
        .filter(|(name, _)| name.starts_with("trace-"))
        .collect()
}

#[test]
fn no_thread_of_the_journal_takes_a_signal_that_is_meant_for_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    for number in 0..64 {
        let session = journal.session(format!("session {number}")).start();
        session.span("step").start().end(SpanStatus::Ok);
    }
    let last = journal.append_raw(kind(), b"record").unwrap();
    journal.wait_durable(last).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let mut sessions = reader.sessions();
    sessions.next().unwrap().unwrap();
    // A thread has its name when it runs for the first time.
    let known = ["trace-journal", "trace-prealloc"];
    let mut looks = (0..100_000).map(|_| {
        std::thread::yield_now();
        own_threads()
    });
    let threads = looks.find(|threads| {
        let names: BTreeSet<&str> = threads.iter().map(|(name, _)| name.as_str()).collect();
        known.iter().all(|name| names.contains(name))
    });
    let threads = threads.expect("threads under their names");
    for (name, mask) in &threads {
        // Those that a thread raises itself, and those that nobody can block.
        let open = FAULTS.iter().chain(&[SIGKILL, SIGSTOP]);
        let open = open.fold(0, |open, signal| open | 1_u64 << (signal - 1));
        let expected = (1_u64 << 31) - 1;
        assert_eq!(mask & expected, expected & !open, "{name}: {mask:x}");
    }
    drop(sessions);
    journal.close().unwrap();
}

/// A waker that is anything.
struct Act<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Act<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn waker(act: impl Fn() + Send + Sync + 'static) -> Waker {
    Arc::new(Act(act)).into()
}

/// Has a waker called when the record is durable.
fn register(journal: &Journal, seq: Seq, waker: &Waker) {
    let polled = pin!(journal.when_durable(seq)).poll(&mut Context::from_waker(waker));
    assert!(matches!(polled, Poll::Pending), "{polled:?}");
}

/// A journal that syncs only when somebody waits.
fn calm(dir: &TempDir) -> Journal {
    let never = Duration::from_secs(3600);
    let options = Journal::options().sync_interval(never);
    options.open(dir.path()).unwrap()
}

#[test]
fn a_waker_that_panics_stops_neither_the_journal_nor_other_waiters() {
    let dir = tempfile::tempdir().unwrap();
    let journal = calm(&dir);
    let (to, from) = channel();
    let wakes = waker(move || to.send(()).unwrap());
    let panics = waker(|| panic!("a waker's own"));
    for is_helped in [false, true, false] {
        // Held up while both register, or one of them would come too late.
        let seq = journal.append_raw(kind(), b"record").unwrap();
        let held = [&panics, &wakes].map(|waker| {
            let mut future = Box::pin(journal.when_durable(seq));
            let polled = future.as_mut().poll(&mut Context::from_waker(waker));
            (future, polled.is_ready())
        });
        if is_helped {
            journal.wait_durable(seq).unwrap();
        }
        if !held[1].1 {
            from.recv().unwrap();
        }
        journal.wait_durable(seq).unwrap();
    }
    assert!(journal.info().run.unwrap().poisoned.is_none());
    journal.close().unwrap();
}

#[test]
fn a_waker_that_never_comes_back_holds_up_no_other_and_not_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let journal = calm(&dir);
    let (to, from) = channel();
    let wakes = waker(move || to.send(()).unwrap());
    let (go_on, waiting) = channel::<()>();
    let waiting = Mutex::new(waiting);
    let waits = waker(move || {
        let _ = waiting.lock().unwrap().recv();
    });
    let seq = journal.append_raw(kind(), b"record").unwrap();
    for waker in [&waits, &wakes] {
        let mut future = Box::pin(journal.when_durable(seq));
        let polled = future.as_mut().poll(&mut Context::from_waker(waker));
        if polled.is_ready() {
            // The first one alone has asked for the sync, which was fast.
            waker.wake_by_ref();
        }
    }
    from.recv().unwrap();
    let seq = journal.append_raw(kind(), b"more").unwrap();
    journal.wait_durable(seq).unwrap();
    drop(go_on);
    journal.close().unwrap();
}

#[test]
fn a_waker_may_use_the_journal() {
    type Use = fn(&Journal) -> Result<(), Error>;
    let uses: [Use; 5] = [
        |journal| journal.sync().map(drop),
        |journal| journal.wait_durable(journal.append_raw(kind(), b"more")?),
        |journal| {
            let seq = journal.append_raw(kind(), b"more")?;
            journal.wait_durable_timeout(seq, Duration::from_secs(60))
        },
        |journal| {
            let seq = journal.append_raw(kind(), b"more")?;
            journal_tests::block_on(journal.when_durable(seq))
        },
        Journal::close,
    ];
    for used in uses {
        let dir = tempfile::tempdir().unwrap();
        let journal = calm(&dir);
        let (to, from) = channel();
        let own = journal.clone();
        let first = journal.append_raw(kind(), b"record").unwrap();
        register(
            &journal,
            first,
            &waker(move || to.send(used(&own)).unwrap()),
        );
        from.recv().unwrap().unwrap();
        drop(journal);
    }
}

/// Appends and waits in another thread; says how that ended.
fn wait_elsewhere(journal: &Journal) -> Receiver<Option<&'static str>> {
    let (to, from) = channel();
    let journal = journal.clone();
    thread::spawn(move || {
        let waited = journal
            .append_raw(kind(), b"lost")
            .and_then(|seq| journal.wait_durable_timeout(seq, Duration::from_secs(60)));
        to.send(waited.err().map(|error| error.code())).unwrap();
    });
    from
}

#[test]
fn an_error_hook_may_wait_for_waiters_and_use_the_journal() {
    for (mode, _) in modes() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Ledger::default());
        let disk = Arc::new(DiskStorage::open(dir.path()).unwrap());
        let shared: Arc<OnceLock<(Journal, Mutex<Receiver<_>>)>> = Arc::default();
        let (to, from): (Sender<[Option<&str>; 3]>, _) = channel();
        let own = Arc::clone(&shared);
        let hook = move |_: &Error| {
            let (journal, waiting) = own.wait();
            let told = waiting.lock().unwrap().recv().unwrap();
            let appended = journal.append_raw(kind(), b"refused");
            let closed = journal.close().err().map(|error| error.code());
            to.send([told, appended.err().map(|error| error.code()), closed])
                .unwrap();
            panic!("of the hook's own");
        };
        let never = Duration::from_secs(3600);
        let options = Journal::options().sync_interval(never).write_mode(mode);
        let options = options.storage(ledger.watch(disk)).on_error(hook);
        let journal = options.open(dir.path()).unwrap();
        ledger.fail(Failure::next(Operation::Sync, "", EIO));
        let waiting = Mutex::new(wait_elsewhere(&journal));
        assert!(shared.set((journal.clone(), waiting)).is_ok());
        assert_eq!(from.recv().unwrap(), [Some("poisoned"); 3]);
        assert_eq!(journal.close().unwrap_err().code(), "poisoned");
    }
}

#[test]
fn a_redaction_hook_that_panics_or_records_refuses_that_record_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let own: Arc<OnceLock<Session>> = Arc::default();
    let inner = Arc::clone(&own);
    let (to, from) = channel();
    let options = Journal::options().redact(move |event: &mut Event<'_>| {
        let said = format!("{event:?}");
        if said.contains("to panic") {
            panic!("of the hook's own");
        } else if said.contains("to record") {
            let again = inner.wait().append(Event::custom("again", Value::Null));
            to.send(again.unwrap_err().code()).unwrap();
        }
    });
    let journal = options.open(dir.path()).unwrap();
    assert!(own.set(journal.session("s").start()).is_ok());
    let append = |name: &'static str| own.wait().append(Event::custom(name, Value::Null));
    assert_eq!(append("to panic").unwrap_err().code(), "invalid-event");
    append("to record").unwrap();
    assert_eq!(from.recv().unwrap(), "invalid-event");
    append("plain").unwrap();
    journal.close().unwrap();
}

type Set = fn(JournalOptions) -> JournalOptions;

/// Options that cannot work: they are refused when the journal is opened.
const REFUSED: [(&str, Set); 9] = [
    ("sync_bytes", |options| options.sync_bytes(0)),
    ("segment_bytes_max", |options| options.segment_bytes_max(0)),
    ("segment_bytes_max", |options| {
        options.segment_bytes_max((16 << 10) - 1)
    }),
    ("segment_bytes_max", |options| {
        options.segment_bytes_max(u64::MAX)
    }),
    ("record_bytes_max", |options| {
        options.record_bytes_max(u64::MAX)
    }),
    ("backlog_bytes_max", |options| options.backlog_bytes_max(0)),
    ("program", |options| options.program("x".repeat(1025), "")),
    ("program", |options| {
        options.program("x", "y".repeat(10 << 20))
    }),
    ("program", |options| {
        options.program("x".repeat(10 << 20), "y")
    }),
];

/// Options that work, however far they go.
const TAKEN: [Set; 14] = [
    |options| options.sync_interval(Duration::MAX),
    |options| options.sync_interval(Duration::MAX).sync_bytes(1),
    |options| options.sync_interval(Duration::from_secs(u64::MAX)),
    |options| options.sync_interval(Duration::ZERO),
    |options| options.sync_interval(Duration::ZERO).sync_bytes(u64::MAX),
    |options| {
        options
            .backlog_bytes_max(1)
            .on_backlog(OnBacklog::Wait(Duration::MAX))
    },
    |options| {
        let options = options.sync_interval(Duration::MAX).backlog_bytes_max(4096);
        options.on_backlog(OnBacklog::Wait(Duration::MAX))
    },
    |options| {
        options
            .backlog_bytes_max(u64::MAX)
            .on_backlog(OnBacklog::Wait(Duration::ZERO))
    },
    |options| {
        options
            .backlog_bytes_max(u64::MAX)
            .on_backlog(OnBacklog::Fail)
    },
    |options| options.segment_bytes_max(16 << 10),
    |options| options.segment_bytes_max((16 << 10) + 1),
    |options| options.segment_bytes_max(16 << 30),
    |options| options.record_bytes_max(1000).segment_bytes_max(16 << 10),
    |options| options.program("\0\n\u{1b}[2J".repeat(100), "\n"),
];

#[test]
fn options_at_their_extremes_are_refused_typed_or_work() {
    for (option, set) in REFUSED {
        let dir = tempfile::tempdir().unwrap();
        let refused = set(Journal::options()).open(dir.path()).unwrap_err();
        let is_it = matches!(refused, Error::InvalidOption { option: o, .. } if o == option);
        assert!(is_it, "{option}: {refused}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let disabled = set(Journal::options()).open_best_effort(dir.path());
        let refused = disabled.append_raw(kind(), b"x").unwrap_err();
        assert_eq!(refused.code(), "disabled", "{option}");
    }
    for (number, set) in TAKEN.into_iter().enumerate() {
        for (mode, _) in modes() {
            let dir = tempfile::tempdir().unwrap();
            let options = set(Journal::options()).write_mode(mode);
            let journal = options.open(dir.path()).unwrap();
            let append = |_| journal.append_raw(kind(), [1; 1000]);
            let seqs: Result<Vec<Seq>, Error> = (0..100).map(append).collect();
            let last = *seqs.unwrap().last().unwrap();
            let waited = journal.wait_durable_timeout(last, Duration::MAX);
            assert!(waited.is_ok(), "{number}: {waited:?}");
            let too_soon = journal.append_raw(kind(), b"last").unwrap();
            let waited = journal.wait_durable_timeout(too_soon, Duration::ZERO);
            assert!(!waited.is_err_and(|error| error.code() != "timeout"));
            journal.close().unwrap();
            let report = Reader::open(dir.path()).unwrap().report();
            assert_eq!(report.loss(), Loss::None, "{number}: {report:?}");
        }
    }
}

#[test]
fn a_limit_of_no_bytes_takes_records_of_no_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let options = Journal::options().record_bytes_max(0);
    let journal = options.open(dir.path()).unwrap();
    journal.append_raw(kind(), b"").unwrap();
    assert_eq!(
        journal.append_raw(kind(), b"x").unwrap_err().code(),
        "limit"
    );
    journal.close().unwrap();
}

/// Nests deeper than any stack goes.
fn deep() -> Value<'static> {
    (0..200_000).fold(Value::Null, |value, _| Value::List(vec![value]))
}

#[test]
fn a_value_without_end_becomes_text_and_ends_no_stack() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let session = journal.session("s").set("deep", deep()).start();
    session.started().unwrap().result().unwrap();
    session.append(Event::custom("deep", deep())).unwrap();
    session.set("deep", deep()).result().unwrap();
    let span = session.span("step").set("deep", deep()).start();
    span.end_with(SpanStatus::Ok, deep()).result().unwrap();
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let (open, close) = (open.repeat(200_000), close.repeat(200_000));
        let start = "{\"type\":\"custom\",\"session\":\"s\",\"name\":\"x\",\"data\":";
        let refused = journal.append_json(format!("{start}{open}")).unwrap_err();
        assert_eq!(refused.code(), "invalid-event");
        journal
            .append_json(format!("{start}{open}1{close}}}"))
            .unwrap();
    }
    session
        .append(Event::custom("flat", Value::from(1)))
        .unwrap();
    journal.close().unwrap();
    let snapshot = Reader::open(dir.path()).unwrap().snapshot("s").unwrap();
    let shown = serde_json::to_string(&snapshot).unwrap();
    // Of each what is over is there as text: the metadata once, what the span was given and gave.
    assert!(shown.len() > 3 * 400_000 - 1_000, "{}", shown.len());
}

/// SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV and SIGSYS.
const FAULTS: [u32; 6] = [4, 5, 7, 8, 11, 31];
const SIGKILL: u32 = 9;
const SIGSTOP: u32 = 19;
