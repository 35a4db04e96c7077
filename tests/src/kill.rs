//! Processes that write a journal and are killed, and the check of what they left.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::io::ioctl_fionbio;
use trace_journal::RunId;

use crate::reference_reader::{ReferenceJournal, ReferenceRecord};
use crate::workload::Sent;

/// What a child is to do.
#[derive(Clone, Debug)]
pub struct Orders {
    /// The journal.
    pub dir: PathBuf,
    /// Which one it is, over the whole test.
    pub writer: u64,
    /// Threads that append.
    pub threads: u8,
    /// Records of each thread, after which it closes the journal.
    pub count: u64,
    /// A thread waits until its record is durable once in so many records.
    pub wait_once_in: u64,
    /// Option of the journal.
    pub segment_bytes_max: u64,
    /// Option of the journal.
    pub sync_interval_ms: u64,
    /// The length of all records of its first thread; 0 if they are like those of the others.
    pub large_len: u64,
    /// It writes through a mapping.
    pub is_mapped: bool,
    /// It answers before it appends: the control that the check can fail.
    pub is_liar: bool,
    /// Where it kills itself, if it does.
    pub kill_at: Option<KillAt>,
}

/// A call to the system at which a child kills itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KillAt {
    /// Which call, from 1.
    pub call: u64,
    /// When.
    pub moment: Moment,
}

/// When during a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before it is made.
    Before,
    /// After half of the bytes of a write; after any other call.
    Half,
    /// After it was made.
    After,
}

impl Orders {
    /// Orders for one thread that appends until it is killed.
    #[must_use]
    pub fn new(dir: &Path, writer: u64) -> Orders {
        Orders {
            dir: dir.to_owned(),
            writer,
            threads: 1,
            count: 100_000,
            wait_once_in: 16,
            segment_bytes_max: 128 << 10,
            sync_interval_ms: 5,
            large_len: 0,
            is_mapped: false,
            is_liar: false,
            kill_at: None,
        }
    }

    fn to_args(&self) -> Vec<String> {
        let mut args = vec![self.dir.display().to_string()];
        let numbers = [
            self.writer,
            u64::from(self.threads),
            self.count,
            self.wait_once_in,
            self.segment_bytes_max,
            self.sync_interval_ms,
            self.large_len,
            u64::from(self.is_mapped),
            u64::from(self.is_liar),
        ];
        args.extend(numbers.map(|number| number.to_string()));
        if let Some(at) = self.kill_at {
            let moment = match at.moment {
                Moment::Before => "before",
                Moment::Half => "half",
                Moment::After => "after",
            };
            args.extend([at.call.to_string(), moment.to_owned()]);
        }
        args
    }

    /// Reads the orders as [`start`] hands them over; `None` if they are none.
    pub fn from_args(mut args: impl Iterator<Item = String>) -> Option<Orders> {
        let mut orders = Orders::new(Path::new(&args.next()?), 0);
        let mut number = || args.next()?.parse::<u64>().ok();
        orders.writer = number()?;
        orders.threads = u8::try_from(number()?).ok()?;
        orders.count = number()?;
        orders.wait_once_in = number()?;
        orders.segment_bytes_max = number()?;
        orders.sync_interval_ms = number()?;
        orders.large_len = number()?;
        orders.is_mapped = number()? == 1;
        orders.is_liar = number()? == 1;
        if let Some(call) = number() {
            let moment = match args.next()?.as_str() {
                "before" => Moment::Before,
                "half" => Moment::Half,
                "after" => Moment::After,
                _ => return None,
            };
            orders.kill_at = Some(KillAt { call, moment });
        }
        Some(orders)
    }
}

/// The payload of all records of the first thread of a child whose records are so long: made once,
/// so that the child does little else than append.
#[must_use]
pub fn large_payload(writer: u64, len: u64) -> Vec<u8> {
    let first = Sent {
        writer,
        thread: 0,
        counter: 0,
    };
    first.payload_of(len)
}

/// What a child answered before it ended.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// The writer.
    pub writer: u64,
    /// The run it opened, if it came that far.
    pub run: Option<RunId>,
    /// Sequence numbers of acknowledged records, by thread, in order of their counters.
    pub written: BTreeMap<u8, Vec<u64>>,
    /// Records acknowledged as durable, by thread and counter.
    pub durable: Vec<(u8, u64)>,
    /// It closed the journal.
    pub is_closed: bool,
    /// SIGKILL ended it.
    pub was_killed: bool,
}

const SIGKILL: i32 = 9;

/// A child at work.
#[derive(Debug)]
pub struct Writer {
    child: Child,
    writer: u64,
    read: Vec<u8>,
}

/// Starts a child. `program` is the path of the `journal-child` binary.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn start(program: &str, orders: &Orders) -> Writer {
    start_under(&mut Command::new(program), orders)
}

/// Starts a child under another program; `command` ends in the path of `journal-child`.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn start_under(command: &mut Command, orders: &Orders) -> Writer {
    let child = command
        .args(orders.to_args())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child can be started");
    Writer {
        child,
        writer: orders.writer,
        read: Vec::new(),
    }
}

impl Writer {
    /// Reads answers until at least this many bytes of them came, or there are no more.
    ///
    /// # Panics
    /// If the pipe cannot be read.
    pub fn read_to(&mut self, bytes: usize) {
        let pipe = self.child.stdout.as_mut().expect("a pipe");
        let mut part = [0; 256];
        while self.read.len() < bytes {
            match pipe.read(&mut part).expect("a pipe that can be read") {
                0 => return,
                count => self
                    .read
                    .extend_from_slice(part.get(..count).unwrap_or(&[])),
            }
        }
    }

    /// Lets the child work until something is due, and kills it at once; answers are taken in
    /// meanwhile, so that it never waits for their reader.
    ///
    /// # Panics
    /// As [`kill`](Writer::kill), and if it ends before.
    #[must_use]
    pub fn kill_when(mut self, mut is_due: impl FnMut() -> bool) -> Answers {
        let pipe = self.child.stdout.as_mut().expect("a pipe");
        ioctl_fionbio(&*pipe, true).expect("a pipe");
        let mut part = [0; 4096];
        while !is_due() {
            match pipe.read(&mut part) {
                Ok(0) => panic!("the child ended before it was killed"),
                Ok(count) => self.read.extend(part.iter().take(count)),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        self.child.kill().expect("a child that can be killed");
        let pipe = self.child.stdout.as_mut().expect("a pipe");
        ioctl_fionbio(&*pipe, false).expect("a pipe");
        self.finish()
    }

    /// Kills the child with SIGKILL and gives everything it answered before.
    ///
    /// # Panics
    /// If it cannot be killed, or answered something strange.
    #[must_use]
    pub fn kill(mut self) -> Answers {
        self.child.kill().expect("a child that can be killed");
        self.finish()
    }

    /// Waits until the child ends by itself and gives everything it answered.
    ///
    /// # Panics
    /// If it answered something strange.
    #[must_use]
    pub fn finish(mut self) -> Answers {
        self.read_to(usize::MAX);
        let status = self.child.wait().expect("a child that ends");
        let text = String::from_utf8(std::mem::take(&mut self.read)).expect("answers in UTF-8");
        assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
        let mut answers = Answers {
            writer: self.writer,
            was_killed: status.signal() == Some(SIGKILL),
            ..Answers::default()
        };
        assert!(answers.was_killed || status.success(), "{status}: {text}");
        for line in text.lines() {
            assert!(answers.take(line).is_some(), "the child said: {line}");
        }
        answers
    }
}

impl Answers {
    /// Takes in one line; `None` if it is not one that is expected.
    fn take(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        match words.next()? {
            "o" => self.run = Some(words.next()?.parse().ok()?),
            "c" => self.is_closed = true,
            "w" => {
                let numbers = self.written.entry(words.next()?.parse().ok()?).or_default();
                let counter: usize = words.next()?.parse().ok()?;
                if counter != numbers.len() {
                    return None;
                }
                numbers.push(words.next()?.parse().ok()?);
            }
            "d" => {
                let thread = words.next()?.parse().ok()?;
                self.durable.push((thread, words.next()?.parse().ok()?));
            }
            _ => return None,
        }
        Some(())
    }

    /// How many records were acknowledged.
    #[must_use]
    pub fn count(&self) -> usize {
        self.written.values().map(Vec::len).sum()
    }

    /// Compares a run with what was acknowledged: nothing lost, nothing invented, each thread's
    /// records in order, no number missing but those of appends cut short.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, plain: &ReferenceJournal) -> Result<(), String> {
        let Some(run) = self.run else {
            return Ok(());
        };
        let records = plain.run(run);
        // Each thread may die between taking its place and filling it: that was never
        // acknowledged. It is one record, with its declaration and a note before it.
        let missing = plain.missing(run);
        let in_flight = if self.is_closed {
            0
        } else {
            3 * self.written.len().max(1)
        };
        if missing.len() > in_flight {
            return Err(format!("{run}: numbers {missing:?} are missing"));
        }
        let mut found: BTreeMap<u8, Vec<(u64, &ReferenceRecord)>> = BTreeMap::new();
        for (seq, record) in records {
            if record.kind >= 128 {
                let thread = Sent::thread_of(record.kind);
                let thread =
                    thread.ok_or(format!("{run}: a kind nobody wrote: {}", record.kind))?;
                found.entry(thread).or_default().push((seq, record));
            }
        }
        for thread in self.written.keys().chain(found.keys()) {
            let nothing = Vec::new();
            let acknowledged = self.written.get(thread).unwrap_or(&nothing);
            let there = found.get(thread).map_or(&[][..], Vec::as_slice);
            self.check_thread(*thread, acknowledged, there)
                .map_err(|wrong| format!("{run}, thread {thread}: {wrong}"))?;
        }
        Ok(())
    }

    fn check_thread(
        &self,
        thread: u8,
        acknowledged: &[u64],
        there: &[(u64, &ReferenceRecord)],
    ) -> Result<(), String> {
        let (sent, found) = (acknowledged.len(), there.len());
        // One append may have been under way.
        if found < sent || found > sent + 1 {
            return Err(format!("{sent} records acknowledged, {found} found"));
        }
        for ((counter, (seq, record)), place) in (0..).zip(there).zip(0..) {
            let expected = Sent {
                writer: self.writer,
                thread,
                counter,
            };
            if record.payload != expected.payload() {
                return Err(format!("record {counter}, number {seq}: other bytes"));
            }
            let told: usize = place;
            if acknowledged.get(told).is_some_and(|told| told != seq) {
                return Err(format!("record {counter} has number {seq}, not as told"));
            }
        }
        Ok(())
    }
}
