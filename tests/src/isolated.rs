//! Tests that mount things: each in a process of its own, with its own mounts and process numbers.
//!
//! Whatever becomes of that process, the kernel ends all its children, unmounts all it mounted
//! and detaches the loop devices below: nothing is left to clean up.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, mount};

use crate::rigs;

/// What a rig with mounts needs of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Needs<'a> {
    /// The rig's name.
    pub rig: &'a str,
    /// Programs that must be installed.
    pub programs: &'a [&'a str],
    /// Devices that must exist.
    pub devices: &'a [&'a str],
    /// How long the process apart may take before it is ended.
    pub limit: Duration,
}

/// Runs `body` in a process apart, with an empty directory in memory; `test` is the full name of
/// the test that calls this, which is run again there.
///
/// # Panics
/// If the process apart fails, takes too long or leaves a loop device behind. If this machine
/// cannot do it, that is only said.
pub fn apart(needs: Needs<'_>, test: &str, body: impl FnOnce(&Path)) {
    if let Some(dir) = env::var_os(APART) {
        let dir = PathBuf::from(dir);
        let options = Some(c"size=3g,mode=0700");
        mount("none", &dir, "tmpfs", MountFlags::empty(), options).expect("a tmpfs");
        body(&dir);
        return;
    }
    if let Some(reason) = lacks(&needs) {
        rigs::skip(needs.rig, &reason);
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    run_again(&needs, test, dir.path());
    let left = attached(dir.path());
    assert!(left.is_empty(), "loop devices left behind: {left:?}");
}

/// What this machine lacks, if anything.
fn lacks(needs: &Needs<'_>) -> Option<String> {
    if !rustix::process::getuid().is_root() {
        return Some("needs root, to mount file systems".to_owned());
    }
    let devices = needs.devices.iter().chain(&["/dev/loop-control"]);
    if let Some(device) = devices.into_iter().find(|path| !Path::new(path).exists()) {
        return Some(format!("no {device}"));
    }
    let programs = needs
        .programs
        .iter()
        .chain(&["setpriv", "unshare", "losetup"]);
    let missing = programs.into_iter().find(|name| !is_installed(name));
    if let Some(missing) = missing {
        return Some(format!("{missing} is not installed"));
    }
    let made = needs.programs.iter();
    let made = made.filter_map(|name| name.strip_prefix("mkfs."));
    if let Some(unknown) = made.into_iter().find(|name| !is_known(name)) {
        return Some(format!("this kernel has no {unknown}"));
    }
    let tried = Command::new("unshare").args(OWN_WORLD).arg("true").output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare: {error}")),
    }
}

/// Whether the kernel can mount a kind of file system.
fn is_known(kind: &str) -> bool {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let loaded = || Command::new("modprobe").arg(kind).output();
    known.split_whitespace().any(|name| name == kind)
        || loaded().is_ok_and(|output| output.status.success())
}

fn is_installed(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.into_iter().any(|folder| folder.join(name).exists())
}

fn run_again(needs: &Needs<'_>, test: &str, dir: &Path) {
    let own = env::current_exe().expect("the path of this program");
    // Should this process be killed, that one is, too.
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare"])
        .args(OWN_WORLD)
        .arg(own)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(APART, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("setpriv can be started");
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child to wait for") {
            break status;
        }
        if begun.elapsed() > needs.limit {
            // The kernel ends everything in there with it.
            let _ = child.kill();
            let _ = child.wait();
            panic!("{test}: not done after {:?}", needs.limit);
        }
        thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{test}, apart: {status}");
}

/// Loop devices on files in this directory; the kernel may take a moment to detach them.
fn attached(dir: &Path) -> Vec<String> {
    let dir = dir.display().to_string();
    let mut left = Vec::new();
    for _ in 0..100 {
        let entries = fs::read_dir("/sys/block").into_iter().flatten().flatten();
        let files = entries.map(|entry| entry.path().join("loop/backing_file"));
        let files = files.filter_map(|path| fs::read_to_string(path).ok());
        left = files.filter(|file| file.contains(&dir)).collect();
        if left.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    left
}

/// The process apart finds its directory here.
const APART: &str = "JOURNAL_APART";

const OWN_WORLD: [&str; 7] = [
    "--mount",
    "--propagation",
    "private",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];
