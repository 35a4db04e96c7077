//! `ingest`: lines from elsewhere become records.
//!
//! It lives beside the program whose output it keeps: nothing but the end of its input, and a
//! second signal, ends it.

mod acks;
mod counts;
#[cfg(unix)]
mod input;
mod lines;
mod open;
#[cfg(unix)]
mod signals;
mod target;
#[cfg(windows)]
mod windows;
mod words;

use std::io::BufReader;

use trace_journal::{Error, Journal};

use self::acks::{Acks, Answer};
use self::counts::Counts;
#[cfg(unix)]
use self::input::Input;
use self::lines::{Lines, Next};
use self::open::Opened;
#[cfg(unix)]
use self::signals::Signals;
use self::target::Target;
#[cfg(windows)]
use self::windows::{Input, Signals};
use self::words::Words;
use crate::args::IngestArgs;
use crate::error::{CliError, ExitStatus, Result};
use crate::escape::one_line;

/// The number of this error on Unix.
const TOO_MANY_FILES: i32 = 24;

/// Longer lines are refused before they fill the memory.
const LINE_LEN_MAX: u64 = 256 << 20;

type InputLines = Lines<BufReader<Input>>;

pub(crate) fn run(args: &IngestArgs) -> Result<ExitStatus> {
    let words = Words::start().map_err(|error| failed("start a thread", &error))?;
    let outcome = ingest(args, &words);
    words.finish();
    outcome
}

fn ingest(args: &IngestArgs, words: &Words) -> Result<ExitStatus> {
    let signals = Signals::watch(words).map_err(|error| failed("listen to signals", &error))?;
    // The input first: a mistyped file name leaves no directory behind.
    let lines = open_input(args, &signals)?;
    let opened = Opened::open(args)?;
    opened.say_how(args, words);
    let journal = &opened.journal;
    let acks = Acks::start(args.ack(), args.ack_format, journal);
    let acks = acks.map_err(|error| failed("start a thread", &error))?;
    let target = Target::new(journal, args);
    let mut counts = Counts::new(&opened);
    let read = read_lines(lines, &target, &acks, &mut counts, words);
    // What was ended before its input is not complete.
    let ended = match signals.exit() {
        Some(_) => Ok(()),
        None => target.finish(),
    };
    let (are_durable, closed) = (counts.are_durable(), close(journal));
    signals.note_closed();
    words.warn(&counts.summary(&args.dir, are_durable.is_ok()));
    if let Some(advice) = counts.advice(args.from) {
        words.warn(advice);
    }
    acks.finish(|| signals.exit().is_some());
    read?;
    are_durable?;
    if ended.is_err() && counts.is_never_opened() {
        // Nothing was begun that could have an end.
        return Ok(signals.exit().unwrap_or(ExitStatus::Lost));
    }
    if let Err(error) = ended.and(closed) {
        let error = error.to_string();
        words.warn(&format!(
            "trace-recover: all that was taken is {}, but its end is not on record, and counts as \
             one more refused record: {}",
            counts.kept(),
            one_line(&error)
        ));
        return Ok(signals.exit().unwrap_or(ExitStatus::Lost));
    }
    Ok(signals.exit().unwrap_or(counts.exit()))
}

fn open_input(args: &IngestArgs, signals: &Signals) -> Result<InputLines> {
    let file = args.file.as_deref();
    let input = signals.woken().and_then(|woken| Input::open(file, woken));
    let input = input.map_err(|error| {
        let name = file.map_or_else(|| "stdin".into(), |path| path.display().to_string());
        failed(&one_line(&name), &error)
    })?;
    let buffered = BufReader::with_capacity(256 << 10, input);
    Ok(Lines::new(buffered, LINE_LEN_MAX))
}

/// Closes the run; one that never was needs no closing.
fn close(journal: &Journal) -> Result<(), Error> {
    match journal.close() {
        Err(Error::Disabled { .. }) => Ok(()),
        closed => closed,
    }
}

fn read_lines(
    mut lines: InputLines,
    target: &Target<'_>,
    acks: &Acks,
    counts: &mut Counts,
    words: &Words,
) -> Result<()> {
    for number in 1.. {
        let appended = match lines.next() {
            Err(error) => return Err(failed(&format!("read line {number}"), &error)),
            Ok(Next::End) => break,
            Ok(Next::TooLong) => Err(Error::LimitExceeded {
                what: "line",
                size: LINE_LEN_MAX + 1,
                limit: LINE_LEN_MAX,
            }),
            Ok(Next::Line(line)) => target.append(number, line, words),
        };
        acks.push(
            number,
            match appended {
                Ok(None) => Answer::Blank,
                Ok(Some(seq)) => {
                    counts.taken(number, seq, words);
                    Answer::Taken(seq)
                }
                Err(error) => {
                    counts.refused(number, &error, words);
                    Answer::Refused
                }
            },
        );
    }
    Ok(())
}

fn failed(what: &str, error: &std::io::Error) -> CliError {
    CliError::CouldNot(match error.raw_os_error() {
        // It has nothing to do with the file that was next.
        Some(TOO_MANY_FILES) if cfg!(unix) => format!(
            "this process may have no more files open: {error}; raise the limit (ulimit -n)"
        ),
        _ => format!("{what}: {error}"),
    })
}
