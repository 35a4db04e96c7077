//! Records whose bytes follow from their thread and their number in it.

use trace_journal::UserKind;

use crate::random::Random;

/// A kind of records for tests that need no others.
///
/// # Panics
/// Never: it is one of the caller's.
#[must_use]
pub fn kind() -> UserKind {
    UserKind::new(200).expect("a caller's kind")
}

/// One record of one writer's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// Which opening of the journal wrote it, over the whole test.
    pub writer: u64,
    /// Which thread, below 100.
    pub thread: u8,
    /// Its place among the thread's records, from 0.
    pub counter: u64,
}

impl Sent {
    /// The kind of the record: it tells the thread.
    ///
    /// # Panics
    /// From thread 100 on.
    #[must_use]
    pub fn kind(self) -> UserKind {
        assert!(self.thread < 100, "the kind has no room for more threads");
        UserKind::new(KIND_FIRST + self.thread).expect("a caller's kind")
    }

    /// The thread that writes records of a kind, if one does.
    #[must_use]
    pub fn thread_of(kind: u8) -> Option<u8> {
        kind.checked_sub(KIND_FIRST).filter(|thread| *thread < 100)
    }

    /// The record's bytes: mostly short, now and then up to 64 KiB, sometimes none.
    #[must_use]
    pub fn payload(self) -> Vec<u8> {
        let mut random = self.random();
        let len = match random.below(32) {
            0 => 0,
            1 => random.within(4096, 64 << 10),
            2..=5 => random.within(256, 4096),
            _ => random.within(1, 256),
        };
        self.bytes(len, &mut random)
    }

    /// A payload of a given length.
    #[must_use]
    pub fn payload_of(self, len: u64) -> Vec<u8> {
        self.bytes(len, &mut self.random())
    }

    fn bytes(self, len: u64, random: &mut Random) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(len).expect("payloads fit into memory")];
        random.fill(&mut bytes);
        bytes
    }

    fn random(self) -> Random {
        let thread = u64::from(self.thread);
        Random::part(self.writer << 8 | thread, self.counter)
    }
}

/// Kinds below are left to tests with records of their own.
const KIND_FIRST: u8 = 140;
