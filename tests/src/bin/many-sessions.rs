//! A server with a session for each request, in one run: `many-sessions DIR COUNT` writes so many
//! and says after each tenth of them how long one takes, and how much memory the process has; then
//! it looks at a few of them.

#![expect(clippy::print_stdout, reason = "what it measured is what it is for")]

use std::error::Error;
use std::time::Instant;

use journal_tests::requests::serve;
use trace_journal::{Journal, Reader};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, dir, count] = args.as_slice() else {
        return Err("many-sessions DIR COUNT".into());
    };
    let count: u64 = count.parse()?;
    let journal = Journal::open(dir)?;
    let step = (count / 10).max(1);
    for from in (0..count).step_by(usize::try_from(step)?) {
        let (begun, to) = (Instant::now(), count.min(from + step));
        let mut peak = 0;
        serve(&journal, from..to, &mut || peak = peak.max(memory()))?;
        let each = begun.elapsed().as_nanos() / u128::from(step);
        println!("sessions={to} nanoseconds={each} resident={peak}");
    }
    journal.close()?;
    if count <= LISTED_MAX {
        let reader = Reader::open(dir)?;
        assert_eq!(u64::try_from(reader.ids().len())?, count);
        println!("listed={count} loss={:?}", reader.report().loss);
    }
    Ok(())
}

/// Bytes of memory the process has, but those of mapped files.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.trim().split(' ').next());
    number
        .and_then(|number| number.parse::<u64>().ok())
        .unwrap_or(0)
        << 10
}

/// Reading more takes longer than writing them.
const LISTED_MAX: u64 = 1_000_000;
