//! An agent's session, journalled as it happens: every line below survives a kill right behind it.
//!
//! ```sh
//! cargo run -p trace-journal --example agent -- traces
//! ```

use trace_journal::{Journal, Level, SpanKind, SpanStatus, Tokens};

fn main() -> trace_journal::Result<()> {
    let dir = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "traces".to_owned());
    let journal = Journal::options()
        .program("agent-example", "1.0")
        .open(dir)?;

    let session = journal
        .session("ses_1")
        .set("title", "Fix the failing test")
        .start();
    let generation = session
        .span("chat")
        .kind(SpanKind::GENERATION)
        .model("anthropic", "model-1")
        .start();
    generation.text("The test fails since the last commit. ");
    generation.text("Let me see it.");

    let tool = generation
        .child("bash")
        .kind(SpanKind::TOOL)
        .input("cargo test")
        .start();
    tool.log(Level::INFO, "41 tests");
    tool.set("exit_code", 0);
    tool.end_with(SpanStatus::Ok, "41 passed");

    generation
        .finish()
        .tokens(Tokens::new(1810, 96))
        .cost(0.0042)
        .reason("stop")
        .end(SpanStatus::Ok);
    session.end();
    journal.close()
}
