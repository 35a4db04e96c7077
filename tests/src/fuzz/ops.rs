//! Sequences of operations, held against what was acknowledged.

use std::collections::BTreeMap;

use trace_journal::{Journal, Loss, ReadMode, Reader, RunId, Seq, UserKind, WriteMode};

use super::cursor::Cursor;
use super::memory::Memory;
use super::pool::open_mode;
use super::read_all_ways::{Seen, look_once, read_all_ways};

/// Each byte is an operation of one of two writers, or what befalls them: kill, power cut, damage.
/// A writer is opened by its first operation, which also chooses its write mode. After each
/// thing that befalls them, and at the end, what is there is compared with what was acknowledged.
///
/// # Panics
/// If a promise is broken.
pub(super) fn ops(bytes: &[u8]) -> u64 {
    let mut world = World::new();
    let mut input = Cursor::new(bytes);
    for _ in 0..OPERATIONS_MAX {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
    }
    world.check();
    world.writers = [None, None];
    world.check();
    let _ = read_all_ways(&world.memory);
    world.memory.size()
}

struct World {
    memory: Memory,
    writers: [Option<Writer>; 2],
    /// What was acknowledged, by run.
    told: BTreeMap<RunId, Told>,
    kills: u64,
    fate: Fate,
}

/// A writer, and how it writes if it is opened now.
#[derive(Clone, Copy)]
struct Who {
    number: usize,
    mode: WriteMode,
}

struct Writer {
    journal: Journal,
    run: RunId,
}

/// What a run acknowledged.
#[derive(Default)]
struct Told {
    written: BTreeMap<Seq, Vec<u8>>,
    durable: Option<Seq>,
}

/// The worst that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Nothing,
    PowerCut,
    Damage,
}

impl World {
    fn new() -> World {
        World {
            memory: Memory::new(0),
            writers: [None, None],
            told: BTreeMap::new(),
            kills: 0,
            fate: Fate::Nothing,
        }
    }

    fn step(&mut self, input: &mut Cursor<'_>) {
        let operation = input.byte();
        let who = Who {
            number: usize::from(operation >> 7),
            mode: match operation & 0x40 {
                0 => WriteMode::Positioned,
                _ => WriteMode::Mapped,
            },
        };
        match operation & 0x0F {
            0..=4 => self.append(who, usize::from(input.byte())),
            5 => self.append(who, usize::from(input.byte()) * 100),
            6 | 7 => self.sync(who),
            8 => self.write(who, |journal| {
                // Whatever state it is in, a session can be told to it.
                let session = journal.session("s").start();
                session.span("x").start();
            }),
            9 => self.close(who),
            10 => {
                self.open(who);
            }
            11 => self.kill(),
            12 => self.cut_power(input),
            13 => self.damage(input),
            14 => self.write(who, |journal| {
                journal.note_crash("noted");
            }),
            _ => self.check(),
        }
    }

    fn open(&mut self, who: Who) -> Option<&Writer> {
        let writer = self.writers.get_mut(who.number)?;
        if writer.is_none() {
            let journal = open_mode(&self.memory, who.mode);
            let info = journal.info().run.expect("it is open");
            assert_eq!(info.write_mode.as_str(), who.mode.as_str());
            let run = info.run;
            self.told.entry(run).or_default();
            *writer = Some(Writer { journal, run });
        }
        writer.as_ref()
    }

    fn write(&mut self, who: Who, write: impl FnOnce(&Journal)) {
        if let Some(writer) = self.open(who) {
            write(&writer.journal);
        }
    }

    fn append(&mut self, who: Who, len: usize) {
        let count = self
            .told
            .values()
            .map(|told| told.written.len())
            .sum::<usize>();
        let [low, high, ..] = count.to_le_bytes();
        let mut payload = vec![low; len];
        payload.push(high);
        let Some(writer) = self.open(who) else {
            return;
        };
        let kind = UserKind::new(128).expect("a caller's kind");
        let appended = writer.journal.append_raw(kind, &payload);
        let seq = appended.expect("memory does not fail");
        let run = writer.run;
        let told = self.told.entry(run).or_default();
        assert_eq!(told.written.insert(seq, payload), None, "{run} {seq}");
    }

    fn sync(&mut self, who: Who) {
        let Some(writer) = self.open(who) else {
            return;
        };
        let (run, durable) = (writer.run, writer.journal.sync());
        let durable = durable.expect("memory does not fail");
        let told = self.told.entry(run).or_default();
        let last = told.written.last_key_value();
        assert!(last.is_none_or(|(last, _)| *last <= durable), "{run}");
        assert!(told.durable <= Some(durable), "{run}: the watermark fell");
        told.durable = Some(durable);
    }

    fn close(&mut self, who: Who) {
        let Some(writer) = self.writers.get_mut(who.number).and_then(Option::take) else {
            return;
        };
        writer.journal.close().expect("memory does not fail");
        let told = self.told.entry(writer.run).or_default();
        let last = told.written.last_key_value().map(|(seq, _)| *seq);
        told.durable = told.durable.max(last);
    }

    /// All processes die at once.
    fn kill(&mut self) {
        self.kills += 1;
        let after = self.memory.after_kill(self.kills);
        self.go_on_with(after);
    }

    fn cut_power(&mut self, input: &mut Cursor<'_>) {
        self.kills += 1;
        let choices = input.word();
        let mut bit = 0;
        let after = self.memory.after_power_cut(self.kills, || {
            bit += 1;
            (choices >> (bit % 64)) & 1 == 1
        });
        self.fate = self.fate.max(Fate::PowerCut);
        self.go_on_with(after);
    }

    /// The writers of the dead processes are dropped on a directory that is not looked at any more.
    fn go_on_with(&mut self, after: Memory) {
        self.memory = after;
        self.writers = [None, None];
        self.check();
    }

    /// Bytes of a file change while no process has it open.
    fn damage(&mut self, input: &mut Cursor<'_>) {
        self.kill();
        let names: Vec<String> = self.memory.files().into_keys().collect();
        let choice = usize::from(input.byte());
        let Some(name) = names.get(choice.checked_rem(names.len()).unwrap_or(0)) else {
            return;
        };
        let at = usize::try_from(input.word() % 20_000).unwrap_or(0);
        let (form, flip) = (input.below(3), input.byte());
        self.memory.harm(name, |bytes| match form {
            0 => bytes.truncate(at),
            1 => bytes
                .iter_mut()
                .skip(at)
                .take(64)
                .for_each(|byte| *byte = 0),
            _ => bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= flip),
        });
        self.fate = Fate::Damage;
        self.check();
    }

    fn check(&self) {
        let seen = look_once(&self.memory, ReadMode::Salvage);
        let mut lines = BTreeMap::new();
        for (address, kept) in &seen.records {
            for (_, payload) in kept.iter().filter(|(kind, _)| *kind == LINE) {
                assert_eq!(lines.insert(*address, payload), None, "two of {address:?}");
            }
        }
        for (run, told) in &self.told {
            for (seq, payload) in &told.written {
                let place = (run.generation(), run.random(), seq.get());
                let kept = lines.remove(&place);
                let must_be_there = match self.fate {
                    Fate::Nothing => true,
                    Fate::PowerCut => Some(*seq) <= told.durable,
                    Fate::Damage => false,
                };
                assert!(
                    kept.map_or(!must_be_there, |kept| kept == payload),
                    "{run} {seq}: {payload:?} became {kept:?} after {:?}",
                    self.fate
                );
            }
        }
        assert!(lines.is_empty(), "nobody wrote {lines:?}");
        self.check_loss(&seen);
    }

    fn check_loss(&self, seen: &Seen) {
        let reader = Reader::of_storage(self.memory.storage(), ReadMode::Salvage);
        let Ok(reader) = reader else {
            assert!(self.fate == Fate::Damage || seen.records.is_empty());
            return;
        };
        let report = reader.report();
        match self.fate {
            Fate::Nothing => {
                let nothing = (Loss::None, 0, 0);
                assert_eq!((report.loss(), report.missing(), seen.gaps), nothing);
            }
            Fate::PowerCut => {
                assert_ne!(report.loss(), Loss::Damage, "{:?}", report.ranges);
                assert_eq!(report.counts.lost_durable, 0);
            }
            Fate::Damage => {}
        }
    }
}

/// The kind of the records that are compared.
const LINE: u8 = 128;

const OPERATIONS_MAX: usize = 40;
