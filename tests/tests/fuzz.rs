//! Promises: hostile. Random and recorded bytes through the bodies of the fuzz targets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;

use journal_tests::fuzz::{event, frame};
use journal_tests::random::{Random, seed};
use journal_tests::rigs::done;
use journal_tests::sample::{completed, opened};
use journal_tests::source::root;
use trace_journal::Journal;

/// What a fuzz target does with its input.
type Body = fn(&[u8]);

fn rounds(few: u64, many: u64) -> u64 {
    if journal_tests::rigs::is_strict() {
        many
    } else {
        few
    }
}

/// What a real segment holds, header pages left out, without the zeros at its end.
fn real_segment() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    for line in completed("a").iter().chain(&opened("b")) {
        journal.append_json(line).unwrap();
    }
    journal.close().unwrap();
    let mut paths = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let segment = paths
        .find(|path| path.extension().is_some_and(|e| e == "seg"))
        .unwrap();
    fs::read(segment).unwrap()
}

fn bytes(random: &mut Random, len_max: u64) -> Vec<u8> {
    let len = random.below(len_max);
    (0..len).map(|_| random.draw().to_le_bytes()[0]).collect()
}

#[test]
fn random_bytes_as_a_segment_are_read_without_harm() {
    let seed = seed();
    let count = rounds(200, 1_000);
    for round in 0..count {
        let mut random = Random::part(seed, round);
        // Few different bytes: more of them mean something.
        let mut bytes = bytes(&mut random, 600);
        if random.below(2) == 0 {
            bytes.iter_mut().for_each(|byte| *byte %= 33);
        }
        bytes.insert(0, random.draw().to_le_bytes()[0]);
        frame(&bytes);
    }
    done("fuzz frame", &format!("{count} random segments"));
}

#[test]
fn a_real_segment_with_bytes_changed_is_read_without_harm() {
    let seed = seed();
    let real = real_segment();
    let count = rounds(200, 1_000);
    for round in 0..count {
        let mut random = Random::part(seed, round);
        let mut bytes = [vec![0], real.clone()].concat();
        for _ in 0..=random.below(4) {
            let len = u64::try_from(bytes.len()).unwrap();
            let at = usize::try_from(1 + random.below(len - 1)).unwrap();
            match random.below(4) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = random.draw().to_le_bytes()[0],
                2 => bytes.truncate(at + 1),
                _ => {
                    let end = (at + 64).min(bytes.len());
                    bytes[at..end].fill(0);
                }
            }
            if bytes.len() < 2 {
                break;
            }
        }
        frame(&bytes);
    }
    done("fuzz frame", &format!("{count} changed segments"));
}

#[test]
fn changed_lines_are_refused_or_kept_as_they_are() {
    let seed = seed();
    let lines = [completed("a"), opened("b")].concat();
    let words = [
        "null", "-1", "1e400", "\"\"", "{}", "[[[[", "1.5", "true", "\\ud800", "\u{0}",
    ];
    let count = rounds(300, 1_500);
    let mut random = Random::new(seed);
    for _ in 0..count {
        let at = random.below(u64::try_from(lines.len()).unwrap());
        let mut line = lines[usize::try_from(at).unwrap()].clone().into_bytes();
        for _ in 0..random.below(3) {
            let at = random.below(u64::try_from(line.len()).unwrap());
            let at = usize::try_from(at).unwrap();
            let word = words[usize::try_from(random.below(10)).unwrap()];
            let end = (at + usize::try_from(random.below(6)).unwrap()).min(line.len());
            line.splice(at..end, word.bytes());
        }
        event(&line);
    }
    done("fuzz event", &format!("{count} changed lines"));
}

#[test]
fn the_corpus_is_read_without_harm() {
    let bodies: [(&str, Body); 2] = [("frame", frame), ("event", event)];
    for (target, body) in bodies {
        let folder = root().join("fuzz").join("corpus").join(target);
        for input in fs::read_dir(folder).unwrap() {
            body(&fs::read(input.unwrap().path()).unwrap());
        }
    }
}
