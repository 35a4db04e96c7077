//! What the machine itself takes: the least code that gives each guarantee.
//!
//! A frame here is a length, a CRC-32 and the payload: 8 bytes more than the payload. Floors do
//! less than a journal: no segments, no state after an error, no word in the file about what is
//! durable.

mod frame;
mod fresh;
mod grouped;
mod mapped;
mod one_write;
mod pieces;
mod read;
mod warm;

pub use fresh::Fresh;
pub use grouped::Grouped;
pub use mapped::Mapped;
pub use one_write::OneWrite;
pub use pieces::Pieces;
pub use read::count_frames;
pub use warm::Warm;
