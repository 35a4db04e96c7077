//! Runs that several openings of one directory share, and what belongs to one opening alone.

mod append;
mod ending;
mod in_child;
mod opening;
mod place;
mod run;
mod table;

pub(crate) use in_child::InChild;
pub(crate) use opening::{EndingOf, Opening, Policy};
pub(crate) use place::{Join, RunPlace};
pub(crate) use run::{SharedParts, SharedRun};
pub(crate) use table::{PlaceKey, place};
