//! Which and where this process is, as far as macOS tells.
#![expect(unsafe_code, reason = "the system's calls for this are in C only")]

use std::ffi::{CStr, c_void};
use std::mem::size_of;

use crate::format::Owner;
use crate::storage::{ProcessFacts, ProcessState};

/// What tells this process from others; what cannot be found out is left empty.
pub(crate) fn facts() -> ProcessFacts {
    let pid = std::process::id();
    ProcessFacts {
        pid,
        started: started(pid).unwrap_or(0),
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        boot_id: boot_id().unwrap_or_default(),
        // There is one for all.
        pid_namespace: 1,
    }
}

/// What became of a process of this boot.
pub(crate) fn state(owner: &Owner) -> ProcessState {
    match started(owner.pid) {
        Ok(started) if owner.started != 0 && started != owner.started => ProcessState::Gone,
        Ok(_) => ProcessState::Running,
        // There is none, or it has ended and its parent has not taken note of it yet.
        Err(Some(libc::ESRCH)) => ProcessState::Gone,
        Err(_) => ProcessState::Unknown,
    }
}

/// Nanoseconds since boot, sleep included, as this clock counts on macOS:
/// <https://github.com/apple-oss-distributions/Libc/blob/main/gen/clock_gettime.3>.
pub(crate) fn boot_nanoseconds() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// When a process started, in microseconds since 1970; else the error number, if there is one.
fn started(pid: u32) -> Result<u64, Option<i32>> {
    let pid = i32::try_from(pid).map_err(|_| None)?;
    // SAFETY: all of it are numbers and arrays of them, for which zeros are values.
    let mut facts: libc::proc_bsdinfo = unsafe { std::mem::zeroed() };
    let size = i32::try_from(size_of::<libc::proc_bsdinfo>()).map_err(|_| None)?;
    let place: *mut c_void = std::ptr::from_mut(&mut facts).cast();
    // SAFETY: the place is ours and as long as it is said to be.
    let len = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, place, size) };
    if len != size {
        return Err(std::io::Error::last_os_error().raw_os_error());
    }
    let seconds = facts.pbi_start_tvsec.saturating_mul(1_000_000);
    Ok(seconds.saturating_add(facts.pbi_start_tvusec))
}

/// A text that is another one in every boot.
fn boot_id() -> Option<String> {
    let mut text = [0_u8; 64];
    let mut len = text.len();
    let name: &CStr = c"kern.bootsessionuuid";
    // SAFETY: the name ends with a zero; the place is ours and as long as it is said to be.
    let result = unsafe {
        let place: *mut c_void = text.as_mut_ptr().cast();
        libc::sysctlbyname(name.as_ptr(), place, &raw mut len, std::ptr::null_mut(), 0)
    };
    let text = text.get(..len).filter(|_| result == 0)?;
    let text = CStr::from_bytes_until_nul(text).ok()?;
    Some(text.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_knows_itself() {
        let facts = facts();
        assert!(facts.started > 0 && !facts.boot_id.is_empty());
        assert!(boot_nanoseconds() > 0);
        let owner = |pid, started| Owner {
            pid,
            started,
            ..Owner::default()
        };
        let own = owner(facts.pid, facts.started);
        assert_eq!(state(&own), ProcessState::Running);
        let other = owner(facts.pid, facts.started + 1);
        assert_eq!(state(&other), ProcessState::Gone);
    }
}
