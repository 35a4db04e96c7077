//! Sums of spans by what they have in common.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use trace_journal::snapshot::{Snapshot, SpanSnapshot};
use trace_journal::{Number, SpanKind, SpanStatus, Timestamp};

use crate::error::Result;
use crate::escape::one_line;
use crate::format::{amount, cost, duration, grouped};
use crate::headline::{cwd, on_one_line, path_of, short_model};
use crate::output::Output;
use crate::select::Selection;
use crate::table::{Cell, Column, table};
use crate::time::Clock;

/// What is added up by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Day,
    Week,
    Month,
    Session,
    Model,
    Tool,
    Kind,
    File,
    /// A name of the metadata.
    Metadata(String),
}

const KEYS: [(&str, Key); 8] = [
    ("day", Key::Day),
    ("week", Key::Week),
    ("month", Key::Month),
    ("session", Key::Session),
    ("model", Key::Model),
    ("tool", Key::Tool),
    ("kind", Key::Kind),
    ("file", Key::File),
];

impl Key {
    /// The key that was typed.
    pub(crate) fn named(name: &str) -> Key {
        let found = KEYS.iter().find(|(known, _)| *known == name);
        found.map_or_else(|| Key::Metadata(name.to_owned()), |(_, key)| key.clone())
    }

    fn name(&self) -> &str {
        let found = KEYS.iter().find(|(_, key)| key == self);
        match (self, found) {
            (Key::Metadata(name), _) => name,
            (_, Some((name, _))) => name,
            (_, None) => "",
        }
    }

    fn value(&self, snapshot: &Snapshot, span: &SpanSnapshot<'_>, clock: &Clock) -> Option<String> {
        match self {
            Key::Day => Some(clock.day(span.started_at())),
            Key::Week => Some(clock.week(span.started_at())),
            Key::Month => Some(clock.month(span.started_at())),
            Key::Session => Some(snapshot.id().to_owned()),
            Key::Model => {
                let model = span.model()?.model_id.as_deref()?;
                Some(short_model(model).to_owned())
            }
            Key::Tool => {
                let is_tool = *span.kind() == SpanKind::TOOL;
                is_tool.then(|| span.name().to_owned())
            }
            Key::Kind => Some(span.kind().as_str().to_owned()),
            Key::File => path_of(span, cwd(snapshot)),
            Key::Metadata(name) => {
                let value = snapshot.metadata().get(name)?;
                Some(value.as_str().map_or_else(
                    || serde_json::to_string(value).unwrap_or_default(),
                    str::to_owned,
                ))
            }
        }
    }
}

/// The groups of one table.
pub(crate) struct Sums {
    keys: Vec<Key>,
    groups: BTreeMap<Vec<String>, Group>,
}

/// What the spans of a group come to.
#[derive(Default)]
pub(crate) struct Group {
    sessions: BTreeSet<String>,
    spans: u64,
    calls: u64,
    errors: u64,
    tokens: [f64; 5],
    cost: f64,
    lasted: Vec<u64>,
    last_error: Option<(Timestamp, String)>,
}

impl Sums {
    pub(crate) fn new(keys: Vec<Key>) -> Sums {
        Sums {
            keys,
            groups: BTreeMap::new(),
        }
    }

    /// Adds the spans of a session that are meant; its root is no work of its own.
    pub(crate) fn add(&mut self, snapshot: &Snapshot, selection: &Selection, clock: &Clock) {
        for (_, span) in snapshot.tree().skip(1) {
            let is_meant = selection.has_kind(&[span.kind().as_str()])
                && selection.has_time(Some(span.started_at()));
            let values = self.keys.iter().map(|key| key.value(snapshot, span, clock));
            if let Some(values) = values.collect::<Option<Vec<String>>>().filter(|_| is_meant) {
                self.groups.entry(values).or_default().add(snapshot, span);
            }
        }
    }

    /// The groups, times newest first, others the largest first; `None` if there is no such column.
    pub(crate) fn sorted(&self, column: Option<&str>) -> Option<Vec<(&Vec<String>, &Group)>> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        let times = [Key::Day, Key::Week, Key::Month];
        let by_time = self.keys.first().is_some_and(|key| times.contains(key));
        let size: fn(&Group) -> f64 = match column {
            None if by_time => {
                groups.reverse();
                return Some(groups);
            }
            None => |group| {
                if group.cost > 0.0 {
                    group.cost
                } else {
                    whole(group.spans)
                }
            },
            Some("sessions") => |group| whole(u64::try_from(group.sessions.len()).unwrap_or(0)),
            Some("spans") => |group| whole(group.spans),
            Some("calls") => |group| whole(group.calls),
            Some("errors" | "err") => |group| whole(group.errors),
            Some("in") => |group| group.tokens[0],
            Some("out") => |group| group.tokens[1],
            Some("tokens") => |group| group.tokens.iter().sum(),
            Some("cost") => |group| group.cost,
            Some("time") => |group| whole(group.time()),
            Some(_) => return None,
        };
        groups.sort_by(|(_, one), (_, other)| size(other).total_cmp(&size(one)));
        Some(groups)
    }
}

/// A count as a number that is sorted by; far beyond what is counted it is rounded.
fn whole(count: u64) -> f64 {
    Number::from(count).as_f64()
}

impl Group {
    fn add(&mut self, snapshot: &Snapshot, span: &SpanSnapshot<'_>) {
        if !self.sessions.contains(snapshot.id()) {
            self.sessions.insert(snapshot.id().to_owned());
        }
        self.spans += 1;
        let is_call = [SpanKind::TOOL, SpanKind::GENERATION].contains(span.kind());
        self.calls += u64::from(is_call);
        if span.status() == SpanStatus::Error {
            self.errors += 1;
            let words = on_one_line(&words_of_error(span));
            let at = span.ended_at().unwrap_or(span.started_at());
            if self.last_error.as_ref().is_none_or(|(last, _)| *last <= at) {
                self.last_error = Some((at, words));
            }
        }
        if let Some(tokens) = span.tokens() {
            let parts = [
                tokens.input,
                tokens.output,
                tokens.reasoning,
                tokens.cache_read,
                tokens.cache_write,
            ];
            for (sum, part) in self.tokens.iter_mut().zip(parts) {
                *sum += part.as_f64();
            }
        }
        self.cost += span.cost().map_or(0.0, Number::as_f64);
        let lasted = span
            .duration()
            .map(|lasted| lasted.as_nanos())
            .filter(|_| is_call);
        self.lasted
            .extend(lasted.and_then(|lasted| u64::try_from(lasted).ok()));
    }

    fn time(&self) -> u64 {
        self.lasted
            .iter()
            .fold(0, |sum: u64, one| sum.saturating_add(*one))
    }

    /// The median and the longest.
    fn middle_and_longest(&self) -> Option<(u64, u64)> {
        let mut lasted = self.lasted.clone();
        lasted.sort_unstable();
        Some((*lasted.get(lasted.len() / 2)?, *lasted.last()?))
    }
}

/// What a span that failed says, or else the last line that it gave back.
fn words_of_error(span: &SpanSnapshot<'_>) -> String {
    let result = span.output().and_then(|result| result.as_str());
    let last = result.and_then(|result| result.trim_end().lines().last());
    let words = span.status_message().or(last);
    words.unwrap_or_default().to_owned()
}

const TITLES: [(&str, Option<u8>); 10] = [
    ("SESSIONS", Some(3)),
    ("CALLS", Some(9)),
    ("ERR", Some(8)),
    ("IN", Some(5)),
    ("OUT", Some(6)),
    ("CACHED", Some(4)),
    ("COST", Some(10)),
    ("TIME", Some(7)),
    ("p50", Some(1)),
    ("MAX", Some(2)),
];

/// Prints the groups; columns in which nothing stands are left out.
pub(crate) fn print(
    sums: &Sums,
    groups: &[(&Vec<String>, &Group)],
    rows_max: usize,
    output: &mut Output,
) -> Result<()> {
    let titles: Vec<String> = sums
        .keys
        .iter()
        .map(|key| key.name().to_uppercase())
        .collect();
    let rows: Vec<(Vec<String>, [String; 10], String)> = groups
        .iter()
        .take(rows_max)
        .map(|(keys, group)| {
            let keys = keys.iter().map(|key| one_line(key).into_owned()).collect();
            (keys, facts(group, output), last_error(group, output))
        })
        .collect();
    let is_used = |at: &usize| rows.iter().any(|(_, facts, _)| facts[*at] != "-");
    let used: Vec<usize> = (0..TITLES.len()).filter(is_used).collect();
    let has_errors = rows.iter().any(|(.., error)| !error.is_empty());
    let mut columns: Vec<Column<'_>> = titles
        .iter()
        .map(|title| Column {
            title,
            is_number: false,
            goes: None,
        })
        .collect();
    columns.extend(used.iter().map(|at| Column {
        title: TITLES[*at].0,
        is_number: true,
        goes: TITLES[*at].1,
    }));
    columns.push(Column {
        title: if has_errors { "LAST ERROR" } else { "" },
        is_number: false,
        goes: Some(0),
    });
    let cells = || {
        rows.iter().map(|(keys, facts, error)| {
            let facts = used.iter().map(|at| facts[*at].clone());
            let all = keys.iter().cloned().chain(facts).chain([error.clone()]);
            all.map(Cell::from).collect::<Vec<Cell>>()
        })
    };
    table(&columns, cells, output)
}

fn facts(group: &Group, output: &Output) -> [String; 10] {
    let count = |count: u64| match count {
        0 => "-".to_owned(),
        count => grouped(&count.to_string()),
    };
    let sum = |sum: f64| match sum {
        0.0 => "-".to_owned(),
        sum if output.is_bounded() && sum >= 1e6 => format!("{:.2}M", sum / 1e6),
        sum => amount(Number::from(sum)),
    };
    let time = |nanoseconds: Option<u64>| match nanoseconds {
        Some(nanoseconds) if nanoseconds > 0 => duration(nanoseconds.into()),
        _ => "-".to_owned(),
    };
    let middle = group.middle_and_longest();
    [
        count(u64::try_from(group.sessions.len()).unwrap_or(u64::MAX)),
        count(group.calls),
        count(group.errors),
        sum(group.tokens[0]),
        sum(group.tokens[1]),
        sum(group.tokens[3] + group.tokens[4]),
        match group.cost {
            0.0 => "-".to_owned(),
            sum => cost(Number::from(sum)),
        },
        time(Some(group.time())),
        time(middle.map(|(middle, _)| middle)),
        time(middle.map(|(_, longest)| longest)),
    ]
}

fn last_error(group: &Group, output: &Output) -> String {
    let error = group.last_error.as_ref();
    let error =
        error.map(|(at, words)| format!("{}: {}", output.clock().age(*at), one_line(words)));
    error.unwrap_or_default()
}

/// The groups as JSON has them.
pub(crate) fn documents(sums: &Sums, groups: &[(&Vec<String>, &Group)]) -> Value {
    let document = |(keys, group): &(&Vec<String>, &Group)| {
        let mut document = Map::new();
        for (key, value) in sums.keys.iter().zip(keys.iter()) {
            document.insert(key.name().to_owned(), json!(value));
        }
        let seconds = |nanoseconds: u64| std::time::Duration::from_nanos(nanoseconds).as_secs_f64();
        let middle = group.middle_and_longest();
        let [input, result, reasoning, cache_read, cache_write] = group.tokens;
        let members = json!({
            "sessions": group.sessions.len(),
            "spans": group.spans,
            "calls": group.calls,
            "errors": group.errors,
            "tokens": {
                "input": input, "output": result, "reasoning": reasoning,
                "cache_read": cache_read, "cache_write": cache_write,
                "total": group.tokens.iter().sum::<f64>(),
            },
            "cost": group.cost,
            "duration_s": seconds(group.time()),
            "p50_s": middle.map(|(middle, _)| seconds(middle)),
            "max_s": middle.map(|(_, longest)| seconds(longest)),
        });
        if let Value::Object(members) = members {
            document.extend(members);
        }
        Value::Object(document)
    };
    Value::Array(groups.iter().map(document).collect())
}

/// The groups as CSV, the names of the columns first.
pub(crate) fn csv(
    sums: &Sums,
    groups: &[(&Vec<String>, &Group)],
    output: &mut Output,
) -> Result<()> {
    let names = [
        "sessions",
        "spans",
        "calls",
        "errors",
        "input",
        "output",
        "reasoning",
        "cache_read",
        "cache_write",
        "cost",
        "duration_s",
    ];
    let keys = sums.keys.iter().map(Key::name);
    let head: Vec<String> = keys.chain(names).map(field).collect();
    output.whole_line(&head.join(","))?;
    for (keys, group) in groups {
        let seconds = std::time::Duration::from_nanos(group.time()).as_secs_f64();
        let mut row: Vec<String> = keys.iter().map(|key| field(key)).collect();
        row.push(group.sessions.len().to_string());
        row.extend([group.spans, group.calls, group.errors].map(|count| count.to_string()));
        row.extend(group.tokens.map(|sum| sum.to_string()));
        row.extend([group.cost.to_string(), seconds.to_string()]);
        output.whole_line(&row.join(","))?;
    }
    Ok(())
}

/// A field of CSV, in quotes where it needs them.
fn field(text: &str) -> String {
    let text = one_line(text);
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into_owned(),
    }
}
