//! Promises: polite, disk-full.
//!
//! Limits of the system and pairs of them, at every moment of a journal's life, in a process with
//! default dispositions of all signals: it lives, errors have their types, nothing is left behind
//! by what failed, and everything works again without the limit.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use journal_tests::modes::modes;
use journal_tests::random::{Random, seed};
use journal_tests::rigs::{self, Budget};

const MATRIX: &str = env!("CARGO_BIN_EXE_journal-matrix");

const MOMENTS: [&str; 4] = ["open", "append", "rotate", "close"];

const LIMITS: [&str; 7] = [
    "nofile",
    "as",
    "fsize-0",
    "fsize-20000",
    "fsize-300000",
    "memlock",
    "nproc",
];

/// Whom limits hold for that do not hold for root.
const NOBODY: &str = "65534";

/// Runs the child with these arguments behind the directory's.
fn run(dir: &Path, args: &[&str]) -> Output {
    let is_root = rustix::process::getuid().is_root();
    // What the test's own parent ignores, its children do not.
    let mut command = Command::new("env");
    command.args(["--default-signal=XFSZ", "--default-signal=BUS"]);
    if is_root {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o777)).unwrap();
        if may_lock() {
            command.args(["prlimit", "--memlock=unlimited"]);
        }
        command.args([
            "setpriv",
            "--reuid",
            NOBODY,
            "--regid",
            NOBODY,
            "--clear-groups",
        ]);
    }
    command.arg(MATRIX).arg(dir.join("journal")).args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

/// Whether the limit on locked memory can be lifted.
fn may_lock() -> bool {
    let mut command = Command::new("prlimit");
    let tried = command.args(["--memlock=unlimited", "true"]).output();
    tried.is_ok_and(|output| output.status.success())
}

#[test]
fn limits_and_pairs_of_them_end_nothing_and_leave_nothing_behind() {
    let (seconds, least) = if rigs::is_strict() {
        (120, 20)
    } else {
        (15, 4)
    };
    let budget = Budget::new("limit-matrix", Duration::from_secs(seconds), least);
    let seed = seed();
    let mut random = Random::part(seed, 22);
    let modes: Vec<&str> = modes().into_iter().map(|(_, name)| name).collect();
    let mut cases: Vec<Vec<&str>> = Vec::new();
    for moment in MOMENTS {
        for (at, limit) in LIMITS.iter().enumerate() {
            for mode in &modes {
                cases.push(vec![mode, moment, limit]);
            }
            for other in &LIMITS[at + 1..] {
                let which = random.below(u64::try_from(modes.len()).unwrap());
                let mode = modes[usize::try_from(which).unwrap()];
                cases.push(vec![mode, moment, limit, other]);
            }
        }
    }
    let mut done = 0;
    let mut lacks = BTreeSet::new();
    while !cases.is_empty() && !budget.is_over() {
        let which = random.below(u64::try_from(cases.len()).unwrap());
        let case = cases.swap_remove(usize::try_from(which).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let output = run(dir.path(), &case);
        if output.status.code() == Some(77) {
            let why = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            lacks.insert(why);
            continue;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        if NO_MEMORY.iter().any(|words| said.contains(words)) {
            // Any program that allocates, or starts a thread, ends so.
            lacks.insert("the child's own memory ended before a mapping did".to_owned());
            continue;
        }
        assert!(
            output.status.success(),
            "{case:?}: {}\n{said}",
            output.status
        );
        done += 1;
    }
    for why in lacks {
        rigs::skip("limit-matrix", &why);
    }
    budget.done(done, seed);
}

#[test]
fn a_child_that_exceeds_a_limit_is_ended_and_noticed() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("journal")).unwrap();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(dir.path().join("journal"), open).unwrap();
    let output = run(dir.path(), &["positioned", "control"]);
    assert_eq!(output.status.signal(), Some(SIGXFSZ), "{output:?}");
}

/// What the standard library says before it ends a program that gets no memory.
const NO_MEMORY: [&str; 2] = [
    "memory allocation of ",
    "failed to allocate an alternative stack",
];

const SIGXFSZ: i32 = 25;
