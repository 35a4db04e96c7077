//! What is said of a session as a whole: how it ended, where it worked, what is missing.

use std::env;

use trace_journal::{Channel, Loss, SessionStatus, Snapshot, SpanKind};

use super::style::{QUIET, of_word};
use crate::addresses::Addresses;
use crate::error::Result;
use crate::escape::one_line;
use crate::format::{amount, cost, counted, duration, grouped, ordinal};
use crate::headline::{cwd, metadata};
use crate::output::Output;
use crate::select::Word;
use crate::width::{columns, pad};

/// Columns of a fact's name.
const NAME_WIDTH: usize = 6;

/// Id, status, when and after how long; `id` is as short as it can be typed.
pub(crate) fn heading(snapshot: &Snapshot, id: &str, output: &mut Output) -> Result<()> {
    let word = Word::of_snapshot(snapshot);
    let (clock, last) = (output.clock(), snapshot.last_at());
    let age = clock.age(last);
    let lasted = format!("after {}", duration(snapshot.duration().as_nanos()));
    let short = format!("{} {age}, {lasted}", word.as_str());
    let long = format!("{} {age}, {}, {lasted}", word.as_str(), clock.full(last));
    let taken = columns(id) + 2;
    let facts = match taken + columns(&long) <= output.width() {
        true => long,
        false => short,
    };
    let painted = output.styled(of_word(word), &facts);
    output.line(&format!("{id}  {painted}"))
}

/// A fact with its name before it; what does not fit on a line is cut.
pub(crate) fn fact(name: &str, fact: &str, output: &mut Output) -> Result<()> {
    let name = output.styled(QUIET, &pad(name, NAME_WIDTH));
    output.line(&format!("  {name}  {}", one_line(fact)))
}

/// As [`fact`], on as many lines as it takes.
pub(crate) fn whole_fact(name: &str, fact: &str, output: &mut Output) -> Result<()> {
    let name = pad(name, NAME_WIDTH);
    output.folded(&format!("  {name}  {}", one_line(fact)), NAME_WIDTH + 4)
}

/// The head of `show`: everything but what it was doing.
pub(crate) fn head(
    snapshot: &Snapshot,
    id: &str,
    addresses: &Addresses,
    output: &mut Output,
) -> Result<()> {
    heading(snapshot, id, output)?;
    if let Some(title) = snapshot.title() {
        output.line(&format!("  {}", one_line(title)))?;
    }
    if let Some(agent) = agent(snapshot) {
        fact("agent", &agent, output)?;
    }
    if let Some(place) = place(snapshot) {
        fact("in", &place, output)?;
    }
    if let Some(asked) = asked(snapshot) {
        fact("asked", &asked, output)?;
    }
    whole_fact("work", &work(snapshot), output)?;
    if let Some(tokens) = tokens(snapshot) {
        whole_fact("tokens", &tokens, output)?;
    }
    whole_fact("runs", &runs(snapshot, addresses), output)?;
    whole_fact("lost", &lost(snapshot), output)
}

/// The agent and the model, as far as the metadata and the last generation name them.
pub(crate) fn agent(snapshot: &Snapshot) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(agent) = metadata(snapshot, &["agent", "program"]) {
        let version = metadata(snapshot, &["agent_version", "version"]);
        parts.push(
            [Some(agent), version]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    let model = snapshot.spans().iter().rev().find_map(|span| span.model());
    parts.extend(model.and_then(|model| {
        let names = [&model.provider_id, &model.model_id];
        let names: Vec<&str> = names.into_iter().flatten().map(AsRef::as_ref).collect();
        (!names.is_empty()).then(|| names.join("/"))
    }));
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Directory and branch.
pub(crate) fn place(snapshot: &Snapshot) -> Option<String> {
    let dir = cwd(snapshot).map(from_home)?;
    match metadata(snapshot, &["branch", "git_branch"]) {
        Some(branch) => Some(format!("{dir}, branch {branch}")),
        None => Some(dir),
    }
}

/// A directory as it is seen from the home directory here.
pub(crate) fn from_home(dir: &str) -> String {
    let home = env::var("HOME").unwrap_or_default();
    let below = dir.strip_prefix(home.trim_end_matches('/'));
    match below.filter(|below| home.len() > 1 && (below.is_empty() || below.starts_with('/'))) {
        Some(below) => format!("~{below}"),
        None => dir.to_owned(),
    }
}

/// What the user wrote last, and how often before.
fn asked(snapshot: &Snapshot) -> Option<String> {
    let said = snapshot.spans().iter();
    let said = said.filter(|span| *span.kind() == SpanKind::USER_MESSAGE);
    let said: Vec<String> = said
        .map(|span| crate::headline::headline(span, None))
        .collect();
    match said.as_slice() {
        [] => metadata(snapshot, &["prompt"]).map(|prompt| {
            let lines: Vec<&str> = prompt.lines().map(str::trim).collect();
            lines.join(" ").trim().to_owned()
        }),
        [only] => Some(only.clone()),
        [.., last] => Some(format!(
            "({} of {}) {last}",
            ordinal(said.len()),
            said.len()
        )),
    }
}

fn work(snapshot: &Snapshot) -> String {
    let totals = snapshot.totals();
    let mut sums = vec![counted(totals.spans, "span", "spans")];
    if totals.errors > 0 {
        sums.push(counted(totals.errors, "error", "errors"));
    }
    if totals.interrupted > 0 {
        sums.push(format!(
            "{} interrupted",
            grouped(&totals.interrupted.to_string())
        ));
    }
    sums.push(counted(totals.generations, "generation", "generations"));
    sums.push(counted(totals.tools, "tool call", "tool calls"));
    sums.join(", ")
}

fn tokens(snapshot: &Snapshot) -> Option<String> {
    let totals = snapshot.totals();
    let named = [
        (totals.tokens.input, "in"),
        (totals.tokens.output, "out"),
        (totals.tokens.reasoning, "reasoning"),
        (totals.tokens.cache_read, "cache read"),
        (totals.tokens.cache_write, "cache write"),
    ];
    let named = named.iter().filter(|(number, _)| !number.is_zero());
    let mut sums: Vec<String> = named
        .map(|(number, name)| format!("{} {name}", amount(*number)))
        .collect();
    if !totals.cost.is_zero() {
        sums.push(format!("cost {}", cost(totals.cost)));
    }
    (!sums.is_empty()).then(|| sums.join(", "))
}

/// The runs it is of, the last one with how it ended.
fn runs(snapshot: &Snapshot, addresses: &Addresses) -> String {
    let Some(last) = snapshot.runs().last() else {
        return "none".to_owned();
    };
    let state = match last.status {
        Some(SessionStatus::Crashed) => Word::of_snapshot(snapshot).as_str(),
        Some(status) => status.as_str(),
        None => "added to it",
    };
    let mut words = format!("{}: {state}", addresses.run(last.run));
    if let Some(error) = last.error.as_deref().or(snapshot.error()) {
        words.push_str(&format!(", {error}"));
    }
    let before = snapshot.runs().len() - 1;
    if before > 0 {
        let before = u64::try_from(before).unwrap_or(u64::MAX);
        words.push_str(&format!("; {} before it", counted(before, "run", "runs")));
    }
    words
}

/// What is missing of it.
pub(crate) fn lost(snapshot: &Snapshot) -> String {
    if snapshot.refused() > 0 {
        let records = counted(snapshot.refused(), "record was", "records were");
        return format!("{records} refused while it was open");
    }
    match snapshot.loss() {
        Loss::None => "nothing",
        Loss::Tail => "at most an end that was never seen durable",
        Loss::Damage => "RECORDS OR PARTS OF THEM: `verify` says where",
    }
    .to_owned()
}

/// Channels that a program prints to, in the order in which they are shown.
pub(crate) fn is_printed(channel: &str) -> bool {
    ![Channel::INPUT, Channel::REASONING]
        .iter()
        .any(|one| one.as_str() == channel)
}
