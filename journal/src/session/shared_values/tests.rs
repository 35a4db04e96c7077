use std::collections::HashMap;
use std::ops::Range;

use super::rewrite::{SaidBefore, rewrite};
use super::table::Said;
use crate::event::codec::{Marks, encode_marked};
use crate::event::{Action, Custom, Event, Map, Value};
use crate::len::{len_u64, len_usize};

/// Payloads by the offsets of their frames, and where values were said in them.
#[derive(Default)]
struct Before {
    payloads: Vec<Vec<u8>>,
    values: HashMap<Vec<u8>, Said>,
    /// Finds values, but they are others.
    lies: bool,
}

impl SaidBefore for Before {
    fn find(&mut self, value: &[u8]) -> Option<Said> {
        self.values.get(value).copied()
    }

    fn is_same(&mut self, bytes: &[u8], frame: u64, from: u64) -> bool {
        let payload = &self.payloads[len_usize(frame / 8)];
        let there = &payload[len_usize(from)..][..bytes.len()];
        !self.lies && there == bytes
    }
}

impl Before {
    /// Appends as the journal does, and gives the payload.
    fn append(&mut self, inline: &[u8], marks: &Marks) -> Vec<u8> {
        let made = rewrite(inline, marks.as_slice(), self);
        let frame = len_u64(self.payloads.len()) * 8;
        for value in made.said {
            let said = Said {
                frame,
                from: len_u64(value.start),
                len: len_u64(value.len()),
            };
            self.values.insert(made.payload[value].to_vec(), said);
        }
        self.payloads.push(made.payload.clone());
        made.payload
    }
}

/// The payload of an event that says this.
fn encoded(data: Map<'static>) -> (Vec<u8>, Marks) {
    let event = Event::new(Action::Custom(Custom {
        name: "log".into(),
        data: Value::Map(data),
    }));
    let event = event.in_session("s");
    let (mut payload, mut marks) = (Vec::new(), Marks::default());
    encode_marked(&event, &mut payload, Some(&mut marks)).unwrap();
    (payload, marks)
}

fn message(number: u64, len: usize) -> Value<'static> {
    let text = format!("{number} ").repeat(len);
    let (role, content) = (
        ("role", Value::from("user")),
        ("content", Value::from(text)),
    );
    Value::Map(Map::from([role, content]))
}

fn history(numbers: Range<u64>) -> Map<'static> {
    let messages = numbers.map(|number| message(number, 100)).collect();
    Map::from([("messages", Value::List(messages))])
}

#[test]
fn a_history_is_said_once_and_neighbours_are_referred_to_together() {
    let mut said = Before::default();
    let (mut inline_len, mut len) = (0, 0);
    for end in 1..=200 {
        let (inline, marks) = encoded(history(0..2 * end));
        let payload = said.append(&inline, &marks);
        inline_len += inline.len();
        len += payload.len();
    }
    assert!(len * 20 < inline_len, "{len} of {inline_len}");
    // All of it but one message, which was another.
    let mut other = history(0..100);
    if let Some(Value::List(messages)) = other.get_mut("messages") {
        messages[50] = message(7777, 100);
    }
    let (inline, marks) = encoded(other);
    let made = rewrite(&inline, marks.as_slice(), &mut said);
    let of_two = 100 / 2;
    assert!(made.references <= of_two + 1, "{}", made.references);
}
