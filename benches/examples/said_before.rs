//! What it brings, and costs, to say values once: `said_before [FILE]...`.
//!
//! Each workload is written with `share_values` and without, in turns; medians. FILEs are sessions
//! of JSON objects, one a line, of which each becomes an event.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use trace_journal::{Event, Journal, Map, Value};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:28} {:>7} {:>9} {:>9} {:>6} {:>9} {:>9} {:>6}",
        "workload", "events", "KiB", "shared", "ratio", "ns/event", "shared", "ratio"
    )?;
    let mut workloads = vec![
        ("history, 225 generations".to_owned(), history(225)),
        ("12 images in 40 requests".to_owned(), images(12, 40)),
        ("small, 200 B".to_owned(), unlike(50_000, 200)),
        ("small, 900 B".to_owned(), unlike(50_000, 900)),
        ("unlike, 4 KiB".to_owned(), unlike(10_000, 4 << 10)),
        ("unlike, 64 KiB".to_owned(), unlike(1000, 64 << 10)),
    ];
    for file in std::env::args().skip(1) {
        let text = fs::read_to_string(&file)?;
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let events: Vec<Value<'static>> = lines.map(|line| from_json(&line)).collect();
        let name = Path::new(&file).file_name().unwrap_or_default();
        workloads.push((name.to_string_lossy().into_owned(), events));
    }
    for (name, events) in workloads {
        row(&mut out, &name, &events)?;
    }
    Ok(())
}

fn row(out: &mut dyn Write, name: &str, events: &[Value<'static>]) -> Outcome<()> {
    let mut times = [const { Vec::new() }; 2];
    let mut bytes = [0; 2];
    for round in 0..ROUNDS {
        // The one that comes second finds caches warm: they take turns at that.
        for which in [round % 2, 1 - round % 2] {
            let dir = tempfile::tempdir()?;
            let (time, len) = write(dir.path(), events, which == 1)?;
            times[which].push(time);
            bytes[which] = len;
        }
    }
    let count = u32::try_from(events.len())?.max(1);
    let [plain, shared] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_nanos() / u128::from(count)
    });
    let [all, once] = bytes.map(|bytes| bytes >> 10);
    writeln!(
        out,
        "{name:28} {count:>7} {all:>9} {once:>9} {:>6} {plain:>9} {shared:>9} {:>6}",
        ratio(bytes[0], bytes[1]),
        ratio(u64::try_from(shared)?, u64::try_from(plain)?),
    )?;
    Ok(())
}

/// Writes a journal and gives how long the appends took, and the bytes of its segments.
fn write(dir: &Path, events: &[Value<'static>], shares: bool) -> Outcome<(Duration, u64)> {
    let options = Journal::options().share_values(shares);
    let journal = options.backlog_bytes_max(u64::MAX).open(dir)?;
    let session = journal.session("s").start();
    let events: Vec<_> = events
        .iter()
        .map(|data| Event::custom("log", data.clone()))
        .collect();
    let begin = Instant::now();
    for event in events {
        session.append(event)?;
    }
    let took = begin.elapsed();
    journal.close()?;
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry
            .path()
            .extension()
            .is_some_and(|ending| ending == "seg")
        {
            bytes += entry.metadata()?.len();
        }
    }
    Ok((took, bytes))
}

/// A conversation of so many turns, each of which logs all messages before it.
fn history(turns: usize) -> Vec<Value<'static>> {
    let mut messages = Vec::new();
    let mut events = Vec::new();
    for turn in 0..turns {
        messages.push(message("user", turn, 300));
        messages.push(message("assistant", turn, 900));
        events.push(map([("messages", Value::List(messages.clone()))]));
    }
    events
}

fn images(images: usize, requests: usize) -> Vec<Value<'static>> {
    let image = |number: usize| Value::from(noise(number, 150 << 10));
    let request = |number: usize| {
        let first = number * images / requests;
        let parts = (0..=first).map(image).collect();
        map([("content", Value::List(parts))])
    };
    (0..requests).map(request).collect()
}

/// Values no two of which are alike.
fn unlike(count: usize, len: usize) -> Vec<Value<'static>> {
    (0..count).map(|n| Value::from(noise(n, len))).collect()
}

fn message(role: &'static str, turn: usize, len: usize) -> Value<'static> {
    let text = noise(turn * 2 + usize::from(role == "user"), len);
    map([("role", role.into()), ("content", text.into())])
}

fn map<const N: usize>(members: [(&'static str, Value<'static>); N]) -> Value<'static> {
    Value::Map(Map::from(members))
}

/// Text that looks random.
fn noise(seed: usize, len: usize) -> String {
    let mut state = u64::try_from(seed)
        .unwrap_or(0)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        | 1;
    let mut text = String::with_capacity(len + 16);
    while text.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!("{state:016x}"));
    }
    text.truncate(len);
    text
}

fn from_json(json: &serde_json::Value) -> Value<'static> {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::from(*value),
        serde_json::Value::Number(number) => Value::from(number.as_f64().unwrap_or(0.0)),
        serde_json::Value::String(text) => Value::from(text.clone()),
        serde_json::Value::Array(values) => Value::List(values.iter().map(from_json).collect()),
        serde_json::Value::Object(members) => {
            let members = members.iter();
            Value::Map(
                members
                    .map(|(name, value)| (name.clone(), from_json(value)))
                    .collect(),
            )
        }
    }
}

/// In hundredths.
fn ratio(a: u64, b: u64) -> String {
    let hundredths = a.saturating_mul(100) / b.max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

const ROUNDS: usize = 9;
