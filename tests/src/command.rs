//! The `trace-recover` command as a process, for suites that test its border.

use std::env;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use crate::source;

/// How a command ended and what it printed.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// What it printed as results.
    pub stdout: Vec<u8>,
    /// What it said.
    pub stderr: String,
}

impl Ran {
    /// What it printed as results, as text.
    ///
    /// # Panics
    /// If that is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        str::from_utf8(&self.stdout).expect("the command prints UTF-8")
    }

    /// What it printed as results, as JSON.
    ///
    /// # Panics
    /// If that is not JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).expect("the command prints JSON")
    }

    /// The same, after a check of the exit code.
    ///
    /// # Panics
    /// If the exit code is another one.
    #[track_caller]
    pub fn code(self, code: i32) -> Ran {
        let printed = String::from_utf8_lossy(&self.stdout);
        assert_eq!(
            self.code, code,
            "stdout: {printed}\nstderr: {}",
            self.stderr
        );
        self
    }
}

/// The command with these arguments, ready to be started; it sees no terminal and no colours.
pub fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = with_signals(program());
    command
        .args(args)
        .env_remove("NO_COLOR")
        .env("TERM", "dumb");
    command
}

/// A program that begins with its signals as they are by default, whatever the program that runs
/// the tests was started to ignore, as a shell's `&` does it.
pub fn with_signals(program: impl AsRef<OsStr>) -> Command {
    const DEFAULTS: &str = "--default-signal=INT,QUIT,TERM,HUP";
    static CAN: OnceLock<bool> = OnceLock::new();
    let can = || {
        let tried = Command::new("env").args([DEFAULTS, "true"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    if !*CAN.get_or_init(can) {
        return Command::new(program);
    }
    let mut command = Command::new("env");
    command.arg(DEFAULTS).arg(program);
    command
}

/// Runs the command without input.
pub fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Ran {
    run_with(args, b"")
}

/// Runs the command and gives it `input`.
///
/// # Panics
/// If it cannot be started.
pub fn run_with<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>, input: &[u8]) -> Ran {
    let mut command = command(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().expect("the command starts");
    finish(child, input)
}

/// Gives a started command its input and waits for its end.
///
/// # Panics
/// If it cannot be waited for.
#[must_use]
pub fn finish(mut child: Child, input: &[u8]) -> Ran {
    let stdin = child.stdin.take();
    let output = thread::scope(|scope| {
        scope.spawn(move || {
            // It may end without reading everything.
            stdin.map(|mut stdin| stdin.write_all(input))
        });
        child.wait_with_output().expect("the command ends")
    });
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The command's program, built once from the sources as they are now.
///
/// # Panics
/// If it does not build.
#[must_use]
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(build).as_ref();
    program.expect("trace-recover builds")
}

/// Cargo builds a program of another package for its own tests only; so it is asked to.
fn build() -> Option<PathBuf> {
    let test = env::current_exe().expect("a test knows its own program");
    let profile = test
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "deps"))
        .and_then(Path::parent)
        .expect("tests are built into <profile>/deps");
    if let Some(cargo) = env::var_os("CARGO") {
        let name = profile.file_name().and_then(OsStr::to_str);
        let name = name.filter(|name| *name != "debug").unwrap_or("dev");
        let status = Command::new(cargo)
            .args([
                "build",
                "--quiet",
                "--package",
                "trace-recover",
                "--all-features",
            ])
            .args(["--profile", name])
            .arg("--target-dir")
            .arg(profile.parent().unwrap_or(profile))
            .current_dir(source::root())
            .status()
            .expect("cargo starts");
        if !status.success() {
            return None;
        }
    }
    Some(profile.join(format!("trace-recover{}", env::consts::EXE_SUFFIX)))
}
