//! A simulated disk behind the storage seam: everything a power loss or a failing call may do,
//! decided by one seed.

mod calls;
mod directory;
mod disk;
mod fault;
mod file;
mod folder;
mod forks;
mod handle;
mod image;
mod mapping;
mod opened;
mod process;
mod programs;
mod rot;

pub use directory::Deed;
pub use disk::{ChangeHook, SimDisk};
pub use fault::{Bug, Fault, Faults};
pub use file::{SECTOR, Style};
pub use forks::Forked;
pub use image::Image;
pub use process::Process;
pub use programs::{Locks, TMPFS};
