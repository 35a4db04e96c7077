//! `ingest`: lines from elsewhere become records.

mod acks;
mod lines;
mod target;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use trace_journal::{Durability, Error, Journal, OnBacklog};

use self::acks::Acks;
use self::lines::{Lines, Next};
use self::target::Target;
use crate::args::{Ack, IngestArgs, LineForm};
use crate::escape::one_line;
use crate::failure::{Exit, Failure, Outcome, could_not};
use crate::output::say;
use crate::text::counted;

/// Longer lines are refused before they fill the memory.
const LINE_LEN_MAX: u64 = 256 << 20;

/// A slow disk holds the input up; it does not get lines refused.
const BACKLOG_WAIT: Duration = Duration::from_secs(3600);

pub(crate) fn run(args: &IngestArgs) -> Outcome<Exit> {
    // The input first: a mistyped file name leaves no directory behind.
    let input = open_input(args.file.as_deref())?;
    let journal = Journal::options()
        .program("trace-recover", env!("CARGO_PKG_VERSION"))
        .on_backlog(OnBacklog::Wait(BACKLOG_WAIT))
        .open(&args.dir)
        .map_err(could_not)?;
    say_durability(&journal, args);
    let mut acks = Acks::start(args.ack, &journal)
        .map_err(|error| Failure::CouldNot(format!("start a thread: {error}")))?;
    let mut target = Target::new(&journal, args);
    let mut counts = Counts::default();
    let read = read_lines(
        Lines::new(input, LINE_LEN_MAX),
        &mut target,
        &acks,
        &mut counts,
    );
    let closed = read.and_then(|()| target.finish().map_err(could_not));
    let closed = closed.and_then(|()| journal.sync().map(|_| ()).map_err(could_not));
    acks.finish();
    let closed = closed.and(journal.close().map_err(could_not));
    say(&counts.summary(&args.dir, closed.is_ok()));
    if counts.accepted == 0 && counts.refused > 0 && args.from == LineForm::Events {
        say("nothing was taken; to keep lines as they are: --from lines --session ID");
    }
    closed.map(|()| {
        if counts.refused > 0 {
            Exit::Lost
        } else {
            Exit::Done
        }
    })
}

fn open_input(file: Option<&Path>) -> Outcome<Box<dyn BufRead>> {
    match file {
        Some(path) if path != Path::new("-") => match File::open(path) {
            Ok(file) => Ok(Box::new(BufReader::with_capacity(256 << 10, file))),
            Err(error) => Err(Failure::CouldNot(format!("{}: {error}", path.display()))),
        },
        _ => Ok(Box::new(io::stdin().lock())),
    }
}

/// On some file systems "durable" means little: it is said, not left to be found out.
fn say_durability(journal: &Journal, args: &IngestArgs) {
    let durability = journal.info().run.map(|run| run.durability);
    let what = match durability {
        Some(Durability::None) if args.ack == Ack::Durable => {
            "is in memory: nothing in it survives"
        }
        Some(Durability::Unknown) if args.ack == Ack::Durable => {
            "may be on a network: who knows what survives"
        }
        _ => return,
    };
    let dir = args.dir.display().to_string();
    say(&format!(
        "trace-recover: {} {what} power loss",
        one_line(&dir)
    ));
}

/// How the lines fared.
#[derive(Debug, Default)]
struct Counts {
    number: u64,
    accepted: u64,
    refused: u64,
}

impl Counts {
    fn summary(&self, dir: &Path, are_durable: bool) -> String {
        let accepted = counted(self.accepted, "line", "lines");
        let what = if are_durable {
            "durable"
        } else {
            "NOT known to be durable"
        };
        format!(
            "{accepted} in {}, {what}; {} refused",
            dir.display(),
            self.refused
        )
    }
}

fn read_lines(
    mut lines: Lines<Box<dyn BufRead>>,
    target: &mut Target<'_>,
    acks: &Acks,
    counts: &mut Counts,
) -> Outcome<()> {
    loop {
        counts.number += 1;
        let number = counts.number;
        let appended = match lines.next() {
            Err(error) => return Err(Failure::CouldNot(format!("read line {number}: {error}"))),
            Ok(Next::End) => return Ok(()),
            Ok(Next::TooLong) => Err(Error::LimitExceeded {
                what: "line",
                size: LINE_LEN_MAX + 1,
                limit: LINE_LEN_MAX,
            }),
            Ok(Next::Line(line)) => target.append(number, line),
        };
        match appended {
            Ok(None) => {}
            Ok(Some(seq)) => {
                counts.accepted += 1;
                acks.push(seq);
            }
            Err(error) => {
                say(&format!("line {number}: {}", one_line(&error.to_string())));
                counts.refused += 1;
                if !is_about_the_line(&error) {
                    return Err(Failure::CouldNot(format!(
                        "gave up at line {number}: {error}"
                    )));
                }
            }
        }
    }
}

/// Whether the next line may fare better.
fn is_about_the_line(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidEvent { .. } | Error::LimitExceeded { .. }
    )
}
