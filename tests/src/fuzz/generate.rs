//! Inputs that are valid, nearly valid, or made of choices that all mean something.

use crate::random::Random;

use super::pool::{LINES, SAMPLES, closed};

/// What sort of inputs a target is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generate {
    /// Forms of one segment.
    Frames,
    /// Header pages and names.
    Headers,
    /// A kind and a payload.
    Payloads,
    /// Bytes that are taken as choices.
    Choices,
    /// Lines of JSON.
    Lines,
}

/// An input of this sort.
#[must_use]
pub fn generate(sort: Generate, random: &mut Random) -> Vec<u8> {
    match sort {
        Generate::Frames => frames(random),
        Generate::Headers => headers(random),
        Generate::Payloads => payload(random),
        Generate::Choices => choices(random, 400),
        Generate::Lines => lines(random),
    }
}

fn frames(random: &mut Random) -> Vec<u8> {
    if random.once_in(2) {
        let mut bytes = choices(random, 600);
        bytes.insert(0, 3);
        return bytes;
    }
    let mut file = segment();
    change(&mut file, random, 4);
    if random.once_in(4) {
        file.drain(..8192.min(file.len()));
        return [vec![1], file].concat();
    }
    [vec![0], file].concat()
}

fn headers(random: &mut Random) -> Vec<u8> {
    match random.below(3) {
        0 => {
            let mut pages = segment();
            pages.truncate(8192 + 64);
            change(&mut pages, random, 2);
            pages
        }
        1 => {
            let name = "00000001-00000000000000ff-000001.seg\n00000001-00000000000000ff.run.tmp";
            let mut name = name.as_bytes().to_vec();
            change(&mut name, random, 2);
            name
        }
        _ => choices(random, 64),
    }
}

fn payload(random: &mut Random) -> Vec<u8> {
    let samples = &*SAMPLES;
    let Some(sample) = random.pick(samples) else {
        return Vec::new();
    };
    let mut payload = sample.payload.clone();
    change(&mut payload, random, 3);
    let kind = if random.once_in(8) {
        low_byte(random)
    } else {
        sample.kind
    };
    payload.insert(0, kind);
    payload
}

fn lines(random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..=random.below(6) {
        let Some(line) = random.pick(&LINES[..]) else {
            continue;
        };
        let mut line = line.as_bytes().to_vec();
        for _ in 0..random.below(3) {
            put_word(&mut line, random);
        }
        if random.once_in(8) {
            change(&mut line, random, 1);
        }
        text.extend(line);
        text.push(b'\n');
    }
    text
}

/// Puts a word of JSON somewhere, over a few bytes.
fn put_word(line: &mut Vec<u8>, random: &mut Random) {
    let at = place(line, random);
    let end = (at + place(&[0; 8], random)).min(line.len());
    let deep = "[".repeat(70);
    let words = [
        "null",
        "-1",
        "1e400",
        "\"\"",
        "{}",
        "[[",
        "1.5",
        "true",
        "\\ud800",
        "\u{0}",
        ",",
        ":",
        "\"at_ms\":-0.0,",
        "\"type\":\"log\",",
        "\"$bytes\":\"AA==\",",
        &deep,
        "9e99",
        "\"s\":",
        "18446744073709551616",
        "\"run\":\"x\",",
        "\"seq\":0,",
    ];
    if let Some(word) = random.pick(&words) {
        line.splice(at..end, word.bytes());
    }
}

/// Few different bytes, so that more of them mean something; a random stretch now and then.
fn choices(random: &mut Random, len_max: u64) -> Vec<u8> {
    let len = random.below(len_max);
    let limit = [256, 97, 33, 17].get(place(&[0; 4], random)).copied();
    let limit = limit.unwrap_or(256);
    let mut byte = || random.below(limit).to_le_bytes()[0];
    (0..len).map(|_| byte()).collect()
}

/// Changes bytes here and there: flips, other bytes, zeros, copies, cuts and insertions.
fn change(bytes: &mut Vec<u8>, random: &mut Random, times: u64) {
    for _ in 0..random.within(0, times) {
        let at = place(bytes, random);
        let end = (at + place(&[0; 65], random)).min(bytes.len());
        match random.below(7) {
            0 | 1 => {
                let flip = 1 << random.below(8);
                bytes
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|byte| *byte ^= flip);
            }
            2 => {
                let other = low_byte(random);
                bytes
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|byte| *byte = other);
            }
            3 => bytes
                .iter_mut()
                .skip(at)
                .take(64)
                .for_each(|byte| *byte = 0),
            4 => bytes.truncate(at),
            5 => {
                bytes.drain(at..end);
            }
            _ => {
                let copy = bytes.get(at..end).unwrap_or_default().to_vec();
                let to = place(bytes, random);
                bytes.splice(to..to, copy);
            }
        }
    }
}

/// A place in these bytes.
fn place(bytes: &[u8], random: &mut Random) -> usize {
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    usize::try_from(random.below(len)).unwrap_or(0)
}

fn low_byte(random: &mut Random) -> u8 {
    let [low, ..] = random.draw().to_le_bytes();
    low
}

/// A real segment.
fn segment() -> Vec<u8> {
    closed().files().into_values().next().unwrap_or_default()
}
