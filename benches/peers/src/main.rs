//! `compare`: this journal beside raw floors and other journals, in one run.
//!
//! Every measurement has a process and a fresh directory of its own, on one file system that is
//! synced first; all contenders of a case take turns, several rounds. What was written is counted
//! after the clock has stopped. The processor time that others used meanwhile is noted, and
//! disturbed measurements are repeated.
#![deny(unsafe_code)]

mod engine;
mod events;
mod figure;
mod floor;
mod journal;
mod peer;
mod result;
mod round;
mod row;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use engine::Outcome;
use row::{Row, Task, rows};

/// Measures this journal, raw floors and other journals side by side.
#[derive(Debug, Parser)]
#[command(name = "compare")]
struct Arguments {
    /// Only this row of the table of workloads, 1 to 13; may be given several times.
    #[arg(long)]
    workload: Vec<u32>,
    /// How often each case is measured; medians are printed.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// One JSON object per result instead of tables.
    #[arg(long)]
    json: bool,
    /// Part of the full counts, to try things out.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Where to write; a new directory in it is used and removed.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Seconds to wait before each measurement for others to leave the processors alone.
    #[arg(long, default_value_t = 5)]
    patience: u64,
    /// Only cases whose name, contender or mode contains this; may be given several times, for
    /// any of them.
    #[arg(long)]
    only: Vec<String>,
    /// One measurement in this process: `fill` or `measure`, and the place of the case.
    #[arg(long, num_args = 2, hide = true)]
    one: Option<Vec<String>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.one {
        Some(one) => measure_one(&arguments, one),
        None => compare(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &Arguments) -> Outcome<()> {
    for row in rows() {
        let is_wanted = arguments.workload.is_empty() || arguments.workload.contains(&row.number());
        if is_wanted {
            let results = round::run(arguments, &*row)?;
            if arguments.json {
                result::print_json(&results);
            } else {
                result::print_table(&*row, &results);
            }
        }
    }
    Ok(())
}

/// What a child process does: its result goes to stdout.
fn measure_one(arguments: &Arguments, one: &[String]) -> Outcome<()> {
    let number = arguments.workload.first().ok_or("no row")?;
    let row = rows().into_iter().find(|row| row.number() == *number);
    let row: Box<dyn Row> = row.ok_or("no such row")?;
    let place: usize = one.last().ok_or("no case")?.parse()?;
    let cases = row.cases();
    let case = cases.get(place).ok_or("no such case")?;
    let task = Task {
        dir: arguments.dir.clone(),
        scale: arguments.scale,
    };
    if one.first().is_some_and(|what| what == "fill") {
        return row.fill(case, &task);
    }
    println!("{}", row.measure(case, &task)?.to_json());
    Ok(())
}
