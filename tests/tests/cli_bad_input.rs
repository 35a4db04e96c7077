//! Promises: damage, hands-off, hostile, private. Bad input is named, has its exit code, and is not
//! harmed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use journal_tests::command::{Ran, command, finish, program, run, run_with};
use journal_tests::listing::paths_with;
use journal_tests::rigs::skip;
use journal_tests::sample::{completed, ingest};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Every verb that reads a journal, with what it needs besides the directory.
const READERS: [(&str, &[&str]); 4] = [
    ("recover", &[]),
    ("list", &[]),
    ("show", &["s"]),
    ("cat", &[]),
];

fn verb(name: &str, dir: &Path, more: &[&str]) -> Ran {
    run([&[name, dir.to_str().unwrap()], more].concat())
}

/// All readers end with `code` and name the directory or what `named` says.
#[track_caller]
fn all_readers(dir: &Path, code: i32, named: &str) {
    for (name, more) in READERS {
        let ran = verb(name, dir, more).code(code);
        assert!(ran.stderr.contains(named), "{name}: {}", ran.stderr);
    }
}

fn journal() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    ingest(dir.path(), &completed("s"));
    dir
}

/// The journal's files by name, with their bytes.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let listing = fs::read_dir(dir).unwrap();
    let mut paths: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| (path.clone(), fs::read(&path).unwrap());
    paths.into_iter().map(read).collect()
}

#[test]
fn a_missing_directory_is_named() {
    let place = tempfile::tempdir().unwrap();
    let missing = place.path().join("missing");
    all_readers(&missing, 1, "missing");
    run([&missing]).code(1);
    assert!(!missing.exists());
}

#[test]
fn a_file_instead_of_a_directory_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("a-file");
    fs::write(&file, "hello").unwrap();
    all_readers(&file, 1, "a-file");
    let ran = verb("ingest", &file, &[]).code(1);
    assert!(ran.stderr.contains("a-file"), "{}", ran.stderr);
    assert_eq!(fs::read(&file).unwrap(), b"hello");
}

#[test]
fn an_empty_directory_holds_no_session() {
    let dir = tempfile::tempdir().unwrap();
    all_readers(dir.path(), 4, "");
    assert_eq!(
        verb("list", dir.path(), &["--json"]).code(4).json(),
        json!([])
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_of_foreign_files_is_no_journal() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("notes.txt"), "hello").unwrap();
    fs::write(dir.path().join("photo.seg"), [7; 20_000]).unwrap();
    let before = contents(dir.path());
    all_readers(dir.path(), 1, "");
    assert_eq!(contents(dir.path()), before);
}

#[test]
fn foreign_files_in_the_directory_are_left_alone() {
    let dir = journal();
    fs::write(dir.path().join("notes.txt"), "hello").unwrap();
    fs::write(dir.path().join(".hidden"), [0; 9000]).unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    fs::write(dir.path().join("\u{1b}[31mred"), "x").unwrap();
    for (name, more) in READERS {
        let ran = verb(name, dir.path(), more).code(0);
        assert!(!ran.text().contains('\u{1b}') && !ran.stderr.contains('\u{1b}'));
    }
    ingest(dir.path(), &completed("t"));
    assert_eq!(fs::read(dir.path().join("notes.txt")).unwrap(), b"hello");
    assert_eq!(
        verb("list", dir.path(), &["--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_newer_format_version_is_unsupported_and_the_rest_is_reported() {
    let dir = journal();
    let newer = paths_with(dir.path(), "seg")[0].clone();
    ingest(dir.path(), &completed("t"));
    let mut bytes = fs::read(&newer).unwrap();
    // The version follows the eight bytes of magic, in both header pages.
    bytes[8] = 0x63;
    bytes[4096 + 8] = 0x63;
    fs::write(&newer, &bytes).unwrap();
    let report = verb("recover", dir.path(), &["--json"]).code(0).json();
    let name = newer.file_name().unwrap().to_str().unwrap();
    let file = |s: &&Value| s["file"] == name;
    let segment = report["segments"]
        .as_array()
        .unwrap()
        .iter()
        .find(file)
        .unwrap();
    assert_eq!(segment["state"], "unsupported");
    assert_eq!(
        (&report["loss"], &report["ranges"]),
        (&json!("none"), &json!([]))
    );
    let ran = verb("verify", dir.path(), &["--segments"]).code(0);
    let text = ran.text();
    assert!(
        text.contains("unknown-version") && text.contains(name),
        "{text}"
    );
    let words = "1 segment is of format 99, this command reads 1: update it";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    let rows = verb("list", dir.path(), &["--json"]).code(0).json();
    assert_eq!(rows[0]["id"], "t");
    // A writer starts its own run and touches nothing else.
    ingest(dir.path(), &completed("u"));
    assert_eq!(fs::read(&newer).unwrap(), bytes);
    let only = tempfile::tempdir().unwrap();
    fs::copy(&newer, only.path().join(newer.file_name().unwrap())).unwrap();
    all_readers(only.path(), 1, "");
    let report = verb("verify", only.path(), &["--json"]).code(1).json();
    let states = (&report["segments"][0]["state"], &report["runs"][0]["state"]);
    assert_eq!(states, (&json!("unsupported"), &json!("unsupported")));
    assert_eq!(report["segments"][0]["version"], 99);
}

/// A number of thousands as people read it.
fn grouped(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", number / 1_000, number % 1_000),
    }
}

#[test]
fn damage_is_reported_and_costs_only_what_it_hit() {
    let dir = journal();
    ingest(dir.path(), &completed("t"));
    let path = paths_with(dir.path(), "seg")[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(3).position(|w| w == b"Fix").unwrap();
    bytes[at] ^= 0x20;
    fs::write(&path, &bytes).unwrap();
    let report = verb("recover", dir.path(), &["--json"]).code(3).json();
    assert_eq!(
        (&report["loss"], &report["exit_code"]),
        (&json!("damage"), &json!(3))
    );
    let range = &report["ranges"][0];
    assert_eq!(range["reason"], "bad-crc");
    assert_eq!(range["durable"], true);
    assert_eq!(range["first_missing"], range["last_missing"]);
    let offset = usize::try_from(range["offset"].as_u64().unwrap()).unwrap();
    let len = usize::try_from(range["len"].as_u64().unwrap()).unwrap();
    assert!((offset..offset + len).contains(&at), "{range}");
    let ran = verb("recover", dir.path(), &[]).code(3);
    let name = path.file_name().unwrap().to_str().unwrap();
    let place = format!("at {}", grouped(offset));
    for part in [
        "DAMAGED, 1 durable record lost in 1 place",
        name,
        &place,
        "may be missing records\n    s ",
        "all others are whole: 1 session",
    ] {
        assert!(ran.text().contains(part), "{part}: {}", ran.text());
    }
    let ran = verb("verify", dir.path(), &["--segments"]).code(3);
    assert!(
        ran.text().starts_with("loss=damage missing=1 "),
        "{}",
        ran.text()
    );
    verb("verify", dir.path(), &["--fail-on", "never"]).code(0);
    let quiet = verb("verify", dir.path(), &["-q"]).code(3);
    assert_eq!((quiet.text(), &*quiet.stderr), ("", ""));
    verb("show", dir.path(), &["s"]).code(3);
    // Nothing of another session is read where caches say that it need not be.
    verb("show", dir.path(), &["t"]).code(0);
    verb("cat", dir.path(), &["--session", "s"]).code(3);
    verb("cat", dir.path(), &["--format", "ndjson"]).code(3);
    verb("verify", dir.path(), &[]).code(3);
    let out = tempfile::tempdir().unwrap();
    verb("recover", dir.path(), &["-o", out.path().to_str().unwrap()]).code(3);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 2);
    // A list reads no segment that has a cache.
    let rows = verb("list", dir.path(), &["--json"]).code(0).json();
    assert_eq!(rows[0]["loss"], "none");
    fs::remove_file(path.with_extension("idx")).unwrap();
    let rows = verb("list", dir.path(), &["--json"]).code(3).json();
    let by_id = |id: &str| {
        rows.as_array()
            .unwrap()
            .iter()
            .find(|row| row["id"] == id)
            .unwrap()
            .clone()
    };
    assert_eq!(by_id("t")["loss"], "none");
    assert_eq!(
        (&by_id("s")["loss"], &by_id("s")["records"]),
        (&json!("damage"), &json!(7))
    );
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn random_bytes_are_no_journal() {
    let dir = journal();
    let path = paths_with(dir.path(), "seg")[0].clone();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(300_000)
    .collect();
    fs::write(&path, noise).unwrap();
    for (name, more) in READERS {
        let ran = verb(name, dir.path(), more);
        assert!(
            [1, 3, 4].contains(&ran.code),
            "{name}: {} {}",
            ran.code,
            ran.stderr
        );
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

#[test]
fn times_of_any_year_are_times() {
    let dir = tempfile::tempdir().unwrap();
    let line = |at_ns: &str, session: &str| {
        json!({"type": "session.start", "session": session, "at_ns": at_ns}).to_string()
    };
    let year_3000 = line("32503680000000000000", "future");
    ingest(
        dir.path(),
        &[year_3000, line("0", "epoch"), line("-1", "before")],
    );
    let rows = verb("list", dir.path(), &["--json"]).code(0).json();
    let starts: Vec<(&str, &str)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["id"].as_str().unwrap(),
                row["started_at"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        starts,
        [
            ("future", "3000-01-01T00:00:00.000000000Z"),
            ("epoch", "1970-01-01T00:00:00.000000000Z"),
            ("before", "1969-12-31T23:59:59.999999999Z"),
        ]
    );
    // Order is the journal's, whatever the clock says: a later run is the later one.
    ingest(
        dir.path(),
        &[json!({"type": "session.end", "session": "future"}).to_string()],
    );
    let rows = verb("list", dir.path(), &["--json"]).code(0).json();
    let future = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == "future")
        .unwrap();
    assert_eq!(future["status"], "completed");
}

#[test]
fn a_full_stdout_is_an_error() {
    let dir = journal();
    if !Path::new("/dev/full").exists() {
        return skip("full stdout", "no /dev/full");
    }
    for (name, more) in READERS {
        let mut command = command([name]);
        command.arg(dir.path()).args(more);
        command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let ran = finish(command.spawn().unwrap(), b"").code(1);
        assert!(ran.stderr.contains("stdout"), "{name}: {}", ran.stderr);
    }
}

#[test]
fn a_full_disk_is_named_and_what_was_written_stays() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let dir = disk.place.path().join("journal");
    let line = json!({"type": "custom", "session": "s", "name": "n", "data": "x".repeat(1000)});
    let lines = format!("{line}\n").repeat(20_000);
    let args = ["ingest", dir.to_str().unwrap(), "--ack", "written"];
    let ran = run_with(args, lines.as_bytes()).code(3);
    assert_eq!(
        ran.stderr.matches("no space left").count(),
        1,
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    let acks: Vec<u64> = ran
        .text()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    assert!(acks.len() > 100, "{}", acks.len());
    // Refused records are told by every reader.
    let cat = verb("cat", &dir, &["--format", "ndjson"]).code(3);
    let kept: Vec<u64> = cat
        .text()
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["seq"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert!(
        acks.iter().all(|ack| kept.binary_search(ack).is_ok()),
        "something was lost"
    );
    // Nothing is left for the files either.
    let filler = disk.place.path().join("filler");
    let _ = fs::write(filler, vec![1; 4 << 20]);
    let out = disk.place.path().join("out");
    let full = verb("recover", &dir, &["-o", out.to_str().unwrap()]).code(1);
    assert!(
        full.stderr.to_lowercase().contains("no space left"),
        "{}",
        full.stderr
    );
    let left: Vec<_> = fs::read_dir(&out).into_iter().flatten().collect();
    assert!(left.is_empty(), "half a file was left: {left:?}");
}

/// Two MiB of memory as a file system.
struct SmallDisk {
    place: TempDir,
}

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let place = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(place.path());
        match mount.stderr(Stdio::null()).status() {
            Ok(status) if status.success() => Some(SmallDisk { place }),
            _ => {
                skip("full disk", "may not mount a small tmpfs");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.place.path())
            .status();
    }
}

// Permissions, seen by somebody who is not root.

/// A copy of the command that another user may run.
struct OtherUser {
    place: TempDir,
}

impl OtherUser {
    fn new() -> Option<OtherUser> {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(program(), place.path().join("trace-recover")).unwrap();
        let user = OtherUser { place };
        // Another thread's child may hold the copy open for writing for a moment.
        let tries = (0..50).map(|_| thread::sleep(Duration::from_millis(10)));
        let mut runs = tries.map(|()| user.command(&["--version"]));
        let is_able = runs.any(|ran| ran.is_some_and(|ran| ran.code == 0));
        if !is_able {
            skip("permissions", "cannot become another user with setpriv");
        }
        is_able.then_some(user)
    }

    /// Runs the command as nobody.
    fn command(&self, args: &[&str]) -> Option<Ran> {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command
            .arg(self.place.path().join("trace-recover"))
            .args(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Some(finish(
            command.spawn().ok()?,
            completed("n").join("\n").as_bytes(),
        ))
    }

    #[track_caller]
    fn run(&self, name: &str, dir: &Path, more: &[&str]) -> Ran {
        let args = [&[name, dir.to_str().unwrap()], more].concat();
        self.command(&args).expect("it ran before")
    }
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_directory_without_permission_is_named() {
    let Some(user) = OtherUser::new() else { return };
    let dir = journal();
    permit(dir.path(), 0o700);
    for (name, more) in READERS {
        let ran = user.run(name, dir.path(), more).code(1);
        assert!(
            ran.stderr.contains("ermission denied"),
            "{name}: {}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains(dir.path().to_str().unwrap()),
            "{name}: {}",
            ran.stderr
        );
    }
    let ran = user.run("ingest", dir.path(), &[]).code(1);
    assert!(ran.stderr.contains("ermission denied"), "{}", ran.stderr);
}

#[test]
fn an_unreadable_file_is_named_and_the_rest_is_reported() {
    let Some(user) = OtherUser::new() else { return };
    let dir = journal();
    let unreadable = paths_with(dir.path(), "seg")[0].clone();
    ingest(dir.path(), &completed("t"));
    permit(dir.path(), 0o755);
    for path in paths_with(dir.path(), "seg") {
        permit(&path, if path == unreadable { 0o600 } else { 0o644 });
    }
    let report = user.run("recover", dir.path(), &["--json"]).code(1).json();
    let sessions = report["sessions"].as_array().unwrap();
    assert!(
        sessions.iter().any(|session| session["id"] == "t"),
        "{report}"
    );
    assert_eq!(
        (&report["loss"], &report["ranges"]),
        (&json!("none"), &json!([]))
    );
    assert_eq!(report["segments"][0]["state"], "unreadable");
    let ran = user.run("recover", dir.path(), &[]).code(1);
    assert_eq!(
        ran.stderr.matches("sudo -u root").count(),
        1,
        "{}",
        ran.stderr
    );
    let name = unreadable.file_name().unwrap().to_str().unwrap();
    assert!(ran.stderr.contains("ermission denied"), "{}", ran.stderr);
    assert!(
        format!("{}{}", ran.text(), ran.stderr).contains(name),
        "{}",
        ran.stderr
    );
    let rows = user.run("list", dir.path(), &["--json"]).code(1).json();
    assert!(rows.as_array().unwrap().iter().any(|row| row["id"] == "t"));
}

#[test]
fn many_unreadable_files_are_one_line_that_names_their_owner() {
    let Some(user) = OtherUser::new() else { return };
    let dir = journal();
    let readable = paths_with(dir.path(), "seg")[0].clone();
    for number in 0..10 {
        ingest(dir.path(), &completed(&format!("hidden{number}")));
    }
    permit(dir.path(), 0o755);
    for path in paths_with(dir.path(), "seg") {
        permit(&path, if path == readable { 0o644 } else { 0o600 });
    }
    for (name, more) in READERS {
        let ran = user.run(name, dir.path(), more).code(1);
        let told: Vec<&str> = ran.stderr.lines().collect();
        let denied = "Permission denied (10 of 11 segments)";
        assert!(told[0].ends_with(denied), "{name}: {}", ran.stderr);
        assert!(told[1].contains("sudo -u root "), "{name}: {}", ran.stderr);
        assert_eq!(ran.stderr.matches("enied").count(), 1, "{}", ran.stderr);
        assert!(ran.text().contains('s'), "{name}: the rest is printed");
    }
    let ran = user.run("show", dir.path(), &["hidden1"]).code(1);
    assert!(
        ran.stderr.contains("in what could be read"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_read_only_directory_is_readable_and_not_writable() {
    let Some(user) = OtherUser::new() else { return };
    let dir = journal();
    permit(dir.path(), 0o555);
    for path in paths_with(dir.path(), "seg") {
        permit(&path, 0o444);
    }
    for (name, more) in READERS {
        user.run(name, dir.path(), more).code(0);
    }
    let ran = user.run("ingest", dir.path(), &[]).code(1);
    assert!(ran.stderr.contains("ermission denied"), "{}", ran.stderr);
    let out = dir.path().join("out");
    let ran = user
        .run("recover", dir.path(), &["-o", out.to_str().unwrap()])
        .code(1);
    assert!(ran.stderr.contains("out"), "{}", ran.stderr);
    permit(dir.path(), 0o755);
}

#[test]
fn every_file_and_directory_made_is_private() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("made");
    ingest(&dir, &completed("s"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for (path, _) in contents(&dir) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let out = place.path().join("out");
    verb("recover", &dir, &["-o", out.to_str().unwrap()]).code(0);
    assert_eq!(mode(&out), 0o700);
    assert_eq!(mode(&out.join("s.json")), 0o600);
}
