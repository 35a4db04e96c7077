//! Promises: hands-off.
//!
//! The command as one commit had it meets runs of versions it cannot know: it calls them
//! unsupported, claims nothing and changes nothing. Only with `JOURNAL_RIGS=strict`, for it has to
//! be built.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use journal_tests::listing::contents;
use journal_tests::newer::Masks;
use journal_tests::source::root;
use journal_tests::workload::kind;
use journal_tests::{left_behind, newer, rigs};
use tempfile::TempDir;
use trace_journal::Journal;
use trace_journal::format::{HEADER_PAGE_LEN, VERSION};

/// The one that froze version 1 of the format.
const COMMIT: &str = "3bfed44";
const ITS_VERSION: u32 = 1;

const NONE: Masks = [0; 3];

const RIG: &str = "old-version";

/// Runs a program of this repository to its end; what it said, if it failed.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.current_dir(root()).output();
    let output = output.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => Ok(()),
        false => Err(said.lines().last().unwrap_or("it failed").to_owned()),
    }
}

/// Builds the command of the commit in a place of its own.
fn build(dir: &Path) -> Result<PathBuf, String> {
    let (tree, target) = (dir.join("tree"), dir.join("target"));
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        run(git.args(args).env("GIT_INDEX_FILE", dir.join("index")))
    };
    let is_there = git(&["cat-file", "-e", &format!("{COMMIT}^{{commit}}")]);
    is_there.map_err(|said| format!("no history with {COMMIT}: {said}"))?;
    // As a work tree, but without a trace of it in the repository.
    git(&["read-tree", COMMIT])?;
    git(&[
        "checkout-index",
        "-a",
        &format!("--prefix={}/", tree.display()),
    ])?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--locked",
        "--offline",
        "-p",
        "trace-recover",
    ]);
    cargo.arg("--manifest-path").arg(tree.join("Cargo.toml"));
    cargo.env("CARGO_TARGET_DIR", &target);
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
    cargo.env_remove("RUSTFLAGS");
    run(&mut cargo).map_err(|said| format!("{COMMIT} is not built: {said}"))?;
    Ok(target.join("debug").join("trace-recover"))
}

/// What a killed run leaves, as a version with these bits of features would.
fn killed(version: u32, masks: Masks) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let seq = journal.append_raw(kind(), [7; 100]).unwrap();
    journal.wait_durable(seq).unwrap();
    let left = left_behind::copy(dir.path()).unwrap();
    for name in contents(left.path())
        .into_keys()
        .filter(|name| name.ends_with(".seg"))
    {
        let path = left.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        for page in bytes.chunks_mut(HEADER_PAGE_LEN).take(2) {
            page.copy_from_slice(&newer::page(version, masks, page));
        }
        fs::write(path, bytes).unwrap();
    }
    left
}

/// Whether the old command calls the run in this directory unsupported, and leaves it as it is,
/// also when it opens the journal to write.
fn is_left_alone(old: &Path, dir: &Path) -> bool {
    let before = contents(dir);
    let run = |args: &[&str]| {
        let output = Command::new(old).args(args).arg(dir).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    for args in [&[][..], &["list"], &["verify"]] {
        let (code, said) = run(args);
        if code != Some(1) || !said.contains("format") {
            return false;
        }
        assert_eq!(contents(dir), before, "{args:?}: {said}");
    }
    let (code, said) = run(&["ingest"]);
    assert_eq!(code, Some(0), "{said}");
    let after = contents(dir);
    before
        .iter()
        .all(|(name, bytes)| after.get(name) == Some(bytes))
}

#[test]
fn runs_of_newer_versions_are_left_alone_by_an_old_command() {
    if !rigs::is_strict() {
        return rigs::skip(RIG, "only with JOURNAL_RIGS=strict");
    }
    let (dir, begun) = (tempfile::tempdir().unwrap(), Instant::now());
    let old = match build(dir.path()) {
        Ok(old) => old,
        Err(why) => return rigs::skip(RIG, &why),
    };
    let newer = [ITS_VERSION + 1, ITS_VERSION + 2, u32::MAX].map(|version| (version, NONE));
    let cases = newer.into_iter().chain([(ITS_VERSION + 1, [u32::MAX; 3])]);
    for (version, masks) in cases.clone() {
        let left = killed(version, masks);
        assert!(
            is_left_alone(&old, left.path()),
            "version {version}, {masks:?}"
        );
    }
    // What this version writes is one of them, once it is newer; the control are its own runs.
    let is_newer = VERSION != ITS_VERSION;
    assert_eq!(is_left_alone(&old, killed(VERSION, NONE).path()), is_newer);
    assert!(!is_left_alone(&old, killed(ITS_VERSION, NONE).path()));
    rigs::counted(RIG, cases.count().try_into().unwrap(), 0, begun.elapsed());
}
