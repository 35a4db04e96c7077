//! A program that dies at work, and what its next start finds out.
//!
//! ```sh
//! cargo run -p trace-journal --example resume_after_crash -- traces crash
//! cargo run -p trace-journal --example resume_after_crash -- traces
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use trace_journal::{Journal, SpanKind, SpanStatus};

fn main() -> trace_journal::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().unwrap_or_else(|| "traces".to_owned());
    let journal = Journal::open(dir)?;

    // What was cut off, told once: by the opening that found it.
    for snapshot in journal.recovery().sessions() {
        let snapshot = snapshot?;
        println!(
            "{} was cut off: {}",
            snapshot.id(),
            snapshot.error().unwrap_or("-")
        );
        for span in snapshot.spans().iter().filter(|span| span.is_interrupted()) {
            println!("  it was in {} {}", span.kind().as_str(), span.name());
        }
    }

    // The same id goes on with the same session, in a run of its own.
    let session = journal.session("ses_2").start();
    let tool = session
        .span("bash")
        .kind(SpanKind::TOOL)
        .input("cargo test")
        .start();
    if arguments.next().is_some() {
        std::process::abort();
    }
    tool.end_with(SpanStatus::Ok, "41 passed");
    session.end();
    journal.close()
}
