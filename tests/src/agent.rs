//! What a host adapter does: events of a coding agent, told through the library's handles.
//!
//! An event is an object whose `agent` says what happened: `start`, `enrich`, `title`,
//! `user-message`, `assistant-message`, `text`, `step-start`, `tool`, `step-finish`, `attributes`,
//! `idle`, `end` or `crash`. Its other members are named as the agent names them.

use std::collections::HashMap;

use serde_json::Value as Json;
use trace_journal::event::SpanFields;
use trace_journal::event::SpanStart;
use trace_journal::{
    Error, Event, Journal, Map, Number, Result, Session, Span, SpanKind, SpanStatus, Timestamp,
    Tokens, Value,
};

/// The adapter: it knows which sessions, steps and messages are under way.
#[derive(Debug)]
pub struct Agent {
    journal: Journal,
    sessions: HashMap<String, Talk>,
    /// The session of each message, and whether the user wrote it.
    messages: HashMap<String, (String, bool)>,
}

/// One session under way.
#[derive(Debug)]
struct Talk {
    session: Session,
    step: Option<Span>,
    last_tool: Option<String>,
    tool_count: u64,
}

impl Agent {
    /// An adapter that writes into this journal.
    #[must_use]
    pub fn new(journal: Journal) -> Agent {
        Agent {
            journal,
            sessions: HashMap::new(),
            messages: HashMap::new(),
        }
    }

    /// Takes in one event.
    ///
    /// # Errors
    /// What the journal says of the record.
    pub fn take(&mut self, event: &Json) -> Result<()> {
        let kind = text(event, "agent").unwrap_or_default();
        match kind {
            "user-message" => self.message(event, true),
            "assistant-message" => self.message(event, false),
            "text" => self.text(event),
            "start" => self.start(event),
            _ => self.in_session(kind, event),
        }
    }

    /// The session an event names, or that of the message it belongs to.
    fn session_of(&self, event: &Json) -> Option<String> {
        let of_message = |member| Some(self.messages.get(text(event, member)?)?.0.clone());
        let named = text(event, "session").map(str::to_owned);
        named
            .or_else(|| of_message("message"))
            .or_else(|| of_message("parent"))
    }

    fn talk(&mut self, session: &str) -> &mut Talk {
        let journal = &self.journal;
        self.sessions
            .entry(session.to_owned())
            .or_insert_with(|| Talk {
                session: journal.session(session.to_owned()).start(),
                step: None,
                last_tool: None,
                tool_count: 0,
            })
    }

    fn start(&mut self, event: &Json) -> Result<()> {
        let id = text(event, "session").unwrap_or_default();
        let mut builder = self.journal.session(id.to_owned());
        if let Some(metadata) = event.get("metadata") {
            builder = builder.set_from(metadata);
        }
        let talk = Talk {
            session: builder.start(),
            step: None,
            last_tool: None,
            tool_count: 0,
        };
        let started = talk.session.started();
        self.sessions.insert(id.to_owned(), talk);
        started.map_or(Ok(()), |written| written.result().map(|_| ()))
    }

    /// A message only says whose it is; a user's becomes a span with its first text.
    fn message(&mut self, event: &Json, is_users: bool) -> Result<()> {
        let session = self.session_of(event).ok_or_else(no_session)?;
        let id = text(event, "id").unwrap_or_default().to_owned();
        self.messages.insert(id, (session, is_users));
        Ok(())
    }

    /// What a user wrote is a prompt; what a program put into his mouth is not.
    fn text(&mut self, event: &Json) -> Result<()> {
        let session = self.session_of(event).ok_or_else(no_session)?;
        let message = text(event, "message").unwrap_or_default().to_owned();
        let is_users = self
            .messages
            .get(&message)
            .is_some_and(|(_, is_users)| *is_users);
        let words = text(event, "text").unwrap_or_default().to_owned();
        let talk = self.talk(&session);
        if !is_users {
            return match &talk.step {
                Some(step) => step.text(&words).result().map(|_| ()),
                None => Ok(()),
            };
        }
        let is_set = |name: &str| event.get(name) == Some(&Json::Bool(true));
        if is_set("synthetic") || is_set("ignored") {
            return Ok(());
        }
        let id = format!("user-{message}-{}", text(event, "part").unwrap_or("1"));
        let at = time(event, "at").unwrap_or_else(Timestamp::now);
        let span = talk
            .session
            .span("user")
            .id(id)
            .kind(SpanKind::USER_MESSAGE);
        span.input(words.as_str())
            .at(at)
            .complete(at, SpanStatus::Ok)
            .result()?;
        talk.session
            .set("prompt", words.as_str())
            .result()
            .map(|_| ())
    }

    fn in_session(&mut self, kind: &str, event: &Json) -> Result<()> {
        let session = self.session_of(event).ok_or_else(no_session)?;
        let talk = self.talk(&session);
        match kind {
            "enrich" => {
                let names = ["model_id", "provider_id", "agent", "variant"];
                let given = names
                    .iter()
                    .filter_map(|name| Some((*name, text(event, name)?)));
                talk.session.set_all(given.collect::<Map<'_>>()).result()?;
            }
            "title" => {
                let title = text(event, "title").unwrap_or_default();
                talk.session.set("title", title).result()?;
            }
            "step-start" => {
                let id = format!("generation-{}", text(event, "id").unwrap_or("1"));
                let start = SpanStart::new(id.as_str(), id.as_str()).kind(SpanKind::GENERATION);
                let mut begun = Event::new(start);
                begun.at = time(event, "at");
                talk.session.append(begun)?;
                // A handle that was not started by its builder does not end its span when dropped.
                talk.step = Some(talk.session.span_by_id(id.as_str()));
            }
            "tool" => talk.tool(event)?,
            "step-finish" => talk.finish_step(event)?,
            "attributes" => talk.attributes(event)?,
            "end" => {
                match text(event, "error") {
                    Some(error) => talk.session.fail(error).result()?,
                    None => talk.session.end().result()?,
                };
            }
            "crash" => {
                talk.session
                    .crash(text(event, "reason").unwrap_or_default())
                    .result()?;
            }
            // An idle agent, and whatever else it says, ends nothing.
            _ => {}
        }
        Ok(())
    }
}

impl Talk {
    fn tool(&mut self, event: &Json) -> Result<()> {
        self.tool_count += 1;
        let name = text(event, "name").filter(|name| !name.is_empty());
        let id = format!("tool-{}-{}", self.session.id(), self.tool_count);
        let call_id = text(event, "call_id").unwrap_or(&id).to_owned();
        let builder = match &self.step {
            Some(step) => step.child(name.unwrap_or("unknown")),
            None => self.session.span(name.unwrap_or("unknown")),
        };
        let mut builder = builder
            .id(id.as_str())
            .kind(SpanKind::TOOL)
            .call_id(call_id);
        if let Some(input) = event.get("input") {
            builder = builder.input(input);
        }
        let error = text(event, "error");
        if let Some(error) = error {
            builder = builder.output(Map::from([("error", error)]));
        } else if let Some(output) = event.get("output") {
            builder = builder.output(output);
        }
        let end = time(event, "end").unwrap_or_else(Timestamp::now);
        let status = if error.is_some() {
            SpanStatus::Error
        } else {
            SpanStatus::Ok
        };
        let start = time(event, "start").unwrap_or(end);
        builder.at(start).complete(end, status).result()?;
        self.last_tool = Some(id);
        Ok(())
    }

    fn finish_step(&mut self, event: &Json) -> Result<()> {
        let Some(step) = self.step.take() else {
            return Ok(());
        };
        let mut finish = step.finish();
        if let Some(at) = time(event, "at") {
            finish = finish.at(at);
        }
        if let Some(reason) = text(event, "reason") {
            finish = finish.reason(reason);
        }
        if let Some(cost) = event.get("cost") {
            finish = finish.cost(number(cost));
        }
        if let Some([input, output, reasoning, cache_read, cache_write]) = tokens(event) {
            let tokens = Tokens::new(input, output).reasoning(reasoning);
            finish = finish.tokens(tokens.cache_read(cache_read).cache_write(cache_write));
        }
        finish.end(SpanStatus::Ok).result().map(|_| ())
    }

    /// Attributes of the last tool, the open step, or the session as a whole.
    fn attributes(&mut self, event: &Json) -> Result<()> {
        let Some(attributes) = event.get("attributes").and_then(Json::as_object) else {
            return Ok(());
        };
        let target = match text(event, "target") {
            Some("tool") => self.last_tool.clone(),
            Some("generation") => self.step.as_ref().map(|step| step.id().to_owned()),
            _ => Some("root".to_owned()),
        };
        let Some(target) = target else { return Ok(()) };
        let members = attributes
            .iter()
            .map(|(name, value)| (name.as_str(), Value::from(value)));
        let fields = SpanFields::default().attributes(members.collect::<Map<'_>>());
        self.session
            .span_by_id(target)
            .set_fields(fields)
            .result()
            .map(|_| ())
    }
}

fn no_session() -> Error {
    Error::InvalidEvent {
        reason: "the event belongs to no session".to_owned(),
    }
}

fn text<'e>(event: &'e Json, name: &str) -> Option<&'e str> {
    event.get(name)?.as_str()
}

/// A time in Unix milliseconds.
fn time(event: &Json, name: &str) -> Option<Timestamp> {
    event
        .get(name)?
        .as_i64()
        .map(Timestamp::from_unix_milliseconds)
}

fn number(value: &Json) -> Number {
    match value.as_i64() {
        Some(whole) => whole.into(),
        None => value.as_f64().unwrap_or_default().into(),
    }
}

/// Input, output, reasoning, cache read and cache write.
fn tokens(event: &Json) -> Option<[Number; 5]> {
    let parts: Vec<Number> = event
        .get("tokens")?
        .as_array()?
        .iter()
        .map(number)
        .collect();
    parts.try_into().ok()
}
