//! Events such as agents record, made up from one seed: sizes follow those of recorded sessions
//! (median 1 KiB, 90 % under 6.2 kB, 99 % under 51 kB, the largest near 1 MB).

use std::fmt::Write;

/// Events of many sessions, some of them at work at any time.
pub struct Events {
    random: u64,
    sessions: u32,
    bytes_left: u64,
    number: u64,
}

impl Events {
    /// Events of `sessions` sessions with about `bytes` bytes of JSON in all.
    pub fn new(sessions: u32, bytes: u64) -> Events {
        Events {
            random: 0x2545_f491_4f6c_dd1d,
            sessions,
            bytes_left: bytes,
            number: 0,
        }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit
    }

    /// A size between the two quantiles of recorded ones that a throw of the dice falls into.
    fn size(&mut self) -> u64 {
        let throw = self.below(1000);
        let (from, to) = match throw {
            0..500 => (150, 1_050),
            500..900 => (1_050, 6_200),
            900..990 => (6_200, 51_000),
            990..999 => (51_000, 113_000),
            _ => (113_000, 961_000),
        };
        // The smaller of two throws: within a range, small ones are more frequent.
        from + self.below(to - from).min(self.below(to - from))
    }

    fn text(&mut self, len: u64) -> String {
        let mut text = String::new();
        while u64::try_from(text.len()).is_ok_and(|have| have < len) {
            let word = self.below(u64::MAX);
            // Text that has to be escaped in JSON now and then, as program output has.
            let end = if word.is_multiple_of(11) { "\\n" } else { " " };
            let _ = write!(text, "{:x}{end}", word >> (word % 48));
        }
        text
    }
}

impl Iterator for Events {
    /// The event in its JSON form.
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.bytes_left.checked_sub(1)?;
        let number = self.number;
        self.number += 1;
        let sessions = u64::from(self.sessions);
        let session = if number < sessions {
            number
        } else {
            // Five events in a row are of one session, so that spans get their text and end.
            number / 5 % sessions
        };
        let at = 1_700_000_000_000 + number;
        let head = format!(r#""session":"ses_{session}","at_ms":{at}"#);
        let size = self.size();
        let text = self.text(size);
        let line = if number < sessions {
            let title = r#""metadata":{"title":"a session","cwd":"/home/user/project"}"#;
            format!(r#"{{"type":"session.start",{head},{title}}}"#)
        } else {
            match number % 5 {
                0 => {
                    let times = format!(r#""start_ms":{at},"end_ms":{at},"status":"ok""#);
                    let tool = r#""kind":"tool","name":"bash","call_id":"call_1""#;
                    let input = r#""input":{"command":"cargo test","timeout":120}"#;
                    let span = format!(r#""session":"ses_{session}","span":"t{number}""#);
                    format!(r#"{{"type":"span",{span},{times},{tool},{input},"output":"{text}"}}"#)
                }
                1 => {
                    let what = r#""kind":"generation","name":"chat""#;
                    let model = r#""model":{"provider_id":"p","model_id":"m"}"#;
                    let span = format!(r#""span":"g{number}""#);
                    format!(
                        r#"{{"type":"span.start",{head},{span},{what},{model},"input":"{text}"}}"#
                    )
                }
                2 => format!(
                    r#"{{"type":"text",{head},"span":"g{}","channel":"output","text":"{text}"}}"#,
                    number - 1
                ),
                3 => {
                    let end = r#""status":"ok","finish_reason":"stop","cost":0.005"#;
                    let tokens = r#""tokens":{"input":1500,"output":300}"#;
                    let span = number - 2;
                    format!(r#"{{"type":"span.end",{head},"span":"g{span}",{end},{tokens}}}"#)
                }
                _ => {
                    let place = format!(r#""attributes":{{"file":"main.rs","line":{number}}}"#);
                    format!(r#"{{"type":"log",{head},"level":"info","message":"{text}",{place}}}"#)
                }
            }
        };
        let len = u64::try_from(line.len()).unwrap_or(u64::MAX);
        self.bytes_left = self.bytes_left.saturating_sub(len);
        Some(line)
    }
}
