//! Who and where this process is, as far as the system tells.

use super::ProcessFacts;

/// Who this process is; what cannot be found out is left empty.
pub(super) fn facts() -> ProcessFacts {
    ProcessFacts {
        pid: std::process::id(),
        started: started().unwrap_or(0),
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        boot_id: std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|id| id.trim().to_owned())
            .unwrap_or_default(),
    }
}

/// Nanoseconds since boot, sleep included.
pub(super) fn boot_nanoseconds() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// Eight bytes from the system's random source.
pub(super) fn random() -> Option<u64> {
    use std::io::Read;
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")
        .ok()?
        .read_exact(&mut bytes)
        .ok()?;
    Some(u64::from_le_bytes(bytes))
}

/// When the process started, in clock ticks since boot: field 22 of
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
fn started() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
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
        assert_ne!(random(), random());
    }
}
