//! Records that must survive power loss, not only the death of the process.
//!
//! ```sh
//! cargo run -p trace-journal --example wait_durable -- traces
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::time::Duration;

use trace_journal::{Journal, UserKind};

fn main() -> trace_journal::Result<()> {
    let dir = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "traces".to_owned());
    // Whoever does not wait loses at most this much, and the time of one sync.
    let journal = Journal::options()
        .sync_interval(Duration::from_millis(20))
        .open(dir)?;
    let kind = UserKind::new(200)?;

    // Written at once: a kill takes nothing of it. Durable within the interval.
    for step in 0..1000_u32 {
        journal.append_raw(kind, step.to_le_bytes())?;
    }

    // Durable when this returns; all who wait at the same time share one sync.
    let payment = journal.append_raw(kind, "paid 3.50")?;
    journal.wait_durable(payment)?;
    assert!(journal.durable() >= Some(payment));

    // No more than so long, and the record stays whatever the answer is.
    let note = journal.append_raw(kind, "a note")?;
    match journal.wait_durable_timeout(note, Duration::from_secs(1)) {
        Ok(()) => println!("{} records are durable", note.get()),
        Err(error) => println!("not known to be durable yet: {error}"),
    }
    journal.close()
}
