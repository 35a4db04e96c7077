//! Promises: private. `trace-recover recover -o` makes each file whole or not at all, also where
//! it is interrupted, killed or not alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use journal_tests::command::{Ran, command, run};
use journal_tests::sample::{completed, ingest};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn journal(sessions: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..sessions)
        .flat_map(|n| completed(&format!("s{n}")))
        .collect();
    ingest(dir.path(), &lines);
    dir
}

fn recover(dir: &Path, out: &Path) -> Ran {
    run([
        "recover",
        dir.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
    ])
}

fn files(out: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(out).into_iter().flatten();
    let mut files: Vec<PathBuf> = found.map(|found| found.unwrap().path()).collect();
    files.sort();
    files
}

fn is_whole(file: &Path) -> bool {
    let content = fs::read(file).unwrap();
    serde_json::from_slice::<serde_json::Value>(&content).is_ok()
}

#[test]
fn an_interrupted_recover_leaves_whole_files_only() {
    let dir = journal(2_000);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("out");
        let mut command = command(["recover"]);
        command.arg(dir.path()).arg("-o").arg(&out);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        while files(&out).is_empty() {
            thread::yield_now();
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let left = files(&out);
        assert!(left.len() < 2_000, "it was not interrupted");
        assert!(
            left.iter()
                .all(|file| file.extension().is_some_and(|e| e == "json")),
            "{left:?}"
        );
        assert!(left.iter().all(|file| is_whole(file)));
    }
}

#[test]
fn the_part_file_of_a_killed_recover_is_replaced() {
    let dir = journal(3);
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    fs::create_dir(&out).unwrap();
    let part = out.join(".s1.json.part");
    fs::write(&part, "half a file".repeat(10_000)).unwrap();
    fs::set_permissions(&part, Permissions::from_mode(0o644)).unwrap();
    recover(dir.path(), &out).code(0);
    let names = ["s0.json", "s1.json", "s2.json"].map(|name| out.join(name));
    assert_eq!(files(&out), names);
    assert!(names.iter().all(|file| is_whole(file)));
    let mode = fs::metadata(&names[1]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_link_under_the_name_of_a_part_file_is_not_written_through() {
    let dir = journal(2);
    let place = tempfile::tempdir().unwrap();
    let (out, mine) = (place.path().join("out"), place.path().join("mine"));
    fs::create_dir(&out).unwrap();
    fs::write(&mine, "mine").unwrap();
    symlink(&mine, out.join(".s0.json.part")).unwrap();
    fs::hard_link(&mine, out.join(".s1.json.part")).unwrap();
    recover(dir.path(), &out).code(0);
    assert_eq!(fs::read(&mine).unwrap(), b"mine");
    assert_eq!(
        files(&out),
        ["s0.json", "s1.json"].map(|name| out.join(name))
    );
    assert!(files(&out).iter().all(|file| is_whole(file)));
}

#[test]
fn a_file_that_another_command_makes_is_left_to_it() {
    let dir = journal(3);
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    fs::create_dir(&out).unwrap();
    let part = out.join(".s1.json.part");
    let other = File::create(&part).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    let ran = recover(dir.path(), &out).code(5);
    assert!(
        ran.stderr.contains("s1.json is being written"),
        "{}",
        ran.stderr
    );
    let names = [".s1.json.part", "s0.json", "s2.json"].map(|name| out.join(name));
    assert_eq!(files(&out), names, "one file does not cost the others");
}
