//! Calls that fail, and disks that break their word.

use std::io;

use crate::random::Random;

/// A call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Any call, with an I/O error.
    Io,
    /// Calls that need space, on a full disk.
    Full,
    /// Calls that need space, beyond a quota.
    Quota,
    /// Calls that open a file.
    OpenFiles,
    /// Calls that change something.
    ReadOnly,
    /// Syncs of files, with an I/O error.
    Sync,
    /// Syncs of the directory, with an I/O error.
    DirSync,
    /// Any call, by a signal: it may simply be made again.
    Interrupted,
    /// Reads and writes, which stop part of the way and say so.
    Short,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 9] = [
        Fault::Io,
        Fault::Full,
        Fault::Quota,
        Fault::OpenFiles,
        Fault::ReadOnly,
        Fault::Sync,
        Fault::DirSync,
        Fault::Interrupted,
        Fault::Short,
    ];

    /// Whether a program must not even notice.
    #[must_use]
    pub fn is_harmless(self) -> bool {
        matches!(self, Fault::Interrupted | Fault::Short)
    }

    fn hits(self, need: Need) -> bool {
        match self {
            Fault::Io | Fault::Interrupted => true,
            Fault::Short => matches!(need, Need::Read | Need::Write),
            Fault::Sync => need == Need::Sync,
            Fault::DirSync => need == Need::DirSync,
            Fault::Full | Fault::Quota => {
                matches!(need, Need::Space | Need::Write | Need::NewFile)
            }
            Fault::OpenFiles => matches!(need, Need::NewFile | Need::OpenFile),
            Fault::ReadOnly => {
                matches!(
                    need,
                    Need::Space | Need::Write | Need::NewFile | Need::Change
                )
            }
        }
    }

    /// What a call that it hits is told; `None` if the call merely does less.
    fn errno(self) -> Option<i32> {
        match self {
            Fault::Io | Fault::Sync | Fault::DirSync => Some(5),
            Fault::Full => Some(28),
            Fault::Quota => Some(122),
            Fault::OpenFiles => Some(24),
            Fault::ReadOnly => Some(30),
            Fault::Interrupted => Some(4),
            Fault::Short => None,
        }
    }
}

/// How much of what it is asked for a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Part,
}

/// What a call needs of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    Read,
    Space,
    Write,
    NewFile,
    OpenFile,
    Change,
    Sync,
    DirSync,
}

/// Which calls fail: none unless said otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The kind of failure, if there is any.
    pub fault: Option<Fault>,
    /// Calls that could fail and do not, before the first that does.
    pub skip: u64,
    /// Calls that fail.
    pub times: u64,
}

impl Faults {
    /// One kind of failure after a random number of calls, once or for good.
    #[must_use]
    pub fn random(random: &mut Random) -> Faults {
        let fault = random.pick(&Fault::ALL).copied();
        // Syncs are few.
        let bits = match fault {
            Some(Fault::Sync | Fault::DirSync) => random.within(0, 2),
            _ => random.within(1, 6),
        };
        let is_for_good = random.once_in(3);
        Faults {
            fault,
            skip: random.below(1 << bits),
            times: match fault {
                // A call that is interrupted for ever never ends.
                Some(Fault::Interrupted) => 1 + random.below(8),
                _ if is_for_good => u64::MAX,
                _ => 1,
            },
        }
    }

    pub(super) fn next(&mut self, need: Need) -> io::Result<Extent> {
        let Some(fault) = self.fault.filter(|fault| fault.hits(need)) else {
            return Ok(Extent::Whole);
        };
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(Extent::Whole);
        }
        if self.times == 0 {
            return Ok(Extent::Whole);
        }
        self.times -= 1;
        match fault.errno() {
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(Extent::Part),
        }
    }
}

/// A way in which the disk, or its driver, does not do what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A sync does nothing and says it did.
    SyncIgnored,
    /// A sync of the directory does nothing and says it did.
    DirSyncIgnored,
    /// A sync leaves out the last sector of its range.
    SyncShort,
    /// A sync makes another file durable than it was asked for.
    SyncWrongFile,
    /// A sync that failed says it did not.
    SyncErrorSwallowed,
    /// Only the first syncs of a file do anything.
    SyncOnlyFirst,
    /// A sync takes effect with the next one.
    SyncLate,
    /// A write stops half-way and says it did not.
    WriteShort,
    /// A write lands eight bytes off.
    WriteMisplaced,
    /// Cutting a file takes a sector too much.
    CutTooFar,
    /// Everybody gets every lock.
    LockIgnored,
    /// Bytes cached since a failed sync are shown though the cache was dropped.
    DropCacheIgnored,
    /// Removing a name removes a segment's as well.
    RemoveTooMuch,
    /// Names are looked up in the directory that the path leads to now.
    NameResolvedAnew,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 14] = [
        Bug::SyncIgnored,
        Bug::DirSyncIgnored,
        Bug::SyncShort,
        Bug::SyncWrongFile,
        Bug::SyncErrorSwallowed,
        Bug::SyncOnlyFirst,
        Bug::SyncLate,
        Bug::WriteShort,
        Bug::WriteMisplaced,
        Bug::CutTooFar,
        Bug::LockIgnored,
        Bug::DropCacheIgnored,
        Bug::RemoveTooMuch,
        Bug::NameResolvedAnew,
    ];
}
