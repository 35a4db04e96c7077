//! What comes after a crash: files rot, and the journal is opened again, which may crash too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::crash::{Explorer, Found, lock, open};
use super::repro::Way;
use crate::oracle::{End, Held, Oracle, check_after_rot, given};
use crate::random::Random;
use crate::reference_reader::ReferenceJournal;
use crate::simdisk::{Process, SimDisk, Style};

impl Explorer {
    /// Lets files rot that a crash has left, and checks what is made of them, twice.
    pub(super) fn rot(&self, oracle: &Oracle, mut found: Found) -> Result<(), String> {
        if found.disk.has_failed_sync() || oracle.is_meddled() {
            return Ok(());
        }
        let shown = self.shown(&found.disk, found.disk.key())?;
        oracle.check(&shown, found.end)?;
        let held = Held::of(shown.plain.clone(), &found.disk);
        let (disk, done) = found.disk.with_rot(&mut found.random);
        let with_cause = |wrong| format!("{wrong}; {}", done.join("; "));
        let first = check_after_rot(&held, &disk).map_err(with_cause)?;
        let mut stats = lock(&self.stats);
        let count = stats.of(Way::Rot);
        count.states += 1;
        count.distinct += 1;
        count.damage += u64::from(first.is_damaged);
        drop(stats);
        self.trace_in(u64::try_from(first.given.len()).unwrap_or(0));
        if !found.random.once_in(ROT_RECOVER_ONCE_IN) {
            return Ok(());
        }
        lock(&self.stats).of(Way::Rot).recoveries += 1;
        let before = disk.images();
        let process = Process::start(&disk);
        let journal = open(&process, self.plan.mode).map_err(with_cause)?;
        let run = journal.info().run.map(|run| run.run);
        process.kill();
        drop(journal);
        let after = disk.images();
        for (name, image) in before.iter().filter(|(name, _)| name.ends_with(".seg")) {
            if after.get(name).map(|image| image.bytes()) != Some(image.bytes()) {
                return Err(with_cause(format!("recovery changed {name}")));
            }
        }
        let mut second = given(&disk).map_err(with_cause)?;
        second.retain(|(of, ..)| Some(*of) != run);
        match second == first.given {
            true => Ok(()),
            false => Err(with_cause(
                "recovered once more, it is something else".into(),
            )),
        }
    }

    /// Opens the journal that was found, crashes during that, and after it.
    pub(super) fn recover(
        self: &Arc<Explorer>,
        oracle: &Oracle,
        found: Found,
        before: &ReferenceJournal,
    ) -> Result<(), String> {
        let Found {
            disk,
            end,
            way,
            mut random,
        } = found;
        lock(&self.stats).of(way).recoveries += 1;
        // After a failed sync what is cached may not be on the disk: what was read before a
        // recovery may be gone after it, and what it reports is what it leaves.
        let may_shrink = disk.has_failed_sync();
        self.watch_recovery(oracle, &disk, end, Random::new(random.draw()))?;
        let whole = lock(&self.scans).plain(disk.segments());
        let reported = match may_shrink {
            true => &whole,
            false => before,
        };
        let mut settled = oracle.clone();
        settled.settle(reported);
        let lost = disk.after_power_loss(Random::new(random.draw()), Style::Nothing);
        lock(&self.stats).of(Way::Again).states += 1;
        let after = self.shown(&lost, lost.key())?;
        settled
            .check(&after, End::PowerLoss)
            .map_err(|wrong| format!("after a recovery: {wrong}"))?;
        let none = BTreeMap::new();
        for run in before.runs.keys() {
            let records = reported.runs.get(run).unwrap_or(&none);
            if after.plain.runs.get(run).unwrap_or(&none) != records {
                return Err(format!("{run}: what a recovery reported is not durable"));
            }
            if whole.runs.get(run).unwrap_or(&none) != records {
                return Err(format!("{run}: recovery changed what was there"));
            }
        }
        Ok(())
    }

    /// Runs one recovery, with crashes on the way: a second one loses nothing the first one left.
    fn watch_recovery(
        self: &Arc<Explorer>,
        oracle: &Oracle,
        disk: &SimDisk,
        end: End,
        random: Random,
    ) -> Result<(), String> {
        let (explorer, oracle) = (Arc::clone(self), oracle.clone());
        let promised = oracle.key();
        let state = Mutex::new((random, None, None));
        let state = Arc::new(state);
        let watched = Arc::clone(&state);
        let watcher = move |disk: &SimDisk| {
            let mut state = lock(&watched);
            let (random, last, wrong) = &mut *state;
            let version = disk.version();
            let is_old = last.replace(version) == Some(version);
            if is_old || wrong.is_some() || !random.once_in(explorer.limits.again_once_in) {
                return;
            }
            let again = Way::Again;
            let lost = disk.after_power_loss(Random::new(random.draw()), Style::Torn);
            let of_lost = explorer.check(&oracle, promised, &lost, (End::PowerLoss, again));
            let killed = disk.after_kill(Random::new(random.draw()));
            let of_killed = explorer.check(&oracle, promised, &killed, (end, again));
            if let Err(error) = of_lost.and(of_killed) {
                *wrong = Some(format!("crash during recovery: {error}"));
            }
        };
        let process = Process::start(&disk.watched(Arc::new(watcher)));
        let journal = open(&process, self.plan.mode)?;
        process.kill();
        drop(journal);
        let wrong: Option<String> = lock(&state).2.take();
        wrong.map_or(Ok(()), Err)
    }
}

/// How often a journal whose files rotted is also opened for writing.
const ROT_RECOVER_ONCE_IN: u64 = 8;
