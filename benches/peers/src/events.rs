//! Events such as agents record, made up from one seed, in the shape of recorded ones.
//!
//! Sizes follow 194,931 recorded records: median 1 KiB, 90 % under 6.2 kB, 99 % under 51 kB, the
//! largest near 1 MB. What is in them follows the transcripts of five agents: about 20 names, 12
//! strings, 4 numbers and 4 objects a record, nested 4 deep; of their bytes 4 % are escapes (line
//! ends and tabs 30 % each, quotes 25 %, backslashes 15 %) and 0.5 % are beyond ASCII.

use std::fmt::Write;

/// Events of many sessions, some of them at work at any time.
pub struct Events {
    random: u64,
    sessions: u64,
    at_once: u64,
    bytes: u64,
    bytes_left: u64,
    number: u64,
    /// The first of the sessions at work.
    first: u64,
    /// How many of these have not started.
    to_start: u64,
}

/// An event in the making, but for its text.
struct Draft {
    /// Its JSON up to the text, and behind it.
    before: String,
    behind: String,
}

impl Events {
    /// Events of `sessions` sessions, all of them at work all the time, with about `bytes` bytes
    /// of JSON in all.
    pub fn new(sessions: u32, bytes: u64) -> Events {
        let sessions = u64::from(sessions);
        Events {
            random: 0x2545_f491_4f6c_dd1d,
            sessions,
            at_once: sessions,
            bytes,
            bytes_left: bytes,
            number: 0,
            first: 0,
            to_start: sessions,
        }
    }

    /// The same, but only so many sessions are at work at a time: these, then the next ones.
    pub fn at_once(self, at_once: u32) -> Events {
        let at_once = u64::from(at_once).clamp(1, self.sessions);
        Events {
            at_once,
            to_start: at_once,
            ..self
        }
    }

    /// Goes on with the next sessions when the ones at work have got their share of the bytes.
    fn turn_over(&mut self) {
        let next = self.first + self.at_once;
        let done = u128::from(self.bytes - self.bytes_left);
        let is_done = done * u128::from(self.sessions) >= u128::from(self.bytes) * u128::from(next);
        // Five events belong together.
        if is_done && self.number.is_multiple_of(5) && next < self.sessions {
            self.first = next;
            self.to_start = self.at_once.min(self.sessions - next);
        }
    }

    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next_random() % limit
    }

    /// A size between the two quantiles of recorded ones that a throw of the dice falls into.
    fn size(&mut self) -> usize {
        let throw = self.below(1000);
        let (from, to) = match throw {
            0..500 => (150, 1_050),
            500..900 => (1_050, 6_200),
            900..990 => (6_200, 51_000),
            990..999 => (51_000, 113_000),
            _ => (113_000, 961_000),
        };
        // The smaller of two throws: within a range, small ones are more frequent.
        let size = from + self.below(to - from).min(self.below(to - from));
        usize::try_from(size).unwrap_or(usize::MAX)
    }

    /// Words in lines as programs print and models write them, escaped for JSON.
    fn text(&mut self, len: usize) -> String {
        let mut text = String::with_capacity(len + 64);
        while text.len() < len {
            let word = self.next_random();
            let end = match word % 1000 {
                0..120 => "\\n",
                120..220 => " \\\"",
                220..280 => "\\\\",
                280..296 => " \u{2192} ",
                _ => " ",
            };
            let _ = write!(text, "{:x}{end}", word >> (16 + word % 40));
            if end == "\\n" {
                let depth = self.below(3);
                (0..depth).for_each(|_| text.push_str("\\t"));
            }
        }
        text
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.next_random(), self.next_random());
        let (first, second, third) = (a >> 32, a >> 16 & 0xffff, a & 0xffff);
        let (fourth, fifth) = (b >> 48, b & 0xffff_ffff_ffff);
        format!("{first:08x}-{second:04x}-{third:04x}-{fourth:04x}-{fifth:012x}")
    }

    /// What an agent says of every record besides.
    fn attributes(&mut self) -> String {
        let (uuid, parent, request) = (self.uuid(), self.uuid(), self.next_random());
        let ids = format!(r#""uuid":"{uuid}","parent_uuid":"{parent}""#);
        let place = r#""cwd":"/home/user/project","git_branch":"main","is_sidechain":false"#;
        format!(r#"{ids},"request_id":"req_{request:024x}",{place}"#)
    }

    /// The `number`th event; `head` says of which session and when.
    fn draft(&mut self, number: u64, head: &str, at: u64) -> Draft {
        let attributes = self.attributes();
        match number % 5 {
            0 => generation(number, head, at, &attributes),
            1 => piece(number - 1, head, at),
            2 => tool(number, head, at, &attributes),
            3 => end(number - 3, head, at, &attributes),
            _ => log(number - 4, head, at, &attributes),
        }
    }
}

impl Iterator for Events {
    /// The event in its JSON form.
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.bytes_left.checked_sub(1)?;
        self.turn_over();
        let number = self.number;
        self.number += 1;
        let at = 1_700_000_000_000 + number;
        let at_work = self.at_once.min(self.sessions - self.first);
        let draft = if self.to_start > 0 {
            self.to_start -= 1;
            start(self.first + at_work - self.to_start - 1, at)
        } else {
            // Five events in a row are of one session, so that spans get their text and end.
            let session = self.first + number / 5 % at_work;
            let head = format!(r#""session":"ses_{session}""#);
            self.draft(number, &head, at)
        };
        let size = self.size();
        let len = size.saturating_sub(draft.before.len() + draft.behind.len());
        let text = self.text(len.max(TEXT_MIN));
        let line = format!("{}{text}{}", draft.before, draft.behind);
        let len = u64::try_from(line.len()).unwrap_or(u64::MAX);
        self.bytes_left = self.bytes_left.saturating_sub(len);
        Some(line)
    }
}

fn start(session: u64, at: u64) -> Draft {
    let head = format!(r#""session":"ses_{session}","at_ms":{at}"#);
    let what = r#""title":"a session","cwd":"/home/user/project","version":"2.1.37""#;
    Draft {
        before: format!(r#"{{"type":"session.start",{head},"metadata":{{{what},"prompt":""#),
        behind: r#""}}"#.to_owned(),
    }
}

fn tool(number: u64, head: &str, at: u64, attributes: &str) -> Draft {
    let (id, parent) = (format!("toolu_{number:024x}"), generation_id(number - 2));
    let span = format!(r#""span":"{id}","parent":"{parent}","call_id":"{id}""#);
    let what = r#""kind":"tool","name":"edit","status":"ok""#;
    let times = format!(r#""start_ms":{at},"end_ms":{}"#, at + 350);
    let edits = r#""edits":[{"old_string":"let a = 1;","new_string":"let a = 2;"}]"#;
    let input = format!(r#""input":{{"file_path":"/home/user/project/src/main.rs",{edits}}}"#);
    let patch = r#""patch":{"old_start":12,"old_lines":6,"new_start":12,"new_lines":8}"#;
    let tail = format!(r#""}}],{patch}}},"attributes":{{{attributes}}}}}"#);
    let output = r#""output":{"content":[{"type":"text","text":""#;
    Draft {
        before: format!(r#"{{"type":"span",{head},{span},{what},{times},{input},{output}"#),
        behind: tail,
    }
}

fn generation(number: u64, head: &str, at: u64, attributes: &str) -> Draft {
    let span = generation_id(number);
    let what = r#""kind":"generation","name":"chat""#;
    let model = r#""model":{"provider_id":"anthropic","model_id":"claude-sonnet-4-5"}"#;
    let options = r#""temperature":0.7,"max_tokens":32000"#;
    let input = r#""input":{"messages":[{"role":"user","content":""#;
    let start = r#""type":"span.start""#;
    Draft {
        before: format!(r#"{{{start},{head},"at_ms":{at},"span":"{span}",{what},{model},{input}"#),
        behind: format!(r#""}}]}},"attributes":{{{attributes},{options}}}}}"#),
    }
}

fn piece(generation: u64, head: &str, at: u64) -> Draft {
    let span = generation_id(generation);
    Draft {
        before: format!(
            r#"{{"type":"text",{head},"at_ms":{at},"span":"{span}","channel":"output","text":""#
        ),
        behind: r#""}"#.to_owned(),
    }
}

fn end(generation: u64, head: &str, at: u64, attributes: &str) -> Draft {
    let span = generation_id(generation);
    let end = r#""status":"ok","finish_reason":"stop","cost":0.009189"#;
    let parts = r#""input":3,"output":191,"reasoning":0,"cache_read":21874,"cache_write":1684"#;
    let tokens = format!(r#""tokens":{{{parts}}}"#);
    let output = r#""output":{"role":"assistant","content":[{"type":"text","text":""#;
    Draft {
        before: format!(
            r#"{{"type":"span.end",{head},"at_ms":{at},"span":"{span}",{end},{tokens},{output}"#
        ),
        behind: format!(r#""}}]}},"attributes":{{{attributes}}}}}"#),
    }
}

fn log(generation: u64, head: &str, at: u64, attributes: &str) -> Draft {
    let span = generation_id(generation);
    let what = r#""event_name":"hook","level":"info""#;
    let place = format!(r#""file":"main.rs","line":{generation}"#);
    Draft {
        before: format!(r#"{{"type":"log",{head},"at_ms":{at},"span":"{span}",{what},"message":""#),
        behind: format!(r#"","attributes":{{{place},{attributes}}}}}"#),
    }
}

fn generation_id(number: u64) -> String {
    format!("msg_{number:024x}")
}

/// No text is shorter.
const TEXT_MIN: usize = 20;
