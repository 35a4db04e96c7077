//! Keeps secrets out of the journal: one hook sees every typed event before a byte is encoded.
//!
//! ```sh
//! cargo run -p trace-journal --example redact -- traces
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use trace_journal::event::Action;
use trace_journal::{Event, Journal, Reader, SpanKind, SpanStatus, Value};

fn main() -> trace_journal::Result<()> {
    let dir = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "traces".to_owned());
    let journal = Journal::options().redact(mask).open(&dir)?;
    let session = journal.session("ses_redacted").start();
    let tool = session
        .span("bash")
        .id("call_1")
        .kind(SpanKind::TOOL)
        .input("curl -H 'Authorization: tok_4242' localhost")
        .start();
    tool.end(SpanStatus::Ok);
    session.end();
    journal.close()?;

    let snapshot = Reader::open(&dir)?.snapshot("ses_redacted")?;
    let input = snapshot.span("call_1").and_then(|span| span.input());
    assert!(!format!("{input:?}").contains("tok_4242"));
    println!("{input:?}");
    Ok(())
}

/// Replaces tokens in what tools are given. A panic in here refuses the record.
fn mask(event: &mut Event<'_>) {
    if let Action::SpanStart(span) = &mut event.action
        && let Some(Value::String(input)) = &mut span.fields.input
        && let Some(at) = input.find("tok_")
    {
        let rest = input[at..].find(|c: char| !c.is_alphanumeric() && c != '_');
        let end = rest.map_or(input.len(), |len| at + len);
        input.to_mut().replace_range(at..end, "***");
    }
}
