//! What another program does to the journal's directory and files, and what may be said then.

use trace_journal::RunId;

use super::crash::{Explorer, lock};
use super::ops::Meddling;
use super::steps::Workload;
use crate::simdisk::SimDisk;

impl Workload<'_> {
    pub(super) fn meddle(&mut self, which: usize, what: Meddling) {
        let Some(program) = self.programs.get(which) else {
            return;
        };
        let (disk, run) = (program.disk.clone(), program.run);
        match what {
            Meddling::Replace => self.go_elsewhere(),
            Meddling::Remove => {
                disk.remove_directory();
                self.explorer.promise(|oracle| {
                    let its = oracle.runs.values_mut();
                    let its = its.filter(|truth| truth.folder == disk.folder());
                    its.for_each(|truth| truth.is_meddled = true);
                });
                if disk.folder() == self.disk.folder() {
                    self.go_elsewhere();
                }
            }
            Meddling::Segment(deed, number) => {
                let mut names = disk.segments_of(run).into_iter().rev().cycle();
                if let Some(name) = names.nth(number) {
                    disk.meddle(&name, deed);
                    self.explorer.promise(|oracle| {
                        let truth = oracle.runs.entry(run).or_default();
                        truth.is_meddled = true;
                    });
                }
            }
        }
    }

    /// From now on the journal's path leads to another directory.
    fn go_elsewhere(&mut self) {
        self.disk = self.disk.replace_directory();
        self.watch();
    }
}

impl Explorer {
    /// Checks an answer just given, that records of a run are durable: they can be found in the
    /// directory that the run was begun in.
    pub(super) fn check_there(&self, disk: &SimDisk, run: RunId) -> Result<(), String> {
        let plain = lock(&self.scans).plain(disk.segments());
        let oracle = self.oracle();
        let truth = oracle.runs.get(&run);
        truth.map_or(Ok(()), |truth| truth.is_in_directory(run, &plain))
    }
}
