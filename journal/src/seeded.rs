//! Bugs on purpose, one at a time, so that it can be shown which suite notices each.
//!
//! Only a library built with `--cfg seeded_bugs` has any: there `JOURNAL_SEEDED_BUG` names the one
//! to have. Everywhere else [`has`] is `false` when the library is compiled.

macro_rules! bugs {
    ($($(#[$says:meta])+ $name:ident,)+) => {
        /// A mistake that a change could make.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(not(unix), expect(dead_code, reason = "some only Unix systems can have"))]
        pub(crate) enum Bug {
            $($(#[$says])+ $name,)+
        }

        #[cfg(seeded_bugs)]
        const NAMES: &[(&str, Bug)] = &[$((stringify!($name), Bug::$name),)+];
    };
}

bugs! {
    /// Records count as durable when their sync begins.
    DurableBeforeSync,
    /// Records appended during a sync count as durable when it ends.
    DurableAfterSyncBegan,
    /// A frame's commit word is stored before its payload.
    CommitBeforeCopy,
    /// Nothing says that a frame is begun before its payload is stored.
    BegunNotStored,
    /// The name of a new segment is not synced.
    DirectorySyncLeftOut,
    /// A sync leaves out the end of a segment that was full before it began.
    FullSegmentNotSynced,
    /// What was stored between two positioned writes counts as there before its payload is.
    StoredTakenForPositioned,
    /// A sync begins at a whole page.
    SyncFromNextPage,
    /// The page in which a large sync ended is stored into as if it had its space still.
    SyncedEndNotRenewed,
    /// A sync mark speaks of all that is written.
    MarkOfTheWritten,
    /// What a `.run` file notes is the last record of the sync before.
    SyncBeforeNoted,
    /// What is durable is noted after it was said to be.
    NotedTooLate,
    /// Nothing tells that records behind the last mark are durable if it tells of all before it.
    LastGroupUnwitnessed,
    /// What a `.run` file notes proves nothing once the record it names is there.
    ReachedNoteForgotten,
    /// What the `.run` file of a live run notes proves nothing.
    LiveNoteIgnored,
    /// A segment that a live run was seen to name is not looked for again.
    LiveRunReadOnce,
    /// Steps through records tell of a number that no record ever had.
    UnfinishedToldAsGap,
    /// The syncer leaves to a waiter that syncs what others ask for, too.
    AskedInVain,
    /// What was appended while all was left to a waiter counts from when it is found.
    CalmWhileLeft,
    /// Files are made and opened by the directory's path.
    NameResolvedAnew,
    /// It is not looked whether a segment still has its name.
    NameNotChecked,
    /// A sync that ended well is believed whatever became of its file system.
    SyncNotConfirmed,
    /// Nothing is synced unless a caller waits for it.
    IntervalForgotten,
    /// A sync that failed is tried again, and believed.
    SyncTriedAgain,
    /// A failed sync leaves no `.poisoned` file.
    PoisonNotMarked,
    /// The waiter of a sync that panics is not woken.
    PanicWakesNobody,
    /// A poisoned run goes on taking records.
    PoisonIgnored,
    /// A write that failed half-way counts as done.
    HalfFrameTaken,
    /// After a write that failed half-way the next record goes to the same place.
    HalfFrameLeft,
    /// Room is given out where another thread is writing.
    HeldEndTaken,
    /// Records that are written together all get the number of the first of them.
    NumberOfAnother,
    /// Records that could not be written together count as written.
    GroupBelieved,
    /// What was written of them stays where it is.
    GroupLeftBehind,
    /// Zeros go where they could not be stored, and others may store.
    FreeEndZeroed,
    /// Zeros that make pages go over what may have been stored there.
    ZerosOverStored,
    /// A segment that was made ahead and never used stays.
    NextSegmentKept,
    /// Zeros may still be written behind the end at which a segment was cut.
    ZerosBehindCut,
    /// An appender that writes by position does not say so before others write zeros.
    RoomNotClaimed,
    /// A note of refused records is forgotten if it could not be written.
    RefusedForgotten,
    /// Refused records are noted before the next one that is written, and nowhere else.
    RefusedNotNoted,
    /// No reader of the journal is told of refused records.
    RefusedNotShown,
    /// No room is kept for the end of a segment.
    SealRoomNotKept,
    /// A seal's last number is one too low.
    SealMiscounts,
    /// A session counts as declared before its declaration is written.
    DeclaredTooEarly,
    /// An index is taken to stand for one session in the whole run.
    IndexOfRun,
    /// Records of two sessions that had an index one after the other are one row of a merged cache.
    ReusedIndexMerged,
    /// A session that ended stays in memory.
    EndedSessionKept,
    /// A session is declared in the first segment of a run only.
    DeclaredOnce,
    /// A segment without a seal is cut at its end.
    CutWithoutSeal,
    /// A sync waits for the thread that has the log writer.
    SyncWaitsForLane,
    /// An append waits for the sync that is going on.
    AppendWaitsForSync,
    /// Files can be read by everybody.
    FilesForEverybody,
    /// A new run has the generation of the newest one there is.
    GenerationReused,
    /// A new run does not say which others were alive.
    LiveRunsNotListed,
    /// A run whose lock is held counts as dead.
    LiveRunTakenForDead,
    /// A run whose lock a forked process holds counts as alive.
    OrphanTakenForLive,
    /// The process that recovers a run holds the run's own lock.
    ClaimLooksLive,
    /// It is not noticed that the file that shows a run to be alive is gone.
    SweptRunFileUnnoticed,
    /// Locks are believed on file systems that others mount.
    RemoteLockBelieved,
    /// What runs recovered is not looked at before a run is recovered.
    RecoveredTwice,
    /// A process with the lock of a dead run recovers it, also after another one did.
    ClaimedTwice,
    /// A dead run is put on record before what it left is synced.
    DeadRunNotSynced,
    /// What a dead run left in the page cache is believed, not read back from the disk.
    PoisonedCacheBelieved,
    /// What is read back of a dead run begins behind what is proved durable.
    ProofNotReached,
    /// The directory is listed for each run that is recovered.
    ListingPerRun,
    /// A segment of a dead run is synced as often as it is looked at.
    DeadRunSyncedTwice,
    /// Each run that is alive is looked at more than once by an opening.
    LiveRunLookedAtTwice,
    /// What is behind a hole in a segment is not looked for.
    HoleTakenForEnd,
    /// Recovery removes segments without records.
    EmptySegmentRemoved,
    /// Frames that were read ahead count as intact, whatever their checksums.
    ReadAheadBelieved,
    /// A frame's checksum is not compared.
    ChecksumNotCompared,
    /// A frame's checksum does not cover the place of the frame.
    OffsetNotCovered,
    /// Reading a segment ends at the first bad frame.
    SearchGivenUp,
    /// What lies behind a damaged place is searched for as long as four file lengths of claims.
    SearchLeftOff,
    /// Of frames that contradict each other the first ones are believed.
    FirstIslandBelieved,
    /// Frames are looked for inside of a frame whose header tells where it ends.
    HopLookedInside,
    /// A `RunRecovered` counts wherever it is found.
    RecoveredAnywhere,
    /// Nothing is said of what is missing between two frames.
    GapNotTold,
    /// A missing segment is passed over.
    MissingSegmentPassedOver,
    /// A witness is believed about records behind itself.
    WitnessOfTheFuture,
    /// Segments of a newer version are passed over, and their run is judged and claimed without.
    NewerRunClaimed,
    /// A bit of a feature without which a segment cannot be read is passed over.
    FeatureIgnored,
    /// A run is claimed though it has features for which it is left alone.
    HandsOffClaimed,
    /// A symbolic link with the name of a segment is passed over.
    SymlinkPassedOver,
    /// What may not be read counts as damaged.
    UnreadableTakenForDamage,
    /// What caches say of segments that are gone or were cut counts for nothing.
    LostEndNotSeen,
    /// What a lost segment held is missed from one that was made ahead of its use.
    MadeAheadMissed,
    /// What a killed process left unfinished counts as if power had failed.
    KillTakenForPowerLoss,
    /// What other files of a segment hold is not read where this one is damaged.
    OtherCopiesIgnored,
    /// The last durable record does not count as durable.
    LastDurableForgotten,
    /// Retention explains damaged bytes.
    BytesRetired,
    /// What retention removed does not count as removed.
    RetiredMissed,
    /// Searching for frames may cost far more work than a file is long.
    SearchesTooLong,
    /// A cache is believed whatever became of its segment.
    CacheNotBound,
    /// A cache of a segment without a seal is believed though nothing says that its run is over.
    UnnamedEndBelieved,
    /// `verify` puts every session's snapshot together to count it.
    EverySessionFolded,
    /// What a cache told counts as read.
    BelievedNotSaid,
    /// A report does not say whose records may be lost.
    SessionHitNotNamed,
    /// A merged cache counts a span twice that one segment finishes and another one tells of.
    MergedSpansTwice,
    /// Runs are put in order by the clock.
    RunsByClock,
    /// Work after the end of a session takes it up again.
    EndReopened,
    /// A record refers to values in a segment that was left.
    SaidElsewhere,
    /// Values with the same samples count as the same.
    SaidNotCompared,
    /// A value that another session said counts as said.
    SaidByAnother,
    /// A line does not tell when it came.
    LineTimeForgotten,
    /// The last lines of a session are not kept.
    LinesNotKept,
    /// A span that was open in a crash does not say so.
    InterruptionNotTold,
    /// The journal's own threads take signals that are meant for the program.
    SignalsLeftOpen,
    /// Files are made and written whatever the limit on their size.
    FileSizeLimitIgnored,
    /// A segment that cannot be mapped is not made at all.
    MapFailureEndsRun,
    /// A live segment that another program has cut counts as whole.
    CutNotNoticed,
    /// What a failed opening made stays.
    FailedOpeningLeft,
    /// A segment that could not be made is tried again for every record.
    FailuresWithoutPause,
    /// A sync interval without end ends the syncer.
    IntervalOverflows,
    /// Wakers are called by the thread that ran the sync, and may panic there.
    WakerInsideLock,
    /// Closing one opening closes the run for all that share it.
    CloseIsForAll,
    /// A session that has ended is ended once more with its journal.
    EndedTwice,
    /// A span that was detached is ended by dropping it.
    DetachedEndsByDrop,
    /// Spans that a dying program drops read as dropped.
    DropsAlwaysTold,
    /// What was synced in a file system in memory is called durable.
    TmpfsCalledDurable,
}

/// The wrong value in a library that has this bug, else the right one.
pub(crate) fn either<T>(bug: Bug, wrong: T, right: T) -> T {
    if has(bug) { wrong } else { right }
}

/// Whether the library has this bug.
#[cfg(not(seeded_bugs))]
pub(crate) const fn has(_: Bug) -> bool {
    false
}

/// Whether the library has this bug.
#[cfg(seeded_bugs)]
pub(crate) fn has(bug: Bug) -> bool {
    use std::sync::OnceLock;

    static CHOSEN: OnceLock<Option<Bug>> = OnceLock::new();
    let choose = || {
        let chosen = std::env::var("JOURNAL_SEEDED_BUG").ok()?;
        let known = NAMES.iter().find(|(name, _)| *name == chosen);
        Some(
            known
                .expect("JOURNAL_SEEDED_BUG names a bug that there is")
                .1,
        )
    };
    *CHOSEN.get_or_init(choose) == Some(bug)
}
