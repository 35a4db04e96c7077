//! Files of a real directory.
#[derive(Debug)]
pub struct DiskStorage;
