//! What a workload is to do, one step after the other.

use std::fmt;

use super::plan::Plan;
use crate::random::Random;
use crate::simdisk::{Deed, Faults, Style};

/// One step; without it, all others do what they did, as far as they can.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its number in the whole workload.
    pub id: u64,
    /// Which program does it, modulo their number.
    pub which: u64,
    /// What is done.
    pub act: Act,
}

/// What a step does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// A program opens the journal, if there are fewer than two.
    Start,
    /// A record of so many bytes is appended.
    Append(u64),
    /// The same, with another append whole in the middle of it.
    MidCall(Interleaved),
    /// Records are appended until the next segment begins.
    Rotate,
    /// Everything is made durable.
    Sync,
    /// The journal is closed.
    Close,
    /// A program is killed; the others go on.
    Kill,
    /// Ends all programs; what is left of the disk is the disk of what follows.
    PowerLoss(Style),
    /// The journal is read while the programs are alive.
    Read,
    /// Calls fail from now on.
    Fail(Faults),
    /// Another program does something to the journal's directory.
    Meddle(Meddling),
}

/// What another program does.
#[derive(Clone, Copy, Debug)]
pub enum Meddling {
    /// The directory is moved away and another one takes its place.
    Replace,
    /// The directory is removed with all that is in it.
    Remove,
    /// Something is done to a segment of the program's run: of all of them, the one of this
    /// number from the end, modulo their number.
    Segment(Deed, usize),
}

/// An append and another one before it is finished.
#[derive(Clone, Copy, Debug)]
pub struct Interleaved {
    /// Bytes of the record that is begun first.
    pub len: u64,
    /// Stores into the mapping before the other one begins.
    pub stores: u64,
    /// Bytes of the other record, which is committed first.
    pub other_len: u64,
    /// The record before both is waited for in between.
    pub is_waited: bool,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (program {}): {:?}", self.id, self.which, self.act)
    }
}

/// The steps of a workload.
pub(super) fn derive(plan: Plan) -> Vec<Step> {
    let mut random = Random::part(plan.seed, 2);
    let count = random.within(12, 40);
    let act = |random: &mut Random| match random.below(42) {
        22..=28 => Act::Sync,
        29 | 30 => Act::Close,
        31 | 32 => Act::Kill,
        33 => Act::PowerLoss(random.pick(&INLINE_STYLES).copied().unwrap_or(Style::Torn)),
        34 | 35 => Act::Start,
        36 | 37 => Act::Read,
        38..=41 => Act::MidCall(Interleaved {
            len: len(random),
            stores: random.below(4),
            other_len: len(random),
            is_waited: random.once_in(4),
        }),
        14..=17 if plan.has_meddlers => Act::Meddle(meddling(random)),
        10..=13 if plan.has_faults => Act::Fail(Faults::random(random)),
        _ => Act::Append(len(random)),
    };
    let steps = (0..count).map(|id| Step {
        id,
        which: random.draw() % 2,
        act: act(&mut random),
    });
    let mut steps: Vec<Step> = steps.collect();
    let last = [Act::Fail(Faults::default()), Act::Close, Act::Close];
    for (id, act) in (count..).zip(last) {
        steps.push(Step { id, which: 0, act });
    }
    steps
}

fn meddling(random: &mut Random) -> Meddling {
    let which = usize::try_from(random.below(3)).unwrap_or(0);
    match random.below(12) {
        0..=3 => Meddling::Replace,
        4 => Meddling::Remove,
        5 | 6 => Meddling::Segment(Deed::MoveAway, which),
        7 | 8 => Meddling::Segment(Deed::PutCopy, which),
        _ => Meddling::Segment(Deed::Remove, which),
    }
}

fn len(random: &mut Random) -> u64 {
    match random.below(12) {
        0 => random.within(2000, 9000),
        1..=3 => random.within(400, 1200),
        _ => random.within(16, 200),
    }
}

const INLINE_STYLES: [Style; 4] = [Style::Nothing, Style::Some, Style::Torn, Style::Most];
