//! Calls that fail, and disks that break their word.

use std::io;

use crate::random::Random;

/// A call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Any call, with an I/O error.
    Io,
    /// Calls that need space.
    Full,
    /// Calls that open a file.
    OpenFiles,
    /// Calls that change something.
    ReadOnly,
    /// Syncs of files, with an I/O error.
    Sync,
    /// Syncs of the directory, with an I/O error.
    DirSync,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 6] = [
        Fault::Io,
        Fault::Full,
        Fault::OpenFiles,
        Fault::ReadOnly,
        Fault::Sync,
        Fault::DirSync,
    ];

    fn hits(self, need: Need) -> bool {
        match self {
            Fault::Io => true,
            Fault::Sync => need == Need::Sync,
            Fault::DirSync => need == Need::DirSync,
            Fault::Full => matches!(need, Need::Space | Need::NewFile),
            Fault::OpenFiles => matches!(need, Need::NewFile | Need::OpenFile),
            Fault::ReadOnly => matches!(need, Need::Space | Need::NewFile | Need::Change),
        }
    }

    fn error(self) -> io::Error {
        io::Error::from_raw_os_error(match self {
            Fault::Io | Fault::Sync | Fault::DirSync => 5,
            Fault::Full => 28,
            Fault::OpenFiles => 24,
            Fault::ReadOnly => 30,
        })
    }
}

/// What a call needs of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    Space,
    NewFile,
    OpenFile,
    Change,
    Sync,
    DirSync,
}

/// Which calls fail: none unless said otherwise.
#[derive(Clone, Debug, Default)]
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
        Faults {
            fault,
            skip: random.below(1 << bits),
            times: if random.once_in(3) { u64::MAX } else { 1 },
        }
    }

    pub(super) fn next(&mut self, need: Need) -> io::Result<()> {
        let Some(fault) = self.fault.filter(|fault| fault.hits(need)) else {
            return Ok(());
        };
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(());
        }
        if self.times == 0 {
            return Ok(());
        }
        self.times -= 1;
        Err(fault.error())
    }
}

/// A way in which the disk, or who drives it, does not do what it says.
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
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 13] = [
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
    ];
}
