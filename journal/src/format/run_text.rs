//! The text of a `.run` file: which process writes the run, where, and a place in it that is
//! durable.

use super::checksum;
use crate::seq::{RunId, SegmentNumber};

/// What a `.run` file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunText {
    /// The run's writer; `None` if the text is not whole.
    pub owner: Option<Owner>,
    /// The last place that was noted; `None` if none was, or if the note is not whole.
    pub durable: Option<DurablePlace>,
    /// The owner let go of the run: it is written no more.
    pub is_released: bool,
}

/// The process that writes a run, and which file is locked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Number of the process.
    pub pid: u32,
    /// When it started, in clock ticks since boot; 0 where unknown.
    pub started: u64,
    /// Inode of its pid namespace; 0 where unknown.
    pub pid_namespace: u64,
    /// The boot the machine was in; empty where unknown.
    pub boot_id: String,
    /// The machine's name; empty where unknown.
    pub host: String,
    /// The number statfs(2) gives for the file system of the journal; 0 where unknown.
    pub file_system: u64,
    /// Device of the `.run` file; 0 where unknown.
    pub device: u64,
    /// Inode of the `.run` file; 0 where unknown.
    pub inode: u64,
}

/// A record that is durable, as all before it are, and where its frame is: a walk may begin there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurablePlace {
    /// Its sequence number.
    pub seq: u64,
    /// Its segment.
    pub segment: SegmentNumber,
    /// Offset of its frame.
    pub offset: u64,
}

impl RunText {
    /// The text a run begins with.
    #[must_use]
    pub fn first(owner: &Owner, program: &(String, String)) -> String {
        let (name, version) = program;
        let facts = [
            format!("pid {}", owner.pid),
            format!("started {}", owner.started),
            format!("pid-namespace {}", owner.pid_namespace),
            format!("boot {}", one_line(&owner.boot_id)),
            format!("host {}", one_line(&owner.host)),
            format!("file-system {:x}", owner.file_system),
            format!("device {}", owner.device),
            format!("inode {}", owner.inode),
            format!("program {} {}", one_line(name), one_line(version)),
        ];
        let facts = facts.join("\n");
        let width = DURABLE_LEN - 1;
        format!("{TITLE}{:<width$}\n{NOT_RELEASED}{facts}\n{END}", "durable")
    }

    /// Reads the text; what is not whole in it is left out.
    #[must_use]
    pub fn parse(run: RunId, bytes: &[u8]) -> RunText {
        let rest = bytes.strip_prefix(TITLE.as_bytes());
        let noted = rest.and_then(|rest| rest.split_at_checked(DURABLE_LEN));
        let (durable, rest) = noted.unwrap_or_default();
        let rest = std::str::from_utf8(rest).unwrap_or_default();
        RunText {
            owner: parse_owner(rest),
            durable: DurablePlace::parse(run, durable),
            is_released: rest.starts_with(RELEASED),
        }
    }
}

impl DurablePlace {
    /// The line that notes the place, and its offset in the file.
    #[must_use]
    pub fn line(self, run: RunId) -> (String, u64) {
        let DurablePlace {
            seq,
            segment,
            offset,
        } = self;
        let said = format!("durable {seq:020} {:010} {offset:020} ", segment.0);
        let crc = checksum(format!("{run} {said}").as_bytes());
        (format!("{said}{crc:08x}\n"), DURABLE_AT)
    }

    fn parse(run: RunId, line: &[u8]) -> Option<DurablePlace> {
        let line = std::str::from_utf8(line).ok()?;
        let mut words = line.split_ascii_whitespace().skip(1);
        let place = DurablePlace {
            seq: words.next()?.parse().ok()?,
            segment: SegmentNumber(words.next()?.parse().ok()?),
            offset: words.next()?.parse().ok()?,
        };
        // One spelling: so the checksum covers all of it.
        (place.line(run).0 == line).then_some(place)
    }
}

/// What is written over the text, and where, once the owner lets go of the run.
#[must_use]
pub fn released() -> (&'static str, u64) {
    (RELEASED, RELEASED_AT)
}

fn parse_owner(text: &str) -> Option<Owner> {
    let (_, text) = text.split_once('\n')?;
    let mut lines = text.lines();
    let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let owner = Owner {
        pid: value("pid")?.parse().ok()?,
        started: value("started")?.parse().ok()?,
        pid_namespace: value("pid-namespace")?.parse().ok()?,
        boot_id: value("boot")?.to_owned(),
        host: value("host")?.to_owned(),
        file_system: u64::from_str_radix(value("file-system")?, 16).ok()?,
        device: value("device")?.parse().ok()?,
        inode: value("inode")?.parse().ok()?,
    };
    value("program")?;
    // Without its end a part of it is missing.
    text.ends_with(&format!("\n{END}")).then_some(owner)
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

const TITLE: &str = "trace-journal-run 1\n";
const NOT_RELEASED: &str = "released no \n";
const RELEASED: &str = "released yes\n";
const END: &str = "end\n";

/// Bytes of the line that notes a durable place.
const DURABLE_LEN: usize = 70;
const DURABLE_AT: u64 = 20;
const RELEASED_AT: u64 = 90;

const _: () = assert!(TITLE.len() == 20 && NOT_RELEASED.len() == RELEASED.len());

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::Generation;

    const RUN: RunId = RunId {
        generation: Generation(7),
        random: 8,
    };

    const PLACE: DurablePlace = DurablePlace {
        seq: 1504,
        segment: SegmentNumber(3),
        offset: 1 << 20,
    };

    fn owner() -> Owner {
        Owner {
            pid: 12,
            started: 345,
            pid_namespace: 678,
            boot_id: "b-1".into(),
            host: "a host\n".into(),
            file_system: 0xef53,
            device: 9,
            inode: 10,
        }
    }

    fn write(text: &mut [u8], (line, at): (&str, u64)) {
        let at = usize::try_from(at).unwrap();
        text[at..at + line.len()].copy_from_slice(line.as_bytes());
    }

    #[test]
    fn the_text_reads_back() {
        let program = ("agent\t2".to_owned(), "1".to_owned());
        let mut text = RunText::first(&owner(), &program).into_bytes();
        let said = RunText::parse(RUN, &text);
        let host = "a host ".to_owned();
        let read = Owner { host, ..owner() };
        assert_eq!(said.owner, Some(read.clone()));
        assert_eq!((said.durable, said.is_released), (None, false));
        let (line, at) = PLACE.line(RUN);
        write(&mut text, (&line, at));
        write(&mut text, released());
        let said = RunText::parse(RUN, &text);
        assert_eq!(said.owner, Some(read));
        assert_eq!((said.durable, said.is_released), (Some(PLACE), true));
        assert!(text.len() < 512);
    }

    #[test]
    fn a_torn_note_and_one_of_another_run_are_none() {
        let mut text = RunText::first(&owner(), &Default::default()).into_bytes();
        let (line, at) = PLACE.line(RUN);
        write(&mut text, (&line, at));
        let other = RunId { random: 9, ..RUN };
        assert_eq!(RunText::parse(other, &text).durable, None);
        let place = DurablePlace { seq: 1505, ..PLACE };
        let (later, at) = place.line(RUN);
        for len in 0..=later.len() {
            let mut torn = text.clone();
            write(&mut torn, (&later[..len], at));
            let said = RunText::parse(RUN, &torn).durable;
            assert!(said.is_none() || said == Some(PLACE) || said == Some(place));
        }
    }

    #[test]
    fn a_part_of_the_text_says_no_owner() {
        let text = RunText::first(&owner(), &Default::default());
        for len in 0..text.len() {
            let said = RunText::parse(RUN, &text.as_bytes()[..len]);
            assert_eq!((said.owner, said.is_released), (None, false));
        }
        assert_eq!(RunText::parse(RUN, &[0; 512]).owner, None);
    }
}
