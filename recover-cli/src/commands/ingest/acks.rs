//! Acknowledgements: printed by a thread of their own, so that many lines share one sync.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use trace_journal::{Journal, Seq};

use crate::args::Ack;

/// Prints the sequence numbers it is given, each as soon as it is what was asked for.
pub(crate) struct Acks {
    sender: Option<Sender<Seq>>,
    printer: Option<JoinHandle<()>>,
}

impl Acks {
    /// Starts printing; for [`Ack::None`] nothing is started.
    pub(crate) fn start(ack: Ack, journal: &Journal) -> io::Result<Acks> {
        if ack == Ack::None {
            return Ok(Acks {
                sender: None,
                printer: None,
            });
        }
        // Unbounded: whoever writes all lines before reading one answer must not be stuck.
        let (sender, receiver) = mpsc::channel();
        let journal = (ack == Ack::Durable).then(|| journal.clone());
        let printer = thread::Builder::new()
            .name("acks".to_owned())
            .spawn(move || print(&receiver, journal.as_ref()))?;
        Ok(Acks {
            sender: Some(sender),
            printer: Some(printer),
        })
    }

    /// Has `seq` printed when its time comes.
    pub(crate) fn push(&self, seq: Seq) {
        if let Some(sender) = &self.sender {
            // The printer may have stopped because nobody listens; the lines go on.
            let _ = sender.send(seq);
        }
    }

    /// Waits until everything is printed.
    pub(crate) fn finish(&mut self) {
        self.sender = None;
        if let Some(printer) = self.printer.take() {
            // It does not panic; and if it did, the lines themselves are safe.
            let _ = printer.join();
        }
    }
}

/// One write a line; stops when nobody listens or the journal gives no more answers.
fn print(receiver: &Receiver<Seq>, journal: Option<&Journal>) {
    let mut stdout = io::stdout();
    for seq in receiver {
        // A failure shows where the lines are appended; here it only means: no acknowledgement.
        if journal.is_some_and(|journal| journal.wait_durable(seq).is_err()) {
            return;
        }
        let line = format!("{seq}\n");
        if stdout
            .write_all(line.as_bytes())
            .and_then(|()| stdout.flush())
            .is_err()
        {
            return;
        }
    }
}
