//! A process that writes a journal step by step; `journal_tests::scripted_child` starts it.
//!
//! Orders come line by line; every order is answered by lines that end in `ok` or `failed CODE`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use journal_tests::lax_storage::LaxStorage;
use journal_tests::random::Random;
use journal_tests::scripted_child::Script;
use journal_tests::workload::Sent;
use trace_journal::storage::DiskStorage;
use trace_journal::{Error, Journal, Seq};

fn main() {
    let strings = Script::from_args(std::env::args().skip(1)).expect("orders");
    let mut hand = match Hand::new(&strings) {
        Ok(hand) => hand,
        Err(error) => return answer(&format!("failed {}", error.code())),
    };
    answer("ok");
    for order in io::stdin().lines().map_while(Result::ok) {
        let done = hand.follow(&order);
        match &done {
            Ok(()) => answer("ok"),
            Err(error) => answer(&format!("failed {}", error.code())),
        }
        if order == "close" {
            return;
        }
    }
}

struct Hand {
    journal: Journal,
    writer: u64,
    /// Records sent so far by the one thread of `append`.
    counter: u64,
    marks: Option<File>,
}

impl Hand {
    fn new(strings: &Script) -> Result<Hand, Error> {
        let mut options = Journal::options()
            .write_mode(strings.mode)
            .segment_bytes_max(strings.segment_bytes_max);
        if let Some(lack) = strings.lack {
            let disk = DiskStorage::create(&strings.dir).expect("a directory");
            options = options.storage(Arc::new(LaxStorage::new(Arc::new(disk), lack)));
        }
        let journal = options.open(&strings.dir)?;
        let info = journal.info().run.expect("the run that was opened");
        answer(&format!("run {} {}", info.run, info.write_mode));
        let marks = strings.marks.as_ref();
        let marks = marks.map(|path| File::options().write(true).open(path));
        Ok(Hand {
            journal,
            writer: strings.writer,
            counter: 0,
            marks: marks.transpose().expect("a file for marks"),
        })
    }

    fn follow(&mut self, order: &str) -> Result<(), Error> {
        let words: Vec<&str> = order.split(' ').collect();
        let number = |text: &str| text.parse::<u64>().expect("a number");
        match *words {
            ["append", count] => self.append(number(count)),
            ["sync"] => self.tell_durable(self.journal.sync()?),
            ["threads", threads, count, wait_once_in] => {
                let threads = u8::try_from(number(threads)).expect("a small number");
                self.append_at_once(threads, number(count), number(wait_once_in))
            }
            ["close"] => self.journal.close(),
            _ => panic!("what is {order}?"),
        }
    }

    fn append(&mut self, count: u64) -> Result<(), Error> {
        for _ in 0..count {
            let sent = self.sent(0, self.counter);
            let seq = self.send(sent)?;
            answer(&format!("w 0 {} {seq}", self.counter));
            self.counter += 1;
        }
        Ok(())
    }

    /// Threads from 1 on, each appending so many records, waiting for one in so many.
    fn append_at_once(&self, threads: u8, count: u64, wait_once_in: u64) -> Result<(), Error> {
        std::thread::scope(|scope| {
            let append = |thread| {
                let mut random = Random::part(self.writer, u64::from(thread));
                for counter in 0..count {
                    let sent = self.sent(thread, counter);
                    let seq = self.send(sent)?;
                    answer(&format!("w {thread} {counter} {seq}"));
                    if random.once_in(wait_once_in) {
                        self.journal.wait_durable(seq)?;
                        self.tell_durable(seq)?;
                    }
                }
                Ok(())
            };
            let begin = |thread| scope.spawn(move || append(thread));
            let begun: Vec<_> = (1..=threads).map(begin).collect();
            let mut ended = begun.into_iter().map(std::thread::ScopedJoinHandle::join);
            ended.try_for_each(|ended| ended.expect("a thread that does not panic"))
        })
    }

    fn sent(&self, thread: u8, counter: u64) -> Sent {
        Sent {
            writer: self.writer,
            thread,
            counter,
        }
    }

    fn send(&self, sent: Sent) -> Result<Seq, Error> {
        let appended = self.journal.append_raw(sent.kind(), sent.payload());
        if appended.is_err() {
            answer("refused");
        }
        appended
    }

    /// Says that everything up to here is durable, in the device's log first.
    fn tell_durable(&self, seq: Seq) -> Result<(), Error> {
        if let Some(marks) = &self.marks {
            let mark = format!("{} {seq}", self.writer);
            marks.write_all_at(mark.as_bytes(), 0).expect("a mark");
        }
        answer(&format!("d {seq}"));
        Ok(())
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
