//! What a run says of the process that opened it.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::event::system::RunOpen;
use crate::event::{Map, codec};

/// The process that opened a run, and what it says of itself.
///
/// What it does not say is empty, or 0.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunOrigin {
    /// Its number.
    pub pid: u32,
    /// The machine's name.
    pub host: String,
    /// Which boot of the machine it was in.
    pub boot_id: String,
    /// The program.
    pub program: String,
    /// The program's version.
    pub program_version: String,
    /// The version of this library it has.
    pub library_version: String,
    /// Encoded.
    resource: Vec<u8>,
}

impl RunOrigin {
    /// What the program said of itself with
    /// [`JournalOptions::resource`](crate::JournalOptions::resource).
    #[must_use]
    pub fn resource(&self) -> Map<'_> {
        codec::decode_members(&self.resource).unwrap_or_default()
    }

    pub(super) fn of(open: &RunOpen<'_>) -> RunOrigin {
        RunOrigin {
            pid: open.pid,
            host: open.host.clone().into_owned(),
            boot_id: open.boot_id.clone().into_owned(),
            program: open.program.clone().into_owned(),
            program_version: open.program_version.clone().into_owned(),
            library_version: open.library_version.clone().into_owned(),
            resource: open.resource.clone().into_owned(),
        }
    }
}

impl Serialize for RunOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("RunOrigin", 7)?;
        json.serialize_field("pid", &self.pid)?;
        json.serialize_field("host", &self.host)?;
        json.serialize_field("boot_id", &self.boot_id)?;
        json.serialize_field("program", &self.program)?;
        json.serialize_field("program_version", &self.program_version)?;
        json.serialize_field("library_version", &self.library_version)?;
        json.serialize_field("resource", &self.resource())?;
        json.end()
    }
}
