//! The bugs that the library can be built with, and the suites that are to notice them.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::source::root;

mod hunts;

/// A bug, the promise it breaks, and a test that has to fail when the library has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hunt {
    /// Its name in `journal/src/seeded.rs`.
    pub bug: &'static str,
    /// As `journal/GUARANTEES.md` calls it.
    pub promise: &'static str,
    /// A suite of `tests/tests`, or [`UNIT_TESTS`].
    pub suite: &'static str,
    /// What the names of the tests begin with, or have in them.
    pub tests: &'static str,
}

/// The library's own tests, as a suite.
pub const UNIT_TESTS: &str = "trace_journal";

/// Every bug of the library, each at least once.
///
/// # Panics
/// If a row of the table does not have four cells.
#[must_use]
pub fn hunts() -> Vec<Hunt> {
    let rows = hunts::TABLE.lines().filter(|row| !row.is_empty());
    let hunt = |row: &'static str| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [bug, promise, suite, tests] = cells[..] else {
            panic!("{row}");
        };
        Hunt {
            bug,
            promise,
            suite,
            tests,
        }
    };
    rows.map(hunt).collect()
}

/// How tests ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of them passed, and there was at least one.
    Green,
    /// One failed.
    Red,
    /// There was none of that name.
    Empty,
    /// They did not come to an end.
    Hung,
}

/// The suites' programs, built with the bugs.
#[derive(Debug)]
pub struct Suites(BTreeMap<String, PathBuf>);

impl Suites {
    /// Builds every suite that has something to notice, in a folder of its own.
    ///
    /// # Panics
    /// If cargo cannot build them.
    #[must_use]
    pub fn build() -> Suites {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        let packages = ["-p", "trace-journal", "-p", "journal-tests"];
        command.args(["test", "--no-run", "--quiet", "--message-format=json"]);
        command.args(packages).arg("--lib");
        let mut suites: Vec<&str> = hunts().iter().map(|hunt| hunt.suite).collect();
        suites.sort_unstable();
        suites.dedup();
        for suite in suites.iter().filter(|suite| **suite != UNIT_TESTS) {
            command.args(["--test", suite]);
        }
        let output = command
            .current_dir(root())
            .env("CARGO_TARGET_DIR", root().join("target").join("seeded"))
            .env("RUSTFLAGS", "--cfg seeded_bugs")
            // Nothing is debugged in what is built here, and nothing changes often.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_TEST_DEBUG", "0")
            .env("CARGO_INCREMENTAL", "0")
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo starts");
        assert!(output.status.success(), "the suites build");
        let said = String::from_utf8_lossy(&output.stdout);
        let programs: BTreeMap<String, PathBuf> = said.lines().filter_map(program).collect();
        for suite in suites {
            assert!(programs.contains_key(suite), "no program for {suite}");
        }
        Suites(programs)
    }

    /// Runs tests of a suite with a bug, or without any.
    ///
    /// # Panics
    /// If they cannot be started.
    #[must_use]
    pub fn run(&self, suite: &str, tests: &str, bug: Option<&str>) -> Ending {
        let mut command = Command::new(&self.0[suite]);
        let folder = match suite {
            UNIT_TESTS => "journal",
            _ => "tests",
        };
        command
            .args([tests, "--test-threads=2"])
            .current_dir(root().join(folder))
            .env_remove("JOURNAL_SEEDED_BUG")
            // What these runs count and skip is no result.
            .env_remove("JOURNAL_RIG_NOTES")
            .env_remove("JOURNAL_RIGS")
            .env("JOURNAL_CRASH_STATES", "20000")
            .env("JOURNAL_CASES", "60")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(bug) = bug {
            command.env("JOURNAL_SEEDED_BUG", bug);
        }
        end(command.spawn().expect("a suite starts"))
    }
}

/// The suite and its program that a line of cargo's messages tells of.
fn program(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let program = message.get("executable")?.as_str()?;
    let is_test = message.get("profile")?.get("test")?.as_bool()?;
    let name = message.get("target")?.get("name")?.as_str()?;
    is_test.then(|| (name.to_owned(), PathBuf::from(program)))
}

fn end(mut child: Child) -> Ending {
    let stdout = child.stdout.take().expect("it was asked for");
    let reading = thread::spawn(move || std::io::read_to_string(stdout).unwrap_or_default());
    let until = Instant::now() + TIME_MAX;
    let status = loop {
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => break status,
            None if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
            None => {
                child.kill().expect("a child can be killed");
                child.wait().expect("a killed child ends");
                return Ending::Hung;
            }
        }
    };
    let said = reading.join().unwrap_or_default();
    match status.success() {
        false => Ending::Red,
        true if said.contains(" 0 passed") => Ending::Empty,
        true => Ending::Green,
    }
}

/// Far more than any of the tests takes.
const TIME_MAX: Duration = Duration::from_secs(150);
