//! Promises: killed, durable, damage.
//!
//! Sessions that log their whole history with every event, and say each value once, are stopped in
//! the simulated file system after every change, in every way a crash leaves it, and damaged. An
//! event that is there says what was recorded; a value of it is not here only if a record before
//! it is not there, either. `JOURNAL_SEED` changes the cases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use journal_tests::event_child::EventChild;
use journal_tests::random::{Random, seed};
use journal_tests::rigs::{self, Budget};
use journal_tests::simdisk::{Image, Process, SimDisk, Style};
use trace_journal::event::Action;
use trace_journal::format::{
    FRAME_HEADER_LEN, FRAMES_OFFSET, FileName, FrameHeader, FramePlace, FrameSeed,
};
use trace_journal::{Item, Journal, Loss, Map, ReadMode, Reader, Value, WriteMode};

/// What the event of this number says: all messages of its session up to then, and a picture that
/// every few events have.
fn data(number: u64) -> Value<'static> {
    let session = number % SESSIONS;
    let messages = (0..=number).filter(|n| n % SESSIONS == session);
    let messages: Vec<Value<'static>> = messages.map(message).collect();
    let lines = (number / 3..=number / 3 + 1)
        .map(|n| Value::from(alike(n)))
        .collect();
    let picture = Value::from("picture ".repeat(200));
    Value::Map(Map::from([
        ("lines", Value::List(lines)),
        ("messages", Value::List(messages)),
        ("number", Value::from(number)),
        (
            "picture",
            if number.is_multiple_of(3) {
                picture
            } else {
                Value::Null
            },
        ),
    ]))
}

/// Texts of one length, and of one beginning, middle and end.
fn alike(number: u64) -> String {
    format!("{}{number:04}{}", "a".repeat(2000), "z".repeat(4000))
}

fn message(number: u64) -> Value<'static> {
    let text = format!("message {number} ").repeat(3 + usize::try_from(number % 5).unwrap() * 20);
    Value::Map(Map::from([
        ("number", Value::from(number)),
        ("text", Value::from(text)),
    ]))
}

/// How many values of an event are not here; panics if another is not the one that was recorded.
fn lacks(recorded: &Value<'_>, found: &Value<'_>) -> u64 {
    match (recorded, found) {
        (_, Value::Elsewhere(_)) => 1,
        (Value::List(recorded), Value::List(found)) => {
            let (mut at, mut count) = (0, 0);
            for value in found {
                let stands_for = match value {
                    Value::Elsewhere(other) => usize::try_from(other.stands_for()).unwrap(),
                    _ => 1,
                };
                count += lacks(&recorded[at], value);
                at += stands_for;
            }
            assert_eq!(at, recorded.len());
            count
        }
        (Value::Map(recorded), Value::Map(found)) => {
            assert!(recorded.iter().map(|m| m.0).eq(found.iter().map(|m| m.0)));
            let values = recorded.iter().zip(found.iter());
            values.map(|((_, a), (_, b))| lacks(a, b)).sum()
        }
        (recorded, found) => {
            assert_eq!(recorded, found);
            0
        }
    }
}

/// What was found: the numbers of events, each with how many of its values are not here.
struct Found {
    events: BTreeMap<u64, u64>,
    loss: Loss,
}

impl Found {
    fn lacks(&self) -> u64 {
        self.events.values().sum()
    }
}

fn read(disk: &SimDisk) -> Found {
    let storage = Arc::new(Process::start(disk));
    found(&Reader::of_storage(storage, ReadMode::Salvage).unwrap())
}

fn found(reader: &Reader) -> Found {
    let mut events = BTreeMap::new();
    for item in reader.records() {
        let Item::Record(record) = item.unwrap() else {
            continue;
        };
        let event = record.event();
        let Action::SpanStart(start) = &event.action else {
            continue;
        };
        let number: u64 = start.span.parse().unwrap();
        let input = start.fields.input.as_ref().unwrap();
        events.insert(number, lacks(&data(number), input));
    }
    let mut folded = BTreeMap::new();
    for snapshot in reader.sessions() {
        let snapshot = snapshot.unwrap();
        for span in snapshot.spans() {
            let (Ok(number), Some(input)) = (span.id().parse::<u64>(), span.input()) else {
                continue;
            };
            folded.insert(number, lacks(&data(number), input));
        }
    }
    assert_eq!(folded, events, "a snapshot says what its records say");
    Found {
        events,
        loss: reader.report().loss,
    }
}

/// What a program was promised before it stopped.
#[derive(Clone, Default)]
struct Promises {
    written: u64,
    durable: u64,
}

/// Runs a workload and looks at the disk after each of its events.
fn explore(mode: WriteMode, seed: u64, look: &mut dyn FnMut(&SimDisk, &Promises)) {
    let disk = SimDisk::new(Random::new(seed));
    let mut promises = Promises::default();
    let journal = open(&disk, mode);
    for number in 0..SESSIONS {
        let _ = journal.session(format!("s{number}")).start();
    }
    for number in 0..EVENTS {
        let seq = journal.append_json(line(number)).unwrap();
        promises.written = number + 1;
        if number % 7 == 6 {
            journal.wait_durable(seq).unwrap();
            promises.durable = number + 1;
        }
        look(&disk, &promises);
    }
    journal.close().unwrap();
    promises.durable = EVENTS;
    look(&disk, &promises);
    assert_eq!(disk.foul(), None);
}

fn line(number: u64) -> String {
    let event = serde_json::json!({
        "type": "span.start",
        "session": format!("s{}", number % SESSIONS),
        "span": number.to_string(),
        "name": "chat",
        "input": data(number),
    });
    event.to_string()
}

fn open(disk: &SimDisk, mode: WriteMode) -> Journal {
    let options = Journal::options().stepped().write_mode(mode);
    let options = options.share_values(true).segment_bytes_max(SEGMENT_LEN);
    let storage = Arc::new(Process::start(disk));
    options.storage(storage).open("/simulated").unwrap()
}

/// The events of these numbers are there, whole.
fn has_all(found: &Found, numbers: u64) {
    for number in 0..numbers {
        assert_eq!(found.events.get(&number), Some(&0), "{number}");
    }
}

#[test]
fn what_was_written_says_all_its_values_after_a_kill() {
    let mut states = 0;
    for (which, mode) in MODES.into_iter().enumerate() {
        explore(
            mode,
            seed() + u64::try_from(which).unwrap(),
            &mut |disk, promises| {
                let found = read(&disk.after_kill(Random::new(1)));
                has_all(&found, promises.written);
                states += 1;
            },
        );
    }
    rigs::done("said-before kills", &format!("{states} states"));
}

#[test]
fn what_a_killed_process_wrote_says_all_its_values() {
    let budget = Budget::new("said-before-killed", Duration::from_secs(30), 5);
    let mut kills = 0;
    while kills < 30 && !budget.is_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut random = Random::part(seed(), kills);
        let mut child = EventChild::start_sharing(SCRIBE, dir.path());
        let written = random.within(1, EVENTS);
        (0..written).for_each(|number| child.write(&line(number)));
        child.kill();
        let found = found(&Reader::open(dir.path()).unwrap());
        has_all(&found, written);
        assert_eq!(found.loss, Loss::None);
        kills += 1;
    }
    budget.done(kills, seed());
}

#[test]
fn what_was_durable_says_all_its_values_after_a_power_cut_and_no_event_says_another() {
    let budget = Budget::new("said-before-cuts", Duration::from_secs(60), 100);
    let (mut states, mut lacking) = (0, 0);
    let styles = [
        Style::Nothing,
        Style::Everything,
        Style::Some,
        Style::Torn,
        Style::Most,
    ];
    for (which, mode) in MODES.into_iter().enumerate() {
        let seed = seed() + u64::try_from(which).unwrap();
        explore(mode, seed, &mut |disk, promises| {
            for style in styles {
                if budget.is_over() {
                    return;
                }
                let random = Random::part(seed, promises.written);
                let found = read(&disk.after_power_loss(random, style));
                has_all(&found, promises.durable);
                assert_ne!(found.loss, Loss::Damage);
                // Somebody before it is not there, either.
                assert!(found.lacks() == 0 || found.loss == Loss::Tail);
                states += 1;
                lacking += u64::from(found.lacks() > 0);
            }
        });
    }
    assert!(lacking > 0, "no state in which a value is not here");
    budget.done(states, seed());
}

#[test]
fn no_event_says_another_value_after_damage() {
    let budget = Budget::new("said-before-rot", Duration::from_secs(60), 100);
    let (mut states, mut lacking) = (0, 0);
    for (which, mode) in MODES.into_iter().enumerate() {
        let disk = SimDisk::new(Random::new(1));
        let journal = open(&disk, mode);
        for number in 0..EVENTS {
            journal.append_json(line(number)).unwrap();
        }
        journal.close().unwrap();
        for case in 0..150 {
            let mut random = Random::part(seed() + u64::try_from(which).unwrap(), case);
            if budget.is_over() {
                break;
            }
            let (rotten, what) = disk.with_rot(&mut random);
            let found = read(&rotten);
            assert!(found.lacks() == 0 || found.loss == Loss::Damage, "{what:?}");
            states += 1;
            lacking += u64::from(found.lacks() > 0);
        }
    }
    assert!(
        lacking > 0,
        "no damage on account of which a value is not here"
    );
    budget.done(states, seed());
}

/// Bytes of payloads are changed, and their frames made whole again: what a reference says then is
/// whatever it is.
#[test]
fn references_that_lead_anywhere_cost_little_and_end_nothing() {
    let budget = Budget::new("said-before-hostile", Duration::from_secs(40), 100);
    let disk = SimDisk::new(Random::new(1));
    let journal = open(&disk, WriteMode::Positioned);
    for number in 0..EVENTS {
        journal.append_json(line(number)).unwrap();
    }
    journal.close().unwrap();
    let mut cases = 0;
    for case in 0..1000 {
        if budget.is_over() {
            break;
        }
        let mut random = Random::part(seed(), case);
        let mut images = disk.images();
        for ((run, number), image) in disk.segments() {
            let mut bytes = image.bytes().to_vec();
            change_payloads(&mut bytes, FrameSeed::new(run, number), &mut random);
            images.insert(
                FileName::Segment(run, number).to_string(),
                Image::new(bytes),
            );
        }
        let storage = Arc::new(Process::start(&SimDisk::of(images, Random::new(1))));
        let reader = Reader::of_storage(storage, ReadMode::Salvage).unwrap();
        let mut len = 0;
        for item in reader.records() {
            if let Item::Record(record) = item.unwrap() {
                len += format!("{:?}", record.event()).len();
            }
        }
        let snapshots = reader.sessions().map(|snapshot| snapshot.unwrap());
        len += snapshots
            .map(|snapshot| format!("{snapshot:?}").len())
            .sum::<usize>();
        assert!(len < 64 << 20, "{len} bytes of {case}");
        cases += 1;
    }
    budget.done(cases, seed());
}

/// Changes a few payloads of events, and has their checksums fit.
fn change_payloads(bytes: &mut [u8], seed: FrameSeed, random: &mut Random) {
    let mut at = usize::try_from(FRAMES_OFFSET).unwrap();
    let mut seq = 0;
    while let Some(fields) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let Ok(header) = FrameHeader::decode(*fields) else {
            break;
        };
        let len = usize::try_from(header.payload_len).unwrap();
        let payload = &mut bytes[at + FRAME_HEADER_LEN..][..len];
        if header.kind.get() == SPAN_START && random.once_in(8) {
            for _ in 0..random.within(1, 4) {
                let place = usize::try_from(random.below(u64::try_from(len).unwrap())).unwrap();
                payload[place] = [
                    9,
                    1,
                    0,
                    0xff,
                    payload[place] ^ 1,
                    payload[place].wrapping_add(1),
                ][usize::try_from(random.below(6)).unwrap()];
            }
            let place = FramePlace {
                seed,
                offset: u64::try_from(at).unwrap(),
                seq: u64::from(header.seq_low),
            };
            let fixed = FrameHeader::new(place, header.kind, header.session, payload);
            bytes[at..at + FRAME_HEADER_LEN].copy_from_slice(&fixed.encode());
        }
        seq += 1;
        at += usize::try_from(header.frame_len()).unwrap();
    }
    assert!(seq > 0, "a segment without frames");
}

#[test]
fn values_are_said_once_in_a_segment() {
    let bytes = |shares: bool| {
        let disk = SimDisk::new(Random::new(1));
        let storage = Arc::new(Process::start(&disk));
        let options = Journal::options().stepped().share_values(shares);
        let journal = options.storage(storage).open("/simulated").unwrap();
        for number in 0..EVENTS {
            journal.append_json(line(number)).unwrap();
        }
        journal.close().unwrap();
        disk.segments().values().map(Image::len).sum::<usize>()
    };
    let (once, always) = (bytes(true), bytes(false));
    assert!(once * 2 < always, "{once} of {always}");
}

const MODES: [WriteMode; 2] = [WriteMode::Mapped, WriteMode::Positioned];
const SCRIBE: &str = env!("CARGO_BIN_EXE_journal-event-child");
const SPAN_START: u8 = 19;
const SESSIONS: u64 = 2;
const EVENTS: u64 = 60;

/// Holds some of the events, so that there are several segments.
const SEGMENT_LEN: u64 = 64 << 10;
