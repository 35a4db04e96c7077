//! Every sequence of a few operations, instead of random ones.

use std::fmt;
use std::str::FromStr;

use trace_journal::WriteMode;

use super::crash::{Explorer, Limits};
use super::ops::{Act, Interleaved, Step};
use super::outcome::Outcome;
use super::plan::Plan;
use super::run::run;
use crate::simdisk::Style;

/// What may be done next. It is done by the program that started last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Appends a small record.
    Small,
    /// Appends a record that needs a segment of its own.
    Large,
    /// Appends until the next segment begins.
    Rotate,
    /// Appends two records, the second whole before the first is copied.
    Reserved,
    /// The same, when half of the first is copied.
    Copied,
    /// The same, when all of the first is there but its commit word.
    Uncommitted,
    /// Makes everything durable.
    Sync,
    /// Closes the journal.
    Close,
    /// Is killed.
    Kill,
    /// Power is lost, and with it all that was not synced.
    PowerLoss,
    /// Power is lost, and parts of what was not synced, torn sectors among it.
    Torn,
    /// Opens the journal again.
    Reopen,
    /// A second program opens the journal.
    Second,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 13] = [
        Operation::Small,
        Operation::Large,
        Operation::Rotate,
        Operation::Reserved,
        Operation::Copied,
        Operation::Uncommitted,
        Operation::Sync,
        Operation::Close,
        Operation::Kill,
        Operation::PowerLoss,
        Operation::Torn,
        Operation::Reopen,
        Operation::Second,
    ];

    /// How many programs there are afterwards; `None` if it cannot be done, or changes nothing.
    fn programs_after(self, programs: u64) -> Option<u64> {
        match self {
            Operation::Reopen if programs == 0 => Some(1),
            Operation::Second if programs == 1 => Some(2),
            Operation::Reopen | Operation::Second => None,
            Operation::PowerLoss | Operation::Torn => Some(0),
            _ if programs == 0 => None,
            Operation::Close | Operation::Kill => Some(programs - 1),
            _ => Some(programs),
        }
    }

    fn act(self) -> Act {
        let meanwhile = |stores| {
            Act::MidCall(Interleaved {
                len: 100,
                stores,
                other_len: 60,
                is_waited: false,
            })
        };
        match self {
            Operation::Small => Act::Append(60),
            Operation::Large => Act::Append(20_000),
            Operation::Rotate => Act::Rotate,
            Operation::Reserved => meanwhile(0),
            Operation::Copied => meanwhile(1),
            Operation::Uncommitted => meanwhile(3),
            Operation::Sync => Act::Sync,
            Operation::Close => Act::Close,
            Operation::Kill => Act::Kill,
            Operation::PowerLoss => Act::PowerLoss(Style::Nothing),
            Operation::Torn => Act::PowerLoss(Style::Torn),
            Operation::Reopen | Operation::Second => Act::Start,
        }
    }
}

/// Operations of a program that has the journal open, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// How journals are written.
    pub mode: WriteMode,
    /// What is done.
    pub operations: Vec<Operation>,
}

impl Sequence {
    fn steps(&self) -> Vec<Step> {
        let mut programs = 0;
        let mut steps = Vec::new();
        let opening = [Operation::Reopen];
        for (id, operation) in (0..).zip(opening.iter().chain(&self.operations)) {
            steps.push(Step {
                id,
                which: u64::saturating_sub(programs, 1),
                act: operation.act(),
            });
            programs = operation.programs_after(programs).unwrap_or(programs);
        }
        steps
    }

    /// Does it, and stops it at every change its last operation makes: its beginning is a
    /// sequence of its own.
    #[must_use]
    pub fn explore(&self, seed: u64, limits: Limits) -> Outcome {
        let plan = Plan {
            seed,
            mode: self.mode,
            has_faults: false,
            has_meddlers: false,
            is_in_memory: false,
            bug: None,
        };
        let steps = self.steps();
        let explorer = Explorer::new(plan, None, limits);
        let mut outcome = run(&explorer, &steps, steps.len() - 1);
        outcome.failure = outcome.failure.map(|wrong| {
            format!(
                "{wrong}\nagain: JOURNAL_SEED={seed} JOURNAL_SEQUENCE='{self}' cargo test -p \
                 journal-tests --test sequences replay_of_one_sequence"
            )
        });
        outcome
    }
}

/// All sequences of up to `len` operations that make sense.
#[must_use]
pub fn sequences(mode: WriteMode, len: usize) -> Vec<Sequence> {
    let mut all = vec![(Vec::new(), 1)];
    let mut from = 0;
    for _ in 0..len {
        let longest = from..all.len();
        from = all.len();
        for at in longest {
            for operation in Operation::ALL {
                let Some((before, programs)) = all.get(at) else {
                    continue;
                };
                if let Some(programs) = operation.programs_after(*programs) {
                    let mut operations = before.clone();
                    operations.push(operation);
                    all.push((operations, programs));
                }
            }
        }
    }
    let all = all.into_iter();
    all.map(|(operations, _)| Sequence { mode, operations })
        .collect()
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            WriteMode::Mapped => "mapped",
            _ => "positioned",
        };
        let names: Vec<String> = self.operations.iter().map(|o| format!("{o:?}")).collect();
        write!(f, "{mode}/{}", names.join(","))
    }
}

impl FromStr for Sequence {
    type Err = String;

    fn from_str(text: &str) -> Result<Sequence, String> {
        let wrong = || format!("no sequence: {text}");
        let (mode, names) = text.split_once('/').ok_or_else(wrong)?;
        let named = |name: &str| {
            let mut all = Operation::ALL.into_iter();
            all.find(|operation| format!("{operation:?}") == name)
        };
        let names = names.split(',').filter(|name| !name.is_empty());
        let operations: Option<Vec<Operation>> = names.map(named).collect();
        Ok(Sequence {
            mode: match mode {
                "mapped" => WriteMode::Mapped,
                "positioned" => WriteMode::Positioned,
                _ => return Err(wrong()),
            },
            operations: operations.ok_or_else(wrong)?,
        })
    }
}
