//! Small file systems in files.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate, syncfs};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// The file systems that promise something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// ext4.
    Ext4,
    /// XFS, with shared extents.
    Xfs,
    /// Btrfs.
    Btrfs,
}

impl Made {
    /// All of them.
    pub const ALL: [Made; 3] = [Made::Ext4, Made::Xfs, Made::Btrfs];

    /// Programs that make them.
    pub const PROGRAMS: [&str; 3] = ["mkfs.ext4", "mkfs.xfs", "mkfs.btrfs"];

    /// The name the system knows it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Made::Ext4 => "ext4",
            Made::Xfs => "xfs",
            Made::Btrfs => "btrfs",
        }
    }

    /// A small size it can have.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Made::Ext4 => 24 << 20,
            Made::Xfs => 300 << 20,
            Made::Btrfs => 112 << 20,
        }
    }

    /// Makes one in a new file.
    ///
    /// # Panics
    /// If that cannot be done.
    pub fn format(self, image: &Path) {
        self.format_of(image, self.bytes());
    }

    fn format_of(self, image: &Path, bytes: u64) {
        let file = File::create_new(image).expect("a new file");
        file.set_len(bytes).expect("a file with holes");
        let options: &[&str] = match self {
            Made::Ext4 => &[
                "-q",
                "-F",
                "-m",
                "0",
                "-e",
                "remount-ro",
                "-E",
                "lazy_itable_init=0,nodiscard",
            ],
            Made::Xfs => &["-q", "-K", "-m", "reflink=1"],
            Made::Btrfs => &["-q", "-K"],
        };
        let program = format!("mkfs.{}", self.name());
        run(Command::new(program).args(options).arg(image));
    }
}

/// A file as a block device, for as long as this lives or something is mounted from it.
#[derive(Debug)]
pub struct Loop {
    /// Its path.
    pub device: PathBuf,
    held: File,
}

impl Loop {
    /// Makes a device of a file.
    ///
    /// # Panics
    /// If that cannot be done.
    #[must_use]
    pub fn attach(image: &Path) -> Loop {
        let said = run(Command::new("losetup")
            .args(["--find", "--show"])
            .arg(image));
        let device = PathBuf::from(said.trim());
        let held = File::open(&device);
        // While it is in use this only says: detach it as soon as it no longer is.
        run(Command::new("losetup").arg("--detach").arg(&device));
        Loop {
            device,
            held: held.expect("a device that can be opened"),
        }
    }

    /// Forgets what was read from the device, after the file below was changed.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn forget(&self) {
        fadvise(&self.held, 0, None, Advice::DontNeed).expect("a cache to be dropped");
    }

    /// Mounts what is on the device.
    ///
    /// # Errors
    /// As the system says.
    pub fn mount(&self, made: Made, at: &Path) -> io::Result<Mounted> {
        let flags = MountFlags::NOATIME;
        mount(&self.device, at, made.name(), flags, None)?;
        Ok(Mounted(at.to_owned()))
    }
}

/// A small file system, made and mounted.
#[derive(Debug)]
pub struct Disk {
    mounted: Mounted,
    /// Its device.
    pub device: Loop,
    made: Made,
}

impl Disk {
    /// Makes and mounts one; its files are called after `name`.
    ///
    /// # Panics
    /// If that cannot be done.
    #[must_use]
    pub fn new(dir: &Path, name: &str, made: Made) -> Disk {
        Disk::of_bytes(dir, name, made, made.bytes())
    }

    /// As [`new`](Disk::new), of this size.
    ///
    /// # Panics
    /// If that cannot be done.
    #[must_use]
    pub fn of_bytes(dir: &Path, name: &str, made: Made, bytes: u64) -> Disk {
        let image = dir.join(format!("{name}.image"));
        made.format_of(&image, bytes);
        let device = Loop::attach(&image);
        // The device keeps the file as long as it needs it.
        std::fs::remove_file(&image).expect("an image to remove");
        let at = dir.join(name);
        std::fs::create_dir(&at).expect("a new directory");
        let mounted = device.mount(made, &at).expect("a file system to mount");
        Disk {
            mounted,
            device,
            made,
        }
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.mounted.path()
    }

    /// Unmounts it and mounts it again, as after a restart.
    ///
    /// # Panics
    /// If it cannot be mounted.
    #[must_use]
    pub fn again(self) -> Disk {
        let Disk {
            mounted,
            device,
            made,
        } = self;
        let at = mounted.path().to_owned();
        drop(mounted);
        let mounted = device.mount(made, &at).expect("a file system to mount");
        Disk {
            mounted,
            device,
            made,
        }
    }

    /// Makes the file system find an error in itself, after which it takes no more writes.
    ///
    /// # Panics
    /// If it cannot be made to.
    pub fn fail(&self) {
        match self.made {
            Made::Ext4 => {
                let name = self.device.device.file_name().expect("a device");
                let trigger = Path::new("/sys/fs/ext4")
                    .join(name)
                    .join("trigger_fs_error");
                std::fs::write(trigger, "1").expect("an error to trigger");
            }
            Made::Xfs => {
                let shutdown = ["-x", "-c", "shutdown"];
                run(Command::new("xfs_io").args(shutdown).arg(self.path()));
            }
            Made::Btrfs => panic!("there is no way to make it fail"),
        }
    }
}

/// A mounted file system; dropping it unmounts it.
#[derive(Debug)]
pub struct Mounted(PathBuf);

impl Mounted {
    /// A file system in memory, of so many bytes.
    ///
    /// # Panics
    /// If it cannot be mounted.
    #[must_use]
    pub fn in_memory(at: &Path, bytes: u64) -> Mounted {
        let options = std::ffi::CString::new(format!("size={bytes}")).expect("no zeros");
        let flags = MountFlags::empty();
        mount("none", at, "tmpfs", flags, Some(options.as_c_str())).expect("a tmpfs");
        Mounted(at.to_owned())
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A thread that is about to end may still hold a file; what is unmounted only in name
        // would go on changing the device.
        for _ in 0..500 {
            match unmount(&self.0, UnmountFlags::empty()) {
                Err(Errno::BUSY) => sleep(Duration::from_millis(10)),
                Err(_) => break,
                Ok(()) => return,
            }
        }
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// A file that takes all the space there is; dropping it gives the space back.
#[derive(Debug)]
pub struct Filler {
    path: PathBuf,
    file: File,
    len: u64,
}

impl Filler {
    /// Takes all space but about `spare` bytes.
    ///
    /// # Panics
    /// If that fails for another reason than a full disk.
    #[must_use]
    pub fn new(path: &Path, spare: u64) -> Filler {
        let file = File::create(path).expect("a file");
        let mut filler = Filler {
            path: path.to_owned(),
            file,
            len: 0,
        };
        filler.eat();
        if spare > 0 {
            filler.len = filler.len.saturating_sub(spare);
            filler.file.set_len(filler.len).expect("a shorter file");
            syncfs(&filler.file).expect("space given back");
        }
        filler
    }

    /// Takes all space there is now.
    ///
    /// # Panics
    /// If that fails for another reason than a full disk.
    pub fn eat(&mut self) {
        // Space that the file system frees late is found by the second round.
        for _ in 0..2 {
            let mut part = 64 << 20;
            while part >= PAGE_LEN {
                match fallocate(&self.file, FallocateFlags::empty(), self.len, part) {
                    Ok(()) => self.len += part,
                    Err(Errno::INTR) => {}
                    Err(Errno::NOSPC) => part /= 2,
                    Err(error) => panic!("a filler of {} bytes: {error}", self.len),
                }
            }
            while self.file.write_all_at(&[0xF1; 4096], self.len).is_ok() {
                self.len += PAGE_LEN;
            }
            // A full disk may fail this, too.
            let _ = syncfs(&self.file);
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        let _ = self.file.set_len(0);
        let _ = syncfs(&self.file);
    }
}

/// Runs a program to its end and gives what it printed.
///
/// # Panics
/// If it fails.
pub fn run(command: &mut Command) -> String {
    // System programs may be where an ordinary user does not look.
    let path = std::env::var("PATH").unwrap_or_default();
    let command = command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    let output = command.output().expect("a program that can be started");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}: {words}",
        output.status
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const PAGE_LEN: u64 = 4096;
