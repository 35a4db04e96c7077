//! A rollup, made record by record, or of others.

use serde_bytes::Bytes;
use std::borrow::Cow;

use super::retained::Retained;
use super::span_tracker::SpanTracker;
use super::sums::SpanSums;
use super::{HASH_LEN, SessionRollup, to_parts};
use crate::event::{
    Action, Crash, Event, Map, SessionEnd, SessionStart, SessionUpdate, SpanFacts, SpanMention,
    Value, codec, system,
};
use crate::segment::Seen;
use crate::time::Timestamp;

/// Takes in a session's records in a segment, in order.
#[derive(Debug, Default)]
pub(crate) struct RollupBuilder {
    first_at: Option<Timestamp>,
    /// The latest time told since the last record that was kept and tells one.
    last_at: Option<Timestamp>,
    has_work: bool,
    /// The last start, or end, of the session.
    turn: Option<Turn>,
    /// Ids by which starts name the root.
    roots: Vec<Box<str>>,
    /// The last title that says something.
    title: Option<Value<'static>>,
    /// The last name that an update gives.
    name: Option<String>,
    /// A start or an update has given a name: those of later starts do not count.
    is_named: bool,
    kept: Retained,
    spans: SpanTracker,
    /// Whether the last records show that the program went on: after a drop of a span only what
    /// follows tells how that is meant.
    went_on: Option<bool>,
    /// Rollups are among what was taken in.
    is_merged: bool,
    /// There is no rollup of these records.
    is_given_up: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Start,
    End,
}

impl RollupBuilder {
    /// Takes in the next record.
    pub(crate) fn add(&mut self, seen: &Seen<'_>) {
        if self.is_given_up {
            return;
        }
        if !is_shown(seen) && !seen.header.kind_to_read().is_user() {
            // What is not shown cannot be told.
            return self.give_up();
        }
        let is_taken = match seen.header.kind_to_read() {
            kind if kind.is_of_session() => {
                let event = codec::decode_without_values(kind, seen.payload);
                event.map(|event| self.event(&event))
            }
            kind if kind.is_user() => None,
            kind => codec::span_facts(kind, seen.payload).map(|facts| self.work(facts)),
        };
        let is_taken = is_taken.unwrap_or_else(|| {
            self.has_work = true;
            self.went_on = Some(true);
            Some(())
        });
        if is_taken.is_none() || self.kept.len() + self.spans.open_count() > KEPT_MAX {
            self.give_up();
        }
    }

    /// Takes in what the next records come to, but for those spans that are finished there; there
    /// is no rollup if that is not known.
    pub(crate) fn join(&mut self, rollup: Option<&SessionRollup<'_>>) {
        self.is_merged = true;
        if self.is_given_up {
            return;
        }
        let is_taken = rollup.and_then(|rollup| self.take(rollup));
        if is_taken.is_none() || self.kept.len() + self.spans.open_count() > KEPT_MAX {
            self.give_up();
        }
    }

    /// `None` if there is no rollup that holds this.
    fn take(&mut self, rollup: &SessionRollup<'_>) -> Option<()> {
        // Its own events tell of fewer times than the records did.
        self.first_at = self.first_at.or(rollup.first_at());
        for event in rollup.events() {
            self.event(&event?)?;
        }
        self.last_at = self.last_at.max(rollup.last_at());
        self.has_work |= rollup.has_work();
        self.went_on = Some(true);
        self.spans.join(rollup.finished(), rollup.sums()?)
    }

    /// The bytes of the rollup; `None` if there is none, or not a short one.
    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        let made = self.make()?;
        made.encode(&made.hashes)
    }

    /// As [`finish`](RollupBuilder::finish), with the hashes of the finished spans apart.
    pub(crate) fn finish_apart(self) -> Option<(Vec<u8>, Vec<u8>)> {
        let made = self.make()?;
        Some((made.encode(&[])?, made.hashes))
    }

    fn make(mut self) -> Option<RollupParts> {
        if self.is_given_up || self.went_on == Some(false) {
            return None;
        }
        let (title, name) = (self.title.take(), self.name.take());
        if title.is_some() || name.is_some() {
            let title = title.map(|title| (Cow::Borrowed(codec::TITLE_KEY).into(), title));
            let update = Action::SessionUpdate(SessionUpdate {
                name: name.map(Cow::Owned),
                metadata: Map(title.into_iter().collect()),
            });
            self.kept.push(&Event::new(update));
        }
        let (finished, sums) = self.spans.finish(&mut self.kept)?;
        if self.is_merged {
            self.kept.leave_out(&finished)?;
        }
        let records = self.kept.finish()?;
        let len: usize = records.iter().map(|(_, payload)| payload.len()).sum();
        let hashes = finished.iter();
        let hashes = hashes.flat_map(|hash| hash.to_le_bytes().into_iter().take(HASH_LEN));
        (len <= RECORDS_LEN_MAX).then_some(RollupParts {
            first_at: self.first_at,
            last_at: self.last_at,
            has_work: self.has_work,
            sums,
            hashes: hashes.collect(),
            records,
        })
    }

    fn give_up(&mut self) {
        *self = RollupBuilder {
            is_merged: self.is_merged,
            is_given_up: true,
            ..RollupBuilder::default()
        };
    }

    /// `None` if there is no rollup that holds this.
    fn event(&mut self, event: &Event<'_>) -> Option<()> {
        if let Some(facts) = event.span_facts() {
            return self.work(facts);
        }
        let at = event.activity_at();
        self.first_at = self.first_at.or(at);
        let was_on = self.went_on.unwrap_or(false);
        self.went_on = Some(was_on || !matches!(event.action, Action::Crash(_)));
        match &event.action {
            Action::SessionStart(start) => {
                self.title(&start.metadata);
                if self.needs_start(start) {
                    let name = start.name.as_deref().filter(|_| !self.is_named);
                    self.is_named |= has_text(name);
                    let start = SessionStart {
                        span: start.span.as_deref().map(|id| id.to_owned().into()),
                        name: name.map(|name| name.to_owned().into()),
                        ..SessionStart::default()
                    };
                    self.keep_turn(Turn::Start, event.at, Action::SessionStart(start));
                    return Some(());
                }
            }
            Action::SessionEnd(end) => {
                if self.turn != Some(Turn::End) {
                    let end = SessionEnd {
                        status: end.status,
                        error: end.error.as_deref().map(|text| text.to_owned().into()),
                    };
                    self.keep_turn(Turn::End, event.at, Action::SessionEnd(end));
                    return Some(());
                }
            }
            Action::Crash(crash) => {
                if self.turn != Some(Turn::End) {
                    let crash = Crash {
                        reason: crash.reason.as_deref().map(|text| text.to_owned().into()),
                        location: None,
                    };
                    self.keep_turn(Turn::End, event.at, Action::Crash(crash));
                    return Some(());
                }
            }
            Action::SessionUpdate(update) => {
                self.title(&update.metadata);
                if has_text(update.name.as_deref()) {
                    self.name = update.name.as_deref().map(str::to_owned);
                    self.is_named = true;
                }
            }
            _ => self.has_work = true,
        }
        self.last_at = self.last_at.max(at);
        Some(())
    }

    /// As [`event`](RollupBuilder::event), of an event that is not about the session as a whole.
    fn work(&mut self, facts: SpanFacts<'_>) -> Option<()> {
        self.has_work = true;
        self.first_at = self.first_at.or(facts.at);
        self.went_on = Some(!matches!(facts.mention, SpanMention::Drop(..)));
        let (spans, kept) = (&mut self.spans, &mut self.kept);
        match facts.mention {
            SpanMention::Start(span, numbers) => spans.start(span, numbers, kept),
            SpanMention::Mention(span, numbers) => spans.mention(span, numbers, kept)?,
            SpanMention::End(span, numbers) | SpanMention::Drop(span, numbers) => {
                spans.end(span, numbers, kept)?
            }
            SpanMention::Whole(span, at_start, at_end) => {
                spans.whole(span, at_start, at_end, kept)?
            }
            SpanMention::Nothing => {}
        }
        self.last_at = self.last_at.max(facts.at);
        Some(())
    }

    /// Whether a start takes up again what was ended, is the first one here, or names the root or
    /// the session.
    fn needs_start(&mut self, start: &SessionStart<'_>) -> bool {
        let id = start.span.as_deref().filter(|id| !id.is_empty());
        let new = id.filter(|id| !self.roots.iter().any(|known| **known == **id));
        if let Some(id) = new {
            self.roots.push(id.into());
        }
        let is_name_new = !self.is_named && has_text(start.name.as_deref());
        new.is_some() || is_name_new || self.turn != Some(Turn::Start)
    }

    /// Keeps a start or an end, behind the latest time told before it.
    fn keep_turn(&mut self, turn: Turn, at: Option<Timestamp>, action: Action<'static>) {
        if let Some(at) = self.last_at.take() {
            let update = Action::SessionUpdate(SessionUpdate::default());
            self.kept.push(&Event::new(update).at(at));
        }
        let mut event = Event::new(action);
        event.at = at;
        self.kept.push(&event);
        self.turn = Some(turn);
    }

    fn title(&mut self, metadata: &Map<'_>) {
        if let Some(title) = metadata
            .get(codec::TITLE_KEY)
            .filter(|title| !title.is_blank())
        {
            self.title = Some(match title {
                Value::String(text) => Value::from(text.clone().into_owned()),
                // It stands in the way of an earlier one, and is none.
                _ => Value::Bool(true),
            });
        }
    }
}

fn has_text(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

/// What a rollup is encoded from.
struct RollupParts {
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    has_work: bool,
    sums: SpanSums,
    hashes: Vec<u8>,
    records: Vec<(u8, Box<[u8]>)>,
}

impl RollupParts {
    fn encode(&self, hashes: &[u8]) -> Option<Vec<u8>> {
        let records = self.records.iter();
        let rollup = SessionRollup {
            first_at: self.first_at.map(to_parts),
            last_at: self.last_at.map(to_parts),
            has_work: self.has_work,
            sums: self.sums.to_parts()?,
            finished: Bytes::new(hashes),
            records: records
                .map(|(kind, payload)| (*kind, Bytes::new(payload)))
                .collect(),
        };
        let mut encoded = Vec::new();
        system::encode(&rollup, &mut encoded).ok()?;
        Some(encoded)
    }
}

/// Whether the payload is there; that of a very long record is not.
fn is_shown(seen: &Seen<'_>) -> bool {
    usize::try_from(seen.header.payload_len).is_ok_and(|len| len == seen.payload.len())
}

/// Records kept at most; a session that needs more of them in a segment has no rollup there.
const KEPT_MAX: usize = 1024;

/// Bytes of their payloads, all together.
const RECORDS_LEN_MAX: usize = 64 << 10;
