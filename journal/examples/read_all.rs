//! Everything a journal holds: its sessions as they stand, then its records one by one.
//!
//! ```sh
//! cargo run -p trace-journal --example read_all -- traces
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use trace_journal::{Item, Reader};

fn main() -> trace_journal::Result<()> {
    let dir = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "traces".to_owned());
    // Writes nothing and disturbs no writer.
    let reader = Reader::open(dir)?;

    for snapshot in reader.sessions() {
        let snapshot = snapshot?;
        println!(
            "{}  {}  {} spans",
            snapshot.id(),
            snapshot.status().as_str(),
            snapshot.spans().len()
        );
    }

    let mut records = 0_u64;
    for item in reader.records() {
        match item? {
            Item::Record(_) => records += 1,
            Item::Gap(gap) => println!("missing: {gap:?}"),
        }
    }
    println!(
        "{records} records, loss {}",
        reader.report().loss().as_str()
    );
    Ok(())
}
