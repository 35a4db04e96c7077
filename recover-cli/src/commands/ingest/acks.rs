//! Acknowledgements: printed by a thread of their own, so that many lines share one sync, and in
//! the order of the lines.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use trace_journal::{Error, Journal, Seq};

use crate::args::{Ack, AckFormat};

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Its record has this number.
    Taken(Seq),
    /// It has no record.
    Refused,
    /// It was blank: there was nothing to record.
    Blank,
}

/// Prints what became of lines, each as soon as it is what was asked for.
pub(super) struct Acks {
    /// `None`: they were not asked for.
    shared: Option<Arc<Shared>>,
}

struct Shared {
    format: AckFormat,
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// Lines not yet printed, unbounded: a program that writes all lines before it reads one answer
/// must not be stuck. Lines with answers of one kind in a row take the space of one.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Stretch>,
    printed: u64,
    /// No line comes any more.
    is_complete: bool,
    /// Everything is printed, or it is not read any more.
    is_over: bool,
}

/// Lines behind each other whose answers follow from the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    line: u64,
    count: u64,
    first: Answer,
    last: Answer,
}

/// Answers handed over at once, in bytes.
const TEXT_LEN_MAX: usize = 64 << 10;

/// How long a listener may take nothing, once the command is to end.
const PATIENCE: Duration = Duration::from_secs(1);

impl Acks {
    /// Starts printing; for [`Ack::None`] nothing is started.
    pub(super) fn start(ack: Ack, format: AckFormat, journal: &Journal) -> io::Result<Acks> {
        if ack == Ack::None {
            return Ok(Acks { shared: None });
        }
        let shared = Arc::new(Shared {
            format,
            queue: Mutex::default(),
            changed: Condvar::new(),
        });
        let printer = Arc::clone(&shared);
        let journal = (ack == Ack::Durable).then(|| journal.clone());
        thread::Builder::new()
            .name("acks".to_owned())
            .spawn(move || {
                let _ = printer.print(journal.as_ref());
                printer.lock().is_over = true;
                printer.changed.notify_all();
            })?;
        let shared = Some(shared);
        Ok(Acks { shared })
    }

    /// Has the answer to a line printed when its time comes.
    pub(super) fn push(&self, line: u64, answer: Answer) {
        let Some(shared) = &self.shared else { return };
        if shared.format == AckFormat::Seq && !matches!(answer, Answer::Taken(_)) {
            return;
        }
        let mut queue = shared.lock();
        // The lines go on, whether they are read or not.
        if queue.is_over {
            return;
        }
        let is_longer = queue
            .waiting
            .back_mut()
            .is_some_and(|last| last.add(line, answer));
        if !is_longer {
            queue.waiting.push_back(Stretch::new(line, answer));
        }
        shared.changed.notify_all();
    }

    /// Waits until everything is printed or not read any more; for the impatient, only as long as
    /// it is read.
    pub(super) fn finish(&self, is_impatient: impl Fn() -> bool) {
        let Some(shared) = &self.shared else { return };
        let mut queue = shared.lock();
        queue.is_complete = true;
        shared.changed.notify_all();
        while !queue.is_over {
            let printed = queue.printed;
            let waited = shared.changed.wait_timeout(queue, PATIENCE);
            let (now, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
            if timed_out.timed_out() && now.printed == printed && is_impatient() {
                return;
            }
            queue = now;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints until all is printed; an error means that it is not read.
    fn print(&self, journal: Option<&Journal>) -> io::Result<()> {
        while let Some(stretch) = self.next() {
            let mut text = String::new();
            let mut answer = stretch.first;
            for line in (stretch.line..).take_while(|line| line - stretch.line < stretch.count) {
                let is_kept = match (answer, journal) {
                    (Answer::Taken(seq), Some(journal)) => self.wait(seq, journal, &mut text)?,
                    _ => true,
                };
                text.push_str(&self.words(line, if is_kept { answer } else { Answer::Refused }));
                if text.len() > TEXT_LEN_MAX {
                    self.hand_over(&mut text)?;
                }
                answer = answer.next();
            }
            self.hand_over(&mut text)?;
        }
        Ok(())
    }

    /// The lines to answer next.
    fn next(&self) -> Option<Stretch> {
        let mut queue = self.lock();
        loop {
            let next = queue.waiting.pop_front();
            if next.is_some() || queue.is_complete {
                return next;
            }
            let waited = self.changed.wait(queue);
            queue = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the record became durable; nothing is held back while that takes time.
    fn wait(&self, seq: Seq, journal: &Journal, text: &mut String) -> io::Result<bool> {
        let is_durable = match journal.wait_durable_timeout(seq, Duration::ZERO) {
            Err(Error::Timeout) => {
                self.hand_over(text)?;
                journal.wait_durable(seq).is_ok()
            }
            outcome => outcome.is_ok(),
        };
        Ok(is_durable)
    }

    fn words(&self, line: u64, answer: Answer) -> String {
        match (self.format, answer) {
            (AckFormat::Seq, Answer::Taken(seq)) => format!("{seq}\n"),
            (AckFormat::Seq, _) => String::new(),
            (AckFormat::Line, Answer::Taken(seq)) => format!("{line} {seq}\n"),
            (AckFormat::Line, Answer::Refused) => format!("{line} refused\n"),
            (AckFormat::Line, Answer::Blank) => format!("{line} -\n"),
        }
    }

    fn hand_over(&self, text: &mut String) -> io::Result<()> {
        let mut stdout = io::stdout();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())?;
        text.clear();
        self.lock().printed += 1;
        self.changed.notify_all();
        Ok(())
    }
}

impl Stretch {
    fn new(line: u64, answer: Answer) -> Stretch {
        Stretch {
            line,
            count: 1,
            first: answer,
            last: answer,
        }
    }

    /// Takes in the next line if its answer follows.
    fn add(&mut self, line: u64, answer: Answer) -> bool {
        let is_next = line == self.line + self.count && answer == self.last.next();
        if is_next {
            self.count += 1;
            self.last = answer;
        }
        is_next
    }
}

impl Answer {
    /// What the next line has if nothing changes.
    fn next(self) -> Answer {
        match self {
            Answer::Taken(seq) => Answer::Taken(seq.next()),
            Answer::Refused | Answer::Blank => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(seq: u64) -> Answer {
        Answer::Taken(Seq::new(seq).unwrap())
    }

    #[test]
    fn answers_in_a_row_take_the_space_of_one() {
        let mut stretch = Stretch::new(5, taken(8));
        assert!(stretch.add(6, taken(9)) && stretch.add(7, taken(10)));
        for (line, answer) in [
            (8, taken(12)),
            (9, taken(11)),
            (8, Answer::Refused),
            (8, Answer::Blank),
        ] {
            assert!(!stretch.add(line, answer), "{line} {answer:?}");
        }
        assert_eq!((stretch.count, stretch.last), (3, taken(10)));
        let mut stretch = Stretch::new(1, Answer::Refused);
        assert!(stretch.add(2, Answer::Refused) && !stretch.add(3, Answer::Blank));
    }
}
