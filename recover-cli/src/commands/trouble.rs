//! Words about journals and files that cannot be read as they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use trace_journal::FORMAT_VERSION;
use trace_journal::report::SegmentState;
use trace_journal::{Error, ReadMode, Reader, Report, RunId, SessionSummary};

use crate::error::{CliError, Result, could_not};
use crate::escape::one_line;
use crate::format::counted;
use crate::output::{program, warn};
use crate::place::journals_below;
use crate::quote::{argument, quoted};

/// Opens the journal for reading what is asked for.
pub(super) fn open(dir: &Path) -> Result<Reader> {
    Reader::open(dir).map_err(|error| explain(dir, error))
}

/// All sessions of a journal in a line each, newest last activity first.
pub(super) fn summaries(dir: &Path) -> Result<(Vec<SessionSummary>, Report)> {
    let told = Reader::summaries(dir).map_err(|error| explain(dir, error))?;
    Ok((told.sessions, told.report))
}

/// Opens the journal for a verdict on all of it.
pub(super) fn open_verified(dir: &Path, mode: ReadMode) -> Result<Reader> {
    let options = Reader::options().mode(mode).verify(true);
    options.open(dir).map_err(|error| explain(dir, error))
}

/// Why a journal could not be opened, and what helps.
pub(super) fn explain(dir: &Path, error: Error) -> CliError {
    match &error {
        Error::NotAJournal { .. } => {
            let names = fs::read_dir(dir).into_iter().flatten().flatten();
            let names = names.map(|file| file.file_name().to_string_lossy().into_owned());
            say_compressed_of(names.collect::<Vec<String>>().iter().map(String::as_str));
            let below = journals_below(dir);
            let below: Vec<String> = below.iter().map(|dir| shown(dir)).collect();
            CliError::CouldNot(match below.as_slice() {
                [] => format!(
                    "{} is not a journal: give the directory that the program opened as one",
                    shown(dir)
                ),
                below => format!(
                    "{} is not a journal; these below it are: {}",
                    shown(dir),
                    below.join(", ")
                ),
            })
        }
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            let advice =
                owner_advice(dir, dir).map_or_else(String::new, |words| format!("\n{words}"));
            match could_not(error) {
                CliError::CouldNot(words) => CliError::CouldNot(words + &advice),
                other => other,
            }
        }
        _ => could_not(error),
    }
}

/// Names the files that could not be read, whatever else was reported: of many with one cause how
/// many they are.
pub(super) fn say_unread(dir: &Path, report: &Report) {
    let mut causes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for segment in &report.segments {
        if let Some(failure) = &segment.failure {
            causes
                .entry(cause(failure))
                .or_default()
                .push(&segment.file);
        }
    }
    for (why, files) in causes {
        match files.as_slice() {
            [file] => warn(&format!("trace-recover: {}: {why}", one_line(file))),
            files => warn(&format!(
                "trace-recover: {}: {why} ({} of {} segments)",
                shown(dir),
                files.len(),
                report.segments.len()
            )),
        }
        let file = files.first().map(|file| dir.join(file));
        let file = file.filter(|_| why.starts_with(DENIED));
        if let Some(advice) = file.and_then(|file| owner_advice(dir, &file)) {
            warn(&advice);
        }
    }
    for segment in &report.segments {
        if let Some(link) = &segment.link {
            let (file, link) = (one_line(&segment.file), one_line(link));
            warn(&format!("trace-recover: {file}: a symbolic link to {link}"));
        }
    }
    say_unsupported(report);
}

/// Says of which versions there are segments that this command does not read.
fn say_unsupported(report: &Report) {
    let unsupported = report.segments.iter();
    let unsupported = unsupported.filter(|segment| segment.state == SegmentState::Unsupported);
    let mut by_format = BTreeMap::<(Option<u32>, Option<u32>), u64>::new();
    for segment in unsupported {
        let format = (segment.version, segment.features);
        *by_format.entry(format).or_default() += 1;
    }
    for ((version, features), count) in by_format {
        let segments = counted(count, "segment", "segments");
        let are = if count == 1 { "is" } else { "are" };
        let what = match (version, features) {
            (Some(version), None) => format!("of format {version}"),
            (Some(version), Some(bits)) => format!("of format {version} with features {bits:#x}"),
            (None, _) => "of a kind of a later version".to_owned(),
        };
        let is_older = version.is_some_and(|version| version < FORMAT_VERSION);
        let advice = match is_older {
            true => "the version that wrote them does",
            false => "update it",
        };
        let what = format!("{segments} {are} {what}");
        warn(&format!(
            "trace-recover: {what}, this command reads {FORMAT_VERSION}: {advice}"
        ));
    }
}

const DENIED: &str = "Permission denied";

/// The system's words, without what was done to which file and without a number.
fn cause(failure: &str) -> String {
    let words = failure.rsplit(": ").next().unwrap_or(failure);
    let words = words.split(" (os error").next().unwrap_or(words);
    one_line(words).into_owned()
}

/// Whose file it is that only its owner may read.
fn owner_advice(dir: &Path, file: &Path) -> Option<String> {
    let owner = owner_number(file)?;
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|user| {
        let mut parts = user.split(':');
        let (name, number) = (parts.next()?, parts.nth(1)?);
        (number.parse() == Ok(owner)).then(|| quoted(name))
    });
    let name = name.unwrap_or_else(|| format!("'#{owner}'"));
    Some(format!(
        "  they are readable by their owner only: sudo -u {name} {} {}",
        program(),
        argument_of(dir)
    ))
}

#[cfg(unix)]
fn owner_number(file: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(file).ok().map(|facts| facts.uid())
}

/// Owners have no numbers here.
#[cfg(windows)]
fn owner_number(_: &Path) -> Option<u32> {
    None
}

/// Names segments that were compressed: they are records that seem to be missing.
/// Says whether there are any.
pub(super) fn say_compressed(report: &Report) -> bool {
    let unread = report.segments.iter();
    let unread = unread.filter(|segment| segment.state == SegmentState::Foreign);
    say_compressed_of(unread.map(|segment| &*segment.file))
}

fn say_compressed_of<'n>(names: impl Iterator<Item = &'n str>) -> bool {
    let compressed: Vec<(&str, &str)> = names
        .filter_map(|name| Some((name, tool_of(name)?)))
        .collect();
    if let Some((name, tool)) = compressed.first() {
        let more = match compressed.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let name = one_line(name);
        warn(&format!(
            "trace-recover: {name}{more}: a compressed segment; its records are seen again after \
             {tool} -d"
        ));
    }
    !compressed.is_empty()
}

/// The tool that undoes what was done to a file of a journal.
fn tool_of(name: &str) -> Option<&'static str> {
    let (name, ending) = name.rsplit_once('.')?;
    let (run, _) = name.split_once('.')?.0.rsplit_once('-')?;
    run.parse::<RunId>().ok()?;
    let tools = [
        ("gz", "gzip"),
        ("zst", "zstd"),
        ("xz", "xz"),
        ("bz2", "bzip2"),
        ("lz4", "lz4"),
        ("lzma", "xz"),
        ("Z", "gzip"),
    ];
    let tool = tools.into_iter().find(|(known, _)| *known == ending);
    tool.map(|(_, tool)| tool)
}

/// A directory as it is named in a sentence.
pub(super) fn shown(dir: &Path) -> String {
    one_line(&dir.display().to_string()).into_owned()
}

/// A directory as it is typed.
pub(super) fn argument_of(dir: &Path) -> String {
    argument(&dir.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_segments_are_known_by_their_names() {
        let name = "00000001-5d5504de7dddb6c2-000001";
        let tools = ["x.gz", "x.zst", "x"].map(|ending| tool_of(&format!("{name}.{ending}")));
        assert_eq!(tools, [Some("gzip"), Some("zstd"), None]);
        assert_eq!(tool_of("backup.tar.gz"), None);
    }

    #[test]
    fn a_cause_is_the_systems_words() {
        let failure = "open /a/b: c: Permission denied (os error 13)";
        assert_eq!(cause(failure), "Permission denied");
        assert_eq!(cause("gone"), "gone");
    }
}
