//! A process that writes a journal step by step, as it is told; `disk-writer` is its program.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use trace_journal::{RunId, WriteMode};

use crate::lax_storage::Lack;
use crate::reference_reader::{ReferenceJournal, ReferenceRecord};
use crate::workload::Sent;

/// How a child opens its journal.
#[derive(Clone, Debug)]
pub struct Script {
    /// The journal.
    pub dir: PathBuf,
    /// Which one it is, over the whole test.
    pub writer: u64,
    /// Option of the journal.
    pub mode: WriteMode,
    /// Option of the journal.
    pub segment_bytes_max: u64,
    /// What its storage leaves out: the control that a check can fail.
    pub lack: Option<Lack>,
    /// Where it notes what is durable, if anywhere.
    pub marks: Option<PathBuf>,
}

impl Script {
    /// A writer of small segments.
    #[must_use]
    pub fn new(dir: &Path, writer: u64, mode: WriteMode) -> Script {
        Script {
            dir: dir.to_owned(),
            writer,
            mode,
            segment_bytes_max: 256 << 10,
            lack: None,
            marks: None,
        }
    }

    fn to_args(&self) -> Vec<String> {
        let marks = self.marks.as_deref().unwrap_or(Path::new("-"));
        vec![
            self.dir.display().to_string(),
            self.writer.to_string(),
            self.mode.to_string(),
            self.segment_bytes_max.to_string(),
            lack_name(self.lack).to_owned(),
            marks.display().to_string(),
        ]
    }

    /// Reads them as [`ScriptedChild::start`] hands them over; `None` if they are none.
    pub fn from_args(mut args: impl Iterator<Item = String>) -> Option<Script> {
        let dir = PathBuf::from(args.next()?);
        let writer = args.next()?.parse().ok()?;
        let mode = args.next()?.parse().ok()?;
        let segment_bytes_max = args.next()?.parse().ok()?;
        let name = args.next()?;
        let lacks = [None, Some(Lack::Sync), Some(Lack::Space)];
        let lack = lacks.into_iter().find(|lack| lack_name(*lack) == name)?;
        Some(Script {
            dir,
            writer,
            mode,
            segment_bytes_max,
            lack,
            marks: Some(PathBuf::from(args.next()?)).filter(|path| path != Path::new("-")),
        })
    }
}

fn lack_name(lack: Option<Lack>) -> &'static str {
    match lack {
        None => "nothing",
        Some(Lack::Sync) => "sync",
        Some(Lack::Space) => "space",
    }
}

/// A child at work.
#[derive(Debug)]
pub struct ScriptedChild {
    child: Child,
    orders: ChildStdin,
    lines: Receiver<String>,
    /// Everything it acknowledged so far.
    pub told: Told,
}

/// What a child acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The writer.
    pub writer: u64,
    /// The run it opened.
    pub run: Option<RunId>,
    /// How it writes.
    pub mode: String,
    /// Sequence numbers of its records, by thread and counter.
    pub written: BTreeMap<(u8, u64), u64>,
    /// The last sequence number it was told is durable.
    pub durable: u64,
    /// Records that it was refused.
    pub refused: u64,
}

impl ScriptedChild {
    /// Starts one and waits until its journal is open. `program` is `disk-writer`, perhaps with
    /// what starts it.
    ///
    /// # Panics
    /// If it cannot be started, or its journal cannot be opened.
    #[must_use]
    pub fn start(program: &mut Command, strings: &Script) -> ScriptedChild {
        let mut child = program
            .args(strings.to_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child can be started");
        let orders = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in answers.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let told = Told {
            writer: strings.writer,
            ..Told::default()
        };
        let mut child = ScriptedChild {
            child,
            orders,
            lines,
            told,
        };
        assert_eq!(child.wait(), Ok(()), "opening the journal");
        child
    }

    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Appends up to so many records, until one is refused.
    ///
    /// # Errors
    /// The code of the error that stopped it.
    ///
    /// # Panics
    /// As [`order`](ScriptedChild::order).
    pub fn append(&mut self, count: u64) -> Result<(), String> {
        self.order(&format!("append {count}"))
    }

    /// Has everything synced.
    ///
    /// # Errors
    /// The code of the error.
    ///
    /// # Panics
    /// As [`order`](ScriptedChild::order).
    pub fn sync(&mut self) -> Result<(), String> {
        self.order("sync")
    }

    /// Gives an order and waits until it is done.
    ///
    /// # Errors
    /// The code of the error that the child met.
    ///
    /// # Panics
    /// If it dies or takes too long.
    pub fn order(&mut self, words: &str) -> Result<(), String> {
        // If it is dead, the answer tells.
        let _ = self.orders.write_all(format!("{words}\n").as_bytes());
        self.wait()
    }

    fn wait(&mut self) -> Result<(), String> {
        let due = Instant::now() + STEP_MAX;
        loop {
            let left = due.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let _ = self.child.kill();
                let status = self.child.wait();
                panic!("no answer from {:?}: {status:?}", self.told.run);
            };
            let words: Vec<&str> = line.split(' ').collect();
            let number = |text: &str| text.parse::<u64>().expect("a number");
            match *words {
                ["ok"] => return Ok(()),
                ["failed", code] => return Err(code.to_owned()),
                ["run", run, mode] => {
                    self.told.run = Some(run.parse().expect("a run"));
                    mode.clone_into(&mut self.told.mode);
                }
                ["w", thread, counter, seq] => {
                    let thread = thread.parse().expect("a thread");
                    let (counter, seq) = (number(counter), number(seq));
                    let before = self.told.written.insert((thread, counter), seq);
                    assert_eq!(before, None, "record {counter} twice");
                }
                ["refused"] => self.told.refused += 1,
                ["d", seq] => self.told.durable = self.told.durable.max(number(seq)),
                _ => panic!("the child said: {line}"),
            }
        }
    }

    /// Gives an order that ends it, and says how it ended; `None` if it lives on.
    ///
    /// # Panics
    /// If it cannot be looked at.
    pub fn die(mut self, words: &str) -> Option<ExitStatus> {
        let _ = self.orders.write_all(format!("{words}\n").as_bytes());
        while let Ok(line) = self.lines.recv_timeout(STEP_MAX) {
            if line == "ok" || line.starts_with("failed") {
                return None;
            }
        }
        Some(self.child.wait().expect("a child to wait for"))
    }

    /// Closes the journal and waits for the end of the process.
    ///
    /// # Errors
    /// The code of the error if the journal could not be closed as it should.
    ///
    /// # Panics
    /// If it died of something else than its own end.
    pub fn close(mut self) -> Result<Told, String> {
        let closed = self.order("close");
        let status = self.child.wait().expect("a child to wait for");
        assert!(status.success(), "the child ended with {status}");
        closed.map(|()| std::mem::take(&mut self.told))
    }

    /// Kills it and gives what it acknowledged.
    ///
    /// # Panics
    /// If it was dead before.
    #[must_use]
    pub fn kill(mut self) -> Told {
        let before = self.child.try_wait().expect("a child to look at");
        assert_eq!(before.map(|status| status.to_string()), None);
        let _ = self.child.kill();
        let _ = self.child.wait();
        std::mem::take(&mut self.told)
    }
}

impl Drop for ScriptedChild {
    fn drop(&mut self) {
        // Also after a failed check nothing may go on writing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Told {
    /// Checks that of the records of this run `must_have` are there as acknowledged, and that
    /// nothing is there that was not sent.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(
        &self,
        plain: &ReferenceJournal,
        mut must_have: impl FnMut(u64) -> bool,
    ) -> Result<(), String> {
        let run = self.run.ok_or("no run")?;
        let none = BTreeMap::new();
        let there = plain.runs.get(&run).unwrap_or(&none);
        for ((thread, counter), seq) in &self.written {
            if !there.contains_key(seq) && must_have(*seq) {
                let which = format!("thread {thread}, record {counter}, number {seq}");
                return Err(format!("{run}: lost: {which}"));
            }
        }
        let places = self.written.iter().map(|(place, seq)| (*seq, *place));
        let places: BTreeMap<u64, (u8, u64)> = places.collect();
        for (seq, record) in there.iter().filter(|(_, record)| record.kind >= 128) {
            let sent = match places.get(seq) {
                Some((thread, counter)) => vec![self.sent(*thread, *counter)],
                // Written, and the process died before it could say so.
                None => self.next_of(record.kind),
            };
            if !sent.iter().any(|sent| is_like(record, *sent)) {
                return Err(format!("{run}: number {seq} is no record that was sent"));
            }
        }
        Ok(())
    }

    fn sent(&self, thread: u8, counter: u64) -> Sent {
        Sent {
            writer: self.writer,
            thread,
            counter,
        }
    }

    /// What a thread may have appended after the last record it acknowledged.
    fn next_of(&self, kind: u8) -> Vec<Sent> {
        let Some(thread) = Sent::thread_of(kind) else {
            return Vec::new();
        };
        let own = self.written.keys().filter(|(of, _)| *of == thread);
        let next = own.map(|(_, counter)| counter + 1).max().unwrap_or(0);
        vec![self.sent(thread, next)]
    }
}

fn is_like(record: &ReferenceRecord, sent: Sent) -> bool {
    record.kind == 140 + sent.thread && record.payload == sent.payload()
}

/// How long one order may take.
const STEP_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sent: Sent) -> ReferenceRecord {
        ReferenceRecord {
            segment: trace_journal::format::SegmentNumber::FIRST,
            offset: 0,
            end: 0,
            kind: 140 + sent.thread,
            session: 0,
            payload: sent.payload(),
        }
    }

    /// Two records told, of which the first is durable, and a third that was not told any more.
    fn told() -> (Told, ReferenceJournal) {
        let mut told = Told {
            run: "00000001-0000000000000001".parse().ok(),
            durable: 3,
            ..Told::default()
        };
        told.written = BTreeMap::from([((0, 0), 3), ((0, 1), 5)]);
        let counters = [(3, 0), (5, 1), (6, 2)];
        let records = counters.map(|(seq, counter)| (seq, record(told.sent(0, counter))));
        let runs = BTreeMap::from([(told.run.unwrap(), BTreeMap::from(records))]);
        (told, ReferenceJournal { runs })
    }

    fn check(change: impl FnOnce(&mut BTreeMap<u64, ReferenceRecord>)) -> Result<(), String> {
        let (told, mut plain) = told();
        change(plain.runs.values_mut().next().unwrap());
        told.check(&plain, |seq| seq <= told.durable)
    }

    #[test]
    fn only_what_was_not_durable_may_be_missing() {
        assert_eq!(check(|_| {}), Ok(()));
        assert_eq!(check(|records| drop(records.remove(&5))), Ok(()));
        assert!(check(|records| drop(records.remove(&3))).is_err());
    }

    #[test]
    fn changed_and_invented_records_are_noticed() {
        let change = |seq| {
            move |records: &mut BTreeMap<u64, ReferenceRecord>| {
                records.get_mut(&seq).unwrap().payload.push(0);
            }
        };
        assert!(check(change(5)).is_err());
        assert!(check(change(6)).is_err());
        let invent = |records: &mut BTreeMap<u64, ReferenceRecord>| {
            records.insert(9, records[&3].clone());
        };
        assert!(check(invent).is_err());
    }
}
