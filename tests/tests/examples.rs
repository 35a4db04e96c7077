//! The library's examples do what they say. They are built by `cargo test --workspace`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use journal_tests::rigs;

/// Where cargo leaves the examples of the build that this test belongs to.
fn example(name: &str) -> Option<PathBuf> {
    let test = std::env::current_exe().expect("a test has a file");
    let target = test.parent().and_then(Path::parent)?;
    Some(target.join("examples").join(name)).filter(|path| path.is_file())
}

fn run(name: &str, arguments: &[&Path]) -> Option<Output> {
    let Some(program) = example(name) else {
        rigs::skip("examples", "not built: cargo test --workspace builds them");
        return None;
    };
    Some(
        Command::new(program)
            .args(arguments)
            .output()
            .expect("an example runs"),
    )
}

fn printed(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).expect("examples print UTF-8")
}

#[test]
fn an_agents_session_is_read_back_complete() {
    let dir = tempfile::tempdir().unwrap();
    let Some(agent) = run("agent", &[dir.path()]) else {
        return;
    };
    printed(&agent);
    let read = run("read_all", &[dir.path()]).unwrap();
    let read = printed(&read);
    assert!(read.contains("ses_1  completed  3 spans\n"), "{read}");
    assert!(read.ends_with("records, loss none\n"), "{read}");
}

#[test]
fn what_an_aborted_process_was_doing_is_told_by_the_next_start_once() {
    let dir = tempfile::tempdir().unwrap();
    let Some(crashed) = run("resume_after_crash", &[dir.path(), Path::new("crash")]) else {
        return;
    };
    assert!(!crashed.status.success());
    let told = run("resume_after_crash", &[dir.path()]).unwrap();
    let told = printed(&told);
    assert!(told.starts_with("ses_2 was cut off: "), "{told}");
    assert!(told.contains("  it was in tool bash\n"), "{told}");
    let again = run("resume_after_crash", &[dir.path()]).unwrap();
    assert_eq!(printed(&again), "");
}

#[test]
fn redaction_leaves_no_secret_in_any_file() {
    let dir = tempfile::tempdir().unwrap();
    let Some(redacted) = run("redact", &[dir.path()]) else {
        return;
    };
    assert!(printed(&redacted).contains("***"));
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|part| part == b"tok_4242"));
    }
}

#[test]
fn waiters_are_told_what_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let Some(waited) = run("wait_durable", &[dir.path()]) else {
        return;
    };
    assert!(printed(&waited).ends_with(" records are durable\n"));
}
