//! `cat`: the records in order.

use serde::Serialize;
use trace_journal::event::Action;
use trace_journal::{Error, Event, Fate, Gap, Item, Record, Records};

use super::exit::finish;
use super::session_id::resolve;
use super::trouble::open;
use crate::addresses::Addresses;
use crate::args::{CatArgs, CatFormat};
use crate::error::{ExitStatus, Result, could_not};
use crate::escape::one_line;
use crate::output::{Output, warn, warn_error};
use crate::quote::quoted;

pub(super) fn run(args: &CatArgs, output: &mut Output) -> Result<ExitStatus> {
    let reader = open(&args.dir)?;
    let records = match &args.session {
        Some(typed) => reader
            .session(&resolve(&args.dir, &reader, typed)?)
            .records(),
        None => reader.records(),
    };
    let report = reader.report();
    let addresses = Addresses::of(&report);
    let mut cat = Cat {
        args,
        addresses,
        count: 0,
        output,
    };
    let printed = cat.print(records)?;
    let exit = finish(&args.dir, &reader.report(), cat.count)?;
    Ok(match (printed, exit) {
        (ExitStatus::CouldNot, _) | (_, ExitStatus::CouldNot) => ExitStatus::CouldNot,
        (ExitStatus::Lost, _) => ExitStatus::Lost,
        _ => exit,
    })
}

/// Records on their way out.
struct Cat<'a> {
    args: &'a CatArgs,
    addresses: Addresses,
    /// How many were there to be printed.
    count: usize,
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
                Ok(Item::Gap(gap)) => self.gap(&gap)?,
                Err(error) => {
                    exit = match error {
                        Error::Damage { .. } if exit != ExitStatus::CouldNot => ExitStatus::Lost,
                        _ => ExitStatus::CouldNot,
                    };
                    warn_error(&could_not(error));
                }
            }
        }
        Ok(exit)
    }

    fn record(&mut self, record: &Record) -> Result<()> {
        self.count += 1;
        match self.args.format {
            CatFormat::Text => {
                let place = format!("{}:{}", self.addresses.run(record.run), record.seq);
                self.output.line(&text(&place, record))
            }
            CatFormat::Ndjson => ndjson(record, self.output),
            CatFormat::Raw if record.kind.is_user() => {
                self.output.bytes(&record.payload)?;
                self.output.bytes(b"\n")
            }
            CatFormat::Raw => match record.event().action {
                Action::Line(line) => {
                    self.output.bytes(&line.bytes)?;
                    self.output.bytes(b"\n")
                }
                _ => Ok(()),
            },
        }
    }

    fn gap(&mut self, gap: &Gap) -> Result<()> {
        let words = words(&self.addresses.run(gap.run), gap);
        match self.args.format {
            CatFormat::Text => self.output.folded(&words, 2),
            _ => {
                warn(&format!("trace-recover: {words}"));
                Ok(())
            }
        }
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

fn ndjson(record: &Record, output: &mut Output) -> Result<()> {
    output.json(&Line {
        event: &record.event(),
        run: record.run.to_string(),
        seq: record.seq.get(),
    })
}

/// Run and sequence number, time, session, type, and the rest as JSON.
fn text(place: &str, record: &Record) -> String {
    let event = record.event();
    let session = record.session.as_deref().map(quoted);
    let session = session.unwrap_or_else(|| "-".to_owned());
    let at = event.at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let what = match (&event.action, record.kind.system_name()) {
        (_, Some(name)) => format!("{name}  {} bytes", record.payload.len()),
        (Action::Unknown { kind, .. }, None) => {
            format!(
                "record of kind {kind}  {}",
                String::from_utf8_lossy(&record.payload)
            )
        }
        (Action::Line(line), None) => format!("line  {}", String::from_utf8_lossy(&line.bytes)),
        _ => typed(&event),
    };
    one_line(&format!("{place}  {at}  {session}  {what}")).into_owned()
}

/// The type of an event and its members, those shown already left out.
fn typed(event: &Event<'_>) -> String {
    let mut event = event.clone();
    (event.session, event.at) = (None, None);
    let json = serde_json::to_string(&event).unwrap_or_default();
    // `{"type":"text","span":"g1"}` reads as `text  "span":"g1"`.
    let members = json
        .strip_prefix("{\"type\":\"")
        .and_then(|rest| rest.strip_suffix('}'));
    match members.and_then(|members| members.split_once('"')) {
        Some((kind, rest)) => format!("{kind}  {}", rest.trim_start_matches(',')),
        None => json,
    }
}

fn words(run: &str, gap: &Gap) -> String {
    let last = gap
        .last
        .map_or_else(|| "?".to_owned(), |last| last.to_string());
    let durable = match gap.fate {
        Fate::Durable => "durable",
        Fate::Written => "written, in memory",
        _ => "never seen durable",
    };
    let reason = gap.reason.code();
    format!("{run}:{}..{last}  missing, {durable}: {reason}", gap.first)
}
