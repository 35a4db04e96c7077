//! Numbers for file systems that the system tells by name.

use super::FileSystem;
use super::facts::REMOTE_MARK;

/// The number that stands for a file system of this name where statfs(2) gives numbers; one that
/// others mount, too, has another.
pub(super) fn number_of_name(name: &str, is_remote: bool) -> u64 {
    let start = name.bytes().take(NAME_LEN).rev();
    let number = start.fold(0, |number: u64, byte| {
        number << 8 | u64::from(byte.to_ascii_lowercase())
    });
    let mark = if is_remote { REMOTE_MARK } else { 0 };
    number | NAMED_MARK | mark
}

/// Which file system a number made of a name stands for.
pub(super) fn of_number(number: u64) -> FileSystem {
    let known = [
        ("apfs", FileSystem::Apfs),
        ("hfs", FileSystem::Hfs),
        ("ntfs", FileSystem::Ntfs),
        ("refs", FileSystem::Refs),
    ];
    let mut known = known.into_iter();
    let found = known.find(|(name, _)| number_of_name(name, false) == number);
    found.map_or(FileSystem::Other, |(_, file_system)| file_system)
}

/// Bytes of a name that count: the others have no room.
const NAME_LEN: usize = 7;

/// Tells such a number from those of statfs(2), which are smaller.
const NAMED_MARK: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_by_its_number_and_a_remote_one_is_none_of_the_known() {
        assert_eq!(of_number(number_of_name("NTFS", false)), FileSystem::Ntfs);
        assert_eq!(of_number(number_of_name("apfs", false)), FileSystem::Apfs);
        assert_eq!(of_number(number_of_name("NTFS", true)), FileSystem::Other);
        assert_eq!(of_number(number_of_name("exfat", false)), FileSystem::Other);
        let names = ["smbfs", "exfat", "msdos", "", "a name with many letters"];
        for name in names {
            assert!(FileSystem::is_remote(number_of_name(name, true)));
            assert!(!FileSystem::is_remote(number_of_name(name, false)));
            assert!(!FileSystem::is_memory(number_of_name(name, false)));
        }
        assert_ne!(number_of_name("hfs", false), number_of_name("hf", false));
    }
}
