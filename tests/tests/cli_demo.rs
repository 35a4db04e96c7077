//! Promises: killed. `trace-recover demo` as a process: what a person sees first.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use journal_tests::command::{Ran, command, finish, run};
use serde_json::json;

/// Runs the demo in `tree`, with its journal in a directory of its own if one is given.
fn demo(tree: &Path, dir: Option<&Path>) -> Ran {
    let mut command = command(["demo"]);
    command.args(dir).current_dir(tree);
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    finish(command.spawn().unwrap(), b"")
}

fn tree(count: usize) -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    for number in 0..count {
        let folder = tree.path().join(format!("folder{}", number % 3));
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join(format!("{number}.txt")),
            "some words\n".repeat(number),
        )
        .unwrap();
    }
    tree
}

#[test]
fn the_demo_loses_nothing_and_shows_what_was_running() {
    let tree = tree(20);
    for _ in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let ran = demo(tree.path(), Some(dir.path())).code(0);
        for part in [
            "kill -9 ",
            "lost 0   invented 0",
            "crashed",
            "process ended without closing",
            "was doing",
            "folder1",
            dir.path().to_str().unwrap(),
        ] {
            assert!(ran.text().contains(part), "{part}: {}", ran.text());
        }
        assert_eq!(ran.stderr, "");
        let rows = run(["list", dir.path().to_str().unwrap(), "--json"])
            .code(0)
            .json();
        assert_eq!(rows.as_array().unwrap().len(), 1);
        assert_eq!(rows[0]["status"], "crashed");
        // The kill may have come in the midst of an append nobody was told of: a tail, no damage.
        assert_ne!(rows[0]["loss"], "damage");
        // The session, the last generation and its tool.
        assert_eq!(rows[0]["interrupted"], json!(3));
    }
}

#[test]
fn the_demo_refuses_a_directory_in_use() {
    let (tree, dir) = (tree(5), tempfile::tempdir().unwrap());
    let _ = demo(tree.path(), Some(dir.path())).code(0);
    let again = demo(tree.path(), Some(dir.path())).code(5);
    assert!(again.stderr.contains("holds a journal"), "{}", again.stderr);
    let path = dir.path().to_str().unwrap();
    let rows = run(["list", path, "--json"]).code(0).json();
    assert_eq!(rows.as_array().unwrap().len(), 1);
}

#[test]
fn the_demo_without_a_directory_keeps_and_names_a_new_one() {
    // In an empty directory there is nothing to read: another tree will do.
    let empty = tempfile::tempdir().unwrap();
    let ran = demo(empty.path(), None).code(0);
    let named = ran
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("The journal is in "));
    let dir = PathBuf::from(named.unwrap().trim_end_matches('.'));
    let _ = run(["list".as_ref(), dir.as_os_str()]).code(0);
    fs::remove_dir_all(dir).unwrap();
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}
