//! Which and where this process is, as far as the system tells.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::format::Owner;
use crate::storage::{ProcessFacts, ProcessState};

/// What tells this process from others; what cannot be found out is left empty.
pub(crate) fn facts() -> ProcessFacts {
    ProcessFacts {
        pid: std::process::id(),
        started: started(std::process::id()).unwrap_or(0),
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        boot_id: std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|id| id.trim().to_owned())
            .unwrap_or_default(),
        pid_namespace: pid_namespace().unwrap_or(0),
    }
}

/// What became of a process of this boot and pid namespace.
pub(crate) fn state(owner: &Owner) -> ProcessState {
    let pid = i32::try_from(owner.pid).ok().and_then(Pid::from_raw);
    let Some(pid) = pid else {
        return ProcessState::Unknown;
    };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return ProcessState::Gone,
        // It has ended, but its parent has not taken note of it yet.
        Ok(process) if has_ended(&process) => return ProcessState::Gone,
        Ok(_) => {}
        Err(_) if started(owner.pid).is_none() => return ProcessState::Unknown,
        Err(_) => {}
    }
    match started(owner.pid) {
        Some(started) if owner.started != 0 && started != owner.started => ProcessState::Gone,
        _ => ProcessState::Running,
    }
}

/// Whether it has: <https://man7.org/linux/man-pages/man2/pidfd_open.2.html>.
fn has_ended(process: &std::os::fd::OwnedFd) -> bool {
    let mut asked = [PollFd::new(process, PollFlags::IN)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut asked, Some(&at_once)).is_ok_and(|count| count > 0)
}

/// Two processes have the same numbers of processes if this is the same for both:
/// <https://man7.org/linux/man-pages/man7/namespaces.7.html>.
fn pid_namespace() -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(std::fs::metadata("/proc/self/ns/pid").ok()?.ino())
}

/// Nanoseconds since boot, sleep included.
pub(crate) fn boot_nanoseconds() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// When a process started, in clock ticks since boot: field 22 of
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name is in parentheses and may itself hold spaces and parentheses.
    let (_, after_name) = stat.rsplit_once(") ")?;
    after_name.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_knows_itself() {
        let facts = facts();
        assert_eq!(facts.pid, std::process::id());
        assert!(facts.started > 0 && !facts.boot_id.is_empty());
        assert!(boot_nanoseconds() > 0);
        assert!(facts.pid_namespace > 0);
    }

    fn owner(pid: u32, started: u64) -> Owner {
        Owner {
            pid,
            started,
            ..Owner::default()
        }
    }

    #[test]
    fn a_process_is_there_until_it_ends() {
        let own = facts();
        assert_eq!(state(&owner(own.pid, own.started)), ProcessState::Running);
        assert_eq!(state(&owner(own.pid, own.started + 1)), ProcessState::Gone);
        assert_eq!(state(&owner(0, 1)), ProcessState::Unknown);
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let its = owner(child.id(), started(child.id()).unwrap_or(0));
        // Its end is not taken note of before it is waited for.
        let process = Pid::from_child(&child);
        rustix::process::waitid(
            rustix::process::WaitId::Pid(process),
            rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT,
        )
        .unwrap();
        assert_eq!(state(&its), ProcessState::Gone);
        child.wait().unwrap();
        assert_eq!(state(&its), ProcessState::Gone);
    }
}
