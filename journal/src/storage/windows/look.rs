//! What Windows says of files that the standard library does not hand on.
#![expect(unsafe_code, reason = "the system's calls for this are in C only")]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::mem::size_of;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::AsRawHandle;
use std::path::Path;

use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_ID_INFO, FILE_INFO_BY_HANDLE_CLASS, FILE_REMOTE_PROTOCOL_INFO,
    FILE_STANDARD_INFO, FileIdInfo, FileRemoteProtocolInfo, FileStandardInfo,
    GetFileInformationByHandle, GetFileInformationByHandleEx, GetVolumeInformationByHandleW,
    MoveFileExW,
};

use crate::hash::GOLDEN;
use crate::storage::{FileIdentity, named};

/// Which file it is:
/// <https://learn.microsoft.com/windows/win32/api/winbase/ns-winbase-file_id_info>. Where
/// nothing is said of the volume, it is that of the directory.
pub(super) fn identity(file: &File, volume: u64) -> io::Result<FileIdentity> {
    let mut facts = FILE_ID_INFO::default();
    ask(file, FileIdInfo, &mut facts).or_else(|_| ask_old(file, &mut facts))?;
    let told = facts.VolumeSerialNumber;
    Ok(FileIdentity {
        device: if told == 0 { volume } else { told },
        inode: folded(facts.FileId.Identifier),
    })
}

/// The volume of a directory; 0 if that is not said.
pub(super) fn volume(dir: &File) -> u64 {
    identity(dir, 0).map_or(0, |found| found.device)
}

/// As older file systems answer:
/// <https://learn.microsoft.com/windows/win32/api/fileapi/ns-fileapi-by_handle_file_information>.
fn ask_old(file: &File, facts: &mut FILE_ID_INFO) -> io::Result<()> {
    let mut old = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open for as long as `file` is borrowed; the place is ours.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut old) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let number = u128::from(old.nFileIndexHigh) << 32 | u128::from(old.nFileIndexLow);
    facts.FileId.Identifier = number.to_le_bytes();
    facts.VolumeSerialNumber = old.dwVolumeSerialNumber.into();
    Ok(())
}

/// The number of a file as one of eight bytes; on NTFS nothing is in the upper half.
fn folded(number: [u8; 16]) -> u64 {
    let number = u128::from_le_bytes(number);
    let half = |number: u128| u64::try_from(number & u128::from(u64::MAX)).unwrap_or(0);
    half(number) ^ half(number >> 64).wrapping_mul(GOLDEN)
}

/// Whether the file has a name and is not about to lose its last one.
pub(super) fn is_linked(file: &File) -> io::Result<bool> {
    let mut facts = FILE_STANDARD_INFO::default();
    ask(file, FileStandardInfo, &mut facts)?;
    Ok(facts.NumberOfLinks > 0 && !facts.DeletePending)
}

/// The number that stands for the file system's name; 0 if the system does not say.
pub(super) fn file_system_type(file: &File) -> u64 {
    let mut name = [0_u16; 32];
    let len = u32::try_from(name.len()).unwrap_or(0);
    let none = std::ptr::null_mut::<u32>();
    // SAFETY: the handle is open for as long as `file` is borrowed; the place for the name is ours
    // and as long as it is said to be, and nothing else is asked for.
    let told = unsafe {
        GetVolumeInformationByHandleW(
            file.as_raw_handle(),
            std::ptr::null_mut(),
            0,
            none,
            none,
            none,
            name.as_mut_ptr(),
            len,
        )
    };
    if told == 0 {
        return 0;
    }
    let end = name.iter().position(|unit| *unit == 0);
    let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
    named::number_of_name(&String::from_utf16_lossy(name), is_remote(file))
}

/// Whether the file is another machine's: only then is there something to say of how it is reached,
/// <https://learn.microsoft.com/windows/win32/api/winbase/ns-winbase-file_remote_protocol_info>.
fn is_remote(file: &File) -> bool {
    let mut facts = FILE_REMOTE_PROTOCOL_INFO::default();
    ask(file, FileRemoteProtocolInfo, &mut facts).is_ok()
}

/// Gives a file another name; fails if that is taken:
/// <https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-movefileexw>.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let wide = |path: &Path| -> Vec<u16> { path.as_os_str().encode_wide().chain([0]).collect() };
    let (from, to) = (wide(from), wide(to));
    // SAFETY: both texts end with a zero and live until the call is over.
    match unsafe { MoveFileExW(from.as_ptr(), to.as_ptr(), 0) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Asks for the facts of one class, whose type must be that class's.
fn ask<T: Facts>(file: &File, class: FILE_INFO_BY_HANDLE_CLASS, facts: &mut T) -> io::Result<()> {
    let size = u32::try_from(size_of::<T>()).map_err(io::Error::other)?;
    let place: *mut c_void = std::ptr::from_mut(facts).cast();
    // SAFETY: the handle is open for as long as `file` is borrowed; the place is ours and as long
    // as it is said to be, and any bytes are a value of its type.
    match unsafe { GetFileInformationByHandleEx(file.as_raw_handle(), class, place, size) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Facts that are numbers, which any bytes are, or truth values, which the system writes as such.
trait Facts {}

impl Facts for FILE_ID_INFO {}
impl Facts for FILE_STANDARD_INFO {}
impl Facts for FILE_REMOTE_PROTOCOL_INFO {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_a_files_number_count() {
        let mut number = [0; 16];
        number[0] = 7;
        assert_eq!(folded(number), 7);
        number[8] = 1;
        assert_eq!(folded(number), 7 ^ GOLDEN);
    }

    #[test]
    fn the_file_system_of_a_file_has_a_name() {
        let file = tempfile::tempfile().unwrap();
        assert_ne!(file_system_type(&file), 0);
        assert!(!is_remote(&file));
    }
}
