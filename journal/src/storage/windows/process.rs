//! Which and where this process is, as far as Windows tells.
#![expect(unsafe_code, reason = "the system's calls for this are in C only")]

use std::ffi::c_void;
use std::io;
use std::mem::size_of;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows_sys::Wdk::System::SystemInformation::{
    NtQuerySystemInformation, SystemTimeOfDayInformation,
};
use windows_sys::Win32::Foundation::{ERROR_INVALID_PARAMETER, FILETIME, WAIT_OBJECT_0};
use windows_sys::Win32::System::SystemInformation::{
    ComputerNamePhysicalDnsHostname, GetComputerNameExW, GetTickCount64,
};
use windows_sys::Win32::System::Threading::{
    GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
    WaitForSingleObject,
};

use super::retried::is_any;
use crate::format::Owner;
use crate::storage::{ProcessFacts, ProcessState};

/// What tells this process from others; what cannot be found out is left empty.
pub(crate) fn facts() -> ProcessFacts {
    let pid = std::process::id();
    let own = open(pid).and_then(|process| started(&process));
    ProcessFacts {
        pid,
        started: own.unwrap_or(0),
        host: host().unwrap_or_default(),
        boot_id: boot_time().map_or_else(String::new, |time| format!("{time:016x}")),
        // There is one for all.
        pid_namespace: 1,
    }
}

/// What became of a process of this boot.
pub(crate) fn state(owner: &Owner) -> ProcessState {
    let process = match open(owner.pid) {
        Ok(process) => process,
        Err(error) if is_any(&error, &[ERROR_INVALID_PARAMETER]) => return ProcessState::Gone,
        Err(_) => return ProcessState::Unknown,
    };
    // One that has ended is there for as long as another one has it open.
    if has_ended(&process) {
        return ProcessState::Gone;
    }
    match started(&process) {
        Ok(started) if owner.started != 0 && started != owner.started => ProcessState::Gone,
        Ok(_) => ProcessState::Running,
        Err(_) => ProcessState::Unknown,
    }
}

/// Nanoseconds since boot, sleep included, in steps of some milliseconds:
/// <https://learn.microsoft.com/windows/win32/api/sysinfoapi/nf-sysinfoapi-gettickcount64>.
pub(crate) fn boot_nanoseconds() -> u64 {
    // SAFETY: it takes nothing and gives a number.
    unsafe { GetTickCount64() }.saturating_mul(1_000_000)
}

/// <https://learn.microsoft.com/windows/win32/procthread/process-security-and-access-rights>.
fn open(pid: u32) -> io::Result<OwnedHandle> {
    let access = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
    // SAFETY: it takes numbers; the handle it gives is ours to close.
    unsafe {
        let handle = OpenProcess(access, 0, pid);
        match handle.is_null() {
            true => Err(io::Error::last_os_error()),
            false => Ok(OwnedHandle::from_raw_handle(handle)),
        }
    }
}

fn has_ended(process: &OwnedHandle) -> bool {
    // SAFETY: the handle is open for as long as it is borrowed.
    unsafe { WaitForSingleObject(process.as_raw_handle(), 0) == WAIT_OBJECT_0 }
}

/// When a process started, in steps of 100 nanoseconds since 1601.
fn started(process: &OwnedHandle) -> io::Result<u64> {
    let mut times = [FILETIME::default(); 4];
    let [created, exited, kernel, user] = &mut times;
    // SAFETY: the handle is open for as long as it is borrowed; the places are ours.
    let told = unsafe { GetProcessTimes(process.as_raw_handle(), created, exited, kernel, user) };
    match told {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime)),
    }
}

/// When the machine started, as its clock said it then, in steps of 100 nanoseconds: no two boots
/// have the same. It changes with the clock, and what it was changed by stands beside it:
/// <https://ntdoc.m417z.com/system_timeofday_information>.
fn boot_time() -> Option<i64> {
    // Boot time, current time, offset and number of the time zone, then by what the boot time was
    // changed, then something about sleep.
    let mut times = [0_i64; 6];
    let size = u32::try_from(size_of::<[i64; 6]>()).ok()?;
    let place: *mut c_void = times.as_mut_ptr().cast();
    let mut len = 0;
    // SAFETY: the place is ours and as long as it is said to be.
    let status =
        unsafe { NtQuerySystemInformation(SystemTimeOfDayInformation, place, size, &raw mut len) };
    let [boot, _, _, _, changed_by, _] = times;
    (status == 0 && boot != 0).then(|| boot.wrapping_sub(changed_by))
}

fn host() -> Option<String> {
    let mut name = [0_u16; 256];
    let mut len = u32::try_from(name.len()).ok()?;
    // SAFETY: the place is ours and as long as it is said to be.
    let told = unsafe {
        GetComputerNameExW(
            ComputerNamePhysicalDnsHostname,
            name.as_mut_ptr(),
            &raw mut len,
        )
    };
    let len = usize::try_from(len).ok()?;
    (told != 0).then(|| String::from_utf16_lossy(name.get(..len).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_knows_itself() {
        let facts = super::facts();
        assert!(facts.started > 0 && !facts.boot_id.is_empty() && !facts.host.is_empty());
        assert_eq!(facts, super::facts());
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
        assert_eq!(state(&owner(u32::MAX - 3, 1)), ProcessState::Gone);
    }

    #[test]
    fn a_process_that_has_ended_is_gone_while_another_one_has_it_open() {
        let mut child = std::process::Command::new("cmd")
            .args(["/c", "exit"])
            .spawn()
            .unwrap();
        let process = open(child.id()).unwrap();
        let its = Owner {
            pid: child.id(),
            started: started(&process).unwrap(),
            ..Owner::default()
        };
        child.wait().unwrap();
        assert_eq!(state(&its), ProcessState::Gone);
    }
}
