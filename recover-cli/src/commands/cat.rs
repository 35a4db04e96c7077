//! `cat`: the records in order.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;

use serde::Serialize;
use trace_journal::event::Action;
use trace_journal::reader::Records;
use trace_journal::{Error, Event, Item, Record};

use super::exit::finish;
use super::session_id::resolve;
use super::trouble::open;
use crate::addresses::Addresses;
use crate::args::{CatArgs, CatFormat};
use crate::error::{ExitStatus, Result, could_not};
use crate::output::{Output, warn, warn_error};
use crate::place::locate;
use crate::select::Selection;
use crate::view::record::{RecordLines, type_name};

pub(super) fn run(args: &CatArgs, dirs: &[PathBuf], output: &mut Output) -> Result<ExitStatus> {
    let named = locate(&args.words, dirs, 1)?;
    let dir = named.journal();
    let reader = open(dir)?;
    let typed = args.selection.sessions.iter().chain(&named.rest);
    let ids = typed.map(|typed| resolve(dir, &reader, typed, output));
    let ids = ids.collect::<Result<BTreeSet<String>>>()?;
    let ids: Vec<String> = ids.into_iter().collect();
    let records = match ids.as_slice() {
        [only] => reader.session(only).records(),
        _ => reader.records(),
    };
    let (is_short, is_verbose) = (output.is_bounded(), output.is_verbose());
    let addresses = Addresses::of(&reader.report());
    let selection = args
        .selection
        .understood(args.grep.as_deref(), output.clock())?;
    let mut cat = Cat {
        args,
        ids,
        lines: RecordLines::new(addresses, reader.ids(), is_short, is_verbose),
        last: selection.max.map(|_| VecDeque::new()),
        day: String::new(),
        selection,
        count: 0,
        matched: 0,
        output,
    };
    let printed = cat.print(records)?;
    cat.print_last()?;
    let count = cat.count;
    let exit = finish(dir, &reader.report(), count, output)?;
    Ok(match (printed, exit) {
        (ExitStatus::CouldNot, _) | (_, ExitStatus::CouldNot) => ExitStatus::CouldNot,
        (ExitStatus::Lost, _) => ExitStatus::Lost,
        _ => exit,
    })
}

/// Records on their way out.
struct Cat<'a> {
    args: &'a CatArgs,
    /// The sessions that are meant; all of them if there are none here.
    ids: Vec<String>,
    selection: Selection,
    lines: RecordLines,
    /// The last ones, where only those are wanted.
    last: Option<VecDeque<(Vec<u8>, Option<String>)>>,
    /// The day of the line before.
    day: String,
    /// How many were there to be printed.
    count: usize,
    matched: usize,
    output: &'a mut Output,
}

impl Cat<'_> {
    /// Prints all of them; whether some could not be read, or were damaged.
    fn print(&mut self, records: Records) -> Result<ExitStatus> {
        let mut exit = ExitStatus::Done;
        for item in records {
            match item {
                Ok(Item::Record(record)) if record.kind.is_system() && !self.args.system => {}
                Ok(Item::Record(record)) => self.record(&record)?,
                Ok(Item::Gap(gap)) => {
                    let line = self.lines.gap(&gap);
                    match self.args.format {
                        CatFormat::Text => self.put_line(&line, None)?,
                        _ => warn(&format!("trace-recover: {line}")),
                    }
                }
                // The gap in its place says the same of a damaged one.
                Err(Error::Damage { .. }) if exit != ExitStatus::CouldNot => {
                    exit = ExitStatus::Lost;
                }
                Err(error) => {
                    exit = ExitStatus::CouldNot;
                    warn_error(&could_not(error));
                }
            }
            if self.args.max_count.is_some_and(|most| self.matched >= most) {
                break;
            }
        }
        Ok(exit)
    }

    fn record(&mut self, record: &Record) -> Result<()> {
        self.count += 1;
        // Also of what is not shown: later lines name its spans.
        let line = self.lines.line(record, self.output.clock());
        if !self.is_meant(record, &line) {
            return Ok(());
        }
        self.matched += 1;
        match self.args.format {
            CatFormat::Text => {
                let day = self.lines.day(record, self.output.clock());
                self.put_line(&line, day)
            }
            CatFormat::Ndjson => {
                let json = ndjson(record)?;
                self.put(json, None)
            }
            CatFormat::Raw if record.kind.is_user() => self.put(record.payload.to_vec(), None),
            CatFormat::Raw => match record.event().action {
                Action::Line(line) => self.put(line.bytes.into_owned(), None),
                _ => Ok(()),
            },
        }
    }

    fn is_meant(&self, record: &Record, line: &str) -> bool {
        let event = record.event();
        let is_of = |id: &String| record.session.as_deref() == Some(id);
        let kind = match &event.action {
            Action::SpanStart(start) | Action::Span(start, _) => start.kind.as_str(),
            _ => "",
        };
        (self.ids.is_empty() || self.ids.iter().any(is_of))
            && self.selection.has_time(event.at)
            && self.selection.has_kind(&[kind, type_name(&event.action)])
            && self.selection.grep().is_none_or(|grep| grep.is_match(line))
    }

    /// A line for people, cut where it does not fit.
    fn put_line(&mut self, line: &str, day: Option<String>) -> Result<()> {
        let line = match self.output.is_bounded() {
            true => crate::width::cut(line, self.output.width()),
            false => line.to_owned(),
        };
        self.put(line.into_bytes(), day)
    }

    /// Prints a line, or holds it until it is known whether it is one of the last.
    fn put(&mut self, mut line: Vec<u8>, day: Option<String>) -> Result<()> {
        line.push(b'\n');
        let Some(last) = &mut self.last else {
            return self.print_line(&line, day);
        };
        last.push_back((line, day));
        if last.len() > self.selection.max.unwrap_or(usize::MAX) {
            last.pop_front();
        }
        Ok(())
    }

    /// Prints a line, below its day if that is another one than that of the line before.
    fn print_line(&mut self, line: &[u8], day: Option<String>) -> Result<()> {
        if let Some(day) = day.filter(|day| *day != self.day) {
            self.output.line(&day)?;
            self.day = day;
        }
        self.output.bytes(line)
    }

    fn print_last(&mut self) -> Result<()> {
        let mut last = self.last.take().into_iter().flatten();
        last.try_for_each(|(line, day)| self.print_line(&line, day))
    }
}

/// An event with its address, as `ingest` reads it.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: &'a Event<'a>,
    run: String,
    seq: u64,
}

fn ndjson(record: &Record) -> Result<Vec<u8>> {
    let line = Line {
        event: &record.event(),
        run: record.run.to_string(),
        seq: record.seq.get(),
    };
    let json = serde_json::to_string(&line);
    let json = json.map_err(|error| crate::error::CliError::CouldNot(error.to_string()))?;
    Ok(crate::escape::json(&json).into_owned().into_bytes())
}
