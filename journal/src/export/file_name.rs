//! File names for session ids, which are data: any id gets a plain name, and no two the same.

use std::collections::{HashMap, HashSet};

use crate::hash::fnv_1a_128;

/// The name of the file that holds a session's snapshot: `<encoded id>.json`.
///
/// Everything but ASCII letters, digits, `_` and `-` is written as `%XX` per byte; a name that
/// Windows keeps for a device has its first letter written so; what is over 200 bytes long keeps
/// 160 of them and a hash. The empty id is the session `unknown`. Where letter case does not tell
/// files apart, [`file_names`] does.
#[must_use]
pub fn file_name(session: &str) -> String {
    encoded(session) + EXTENSION
}

/// The names of the files that hold these sessions' snapshots, in the same order.
///
/// As [`file_name`], but ids that are equal in lower case get a hash each, so that their files stay
/// apart where letter case does not count. An id given twice gets the same name twice.
#[must_use]
pub fn file_names<S: AsRef<str>>(sessions: &[S]) -> Vec<String> {
    let ids: HashSet<&str> = sessions.iter().map(|id| named(id.as_ref())).collect();
    let mut spellings: HashMap<String, u32> = HashMap::new();
    for id in &ids {
        *spellings.entry(id.to_ascii_lowercase()).or_default() += 1;
    }
    let name = |id: &S| {
        let id = named(id.as_ref());
        let is_alone = spellings.get(&id.to_ascii_lowercase()) == Some(&1);
        let hash = if is_alone {
            String::new()
        } else {
            hash_suffix(id)
        };
        encoded(id) + &hash + EXTENSION
    };
    sessions.iter().map(name).collect()
}

fn named(id: &str) -> &str {
    match id {
        "" => "unknown",
        id => id,
    }
}

fn encoded(id: &str) -> String {
    let id = named(id);
    let mut name = String::with_capacity(id.len());
    for (place, byte) in id.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if is_plain && !(place == 0 && is_device(id)) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.len() > NAME_LEN_MAX {
        name.truncate(KEPT_LEN);
        name.push_str(&hash_suffix(id));
    }
    name
}

/// Names that Windows gives to devices, whatever their extension:
/// <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>
fn is_device(id: &str) -> bool {
    let id = id.to_ascii_uppercase();
    let is_port = |name: &str| matches!(name.as_bytes(), [b'1'..=b'9']);
    let ports = ["COM", "LPT"]
        .into_iter()
        .filter_map(|port| id.strip_prefix(port));
    ["CON", "PRN", "AUX", "NUL"].contains(&id.as_str()) || ports.into_iter().any(is_port)
}

/// `%~` begins no encoded byte, so no id without a hash has a name like that.
fn hash_suffix(id: &str) -> String {
    let hash = fnv_1a_128(id.as_bytes());
    format!("%~{:016x}", (hash >> 64) ^ (hash & u128::from(u64::MAX)))
}

const EXTENSION: &str = ".json";
/// The longest name that is kept whole, without the extension.
const NAME_LEN_MAX: usize = 200;
/// How much of a longer one is kept.
const KEPT_LEN: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_ids_are_kept_and_others_encoded() {
        for (id, name) in [
            ("ses_1-A", "ses_1-A.json"),
            ("", "unknown.json"),
            ("a/b", "a%2Fb.json"),
            ("a.b", "a%2Eb.json"),
            (".", "%2E.json"),
            ("../../etc/passwd", "%2E%2E%2F%2E%2E%2Fetc%2Fpasswd.json"),
            ("weird:session", "weird%3Asession.json"),
            ("ses_日", "ses_%E6%97%A5.json"),
            ("100%", "100%25.json"),
            ("a\0b\n", "a%00b%0A.json"),
        ] {
            assert_eq!(file_name(id), name);
        }
    }

    #[test]
    fn device_names_lose_their_first_letter() {
        for (id, name) in [
            ("CON", "%43ON.json"),
            ("nul", "%6Eul.json"),
            ("Com1", "%43om1.json"),
            ("LPT9", "%4CPT9.json"),
            ("COM0", "COM0.json"),
            ("COM10", "COM10.json"),
            ("CONS", "CONS.json"),
            ("CON.x", "CON%2Ex.json"),
        ] {
            assert_eq!(file_name(id), name);
        }
    }

    #[test]
    fn long_ids_keep_a_part_and_a_hash() {
        assert_eq!(file_name(&"x".repeat(200)), "x".repeat(200) + ".json");
        let long = file_name(&"x".repeat(201));
        assert_eq!(long.len(), 160 + 2 + 16 + 5);
        assert!(long.starts_with(&("x".repeat(160) + "%~")));
        assert_ne!(long, file_name(&"x".repeat(10_000)));
        // 67 characters of three bytes each, nine bytes once encoded.
        assert!(file_name(&"日".repeat(67)).len() < 200);
    }

    #[test]
    fn ids_that_differ_in_case_only_get_a_hash_each() {
        let names = file_names(&["abc", "ABC", "abd", "abc", "", "Unknown"]);
        assert_eq!(names[0], names[3]);
        assert_eq!(names[2], "abd.json");
        assert!(names[0].starts_with("abc%~") && names[1].starts_with("ABC%~"));
        let lower: HashSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(lower.len(), 5);
    }

    /// All ids of up to three characters from a nasty set, and long ones that differ at the end.
    #[test]
    fn no_two_ids_meet_in_one_file() {
        let nasty = [
            "a", "A", "%", "~", "/", ".", "\\", "4", "1", "é", "É", "_", " ", ":",
        ];
        let mut ids: Vec<String> = vec![String::new()];
        let mut last = ids.clone();
        for _ in 0..3 {
            let longer = last.iter();
            last = longer
                .flat_map(|id| nasty.iter().map(move |c| format!("{id}{c}")))
                .collect();
            ids.extend(last.clone());
        }
        ids.extend((1..500).map(|i| "y".repeat(i)));
        ids.extend((0..500).map(|i| format!("{}{i}", "é".repeat(100))));
        ids.extend(["CON", "con", "%43ON", "unknown%~", "a%2F"].map(str::to_owned));
        let names = file_names(&ids);
        let lower: HashSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(lower.len(), ids.len());
        for name in names {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-%~".contains(c);
            assert!(name.len() <= 255 && name.strip_suffix(".json").unwrap().chars().all(is_plain));
        }
    }
}
