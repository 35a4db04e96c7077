//! What all fuzz targets share.

use journal_tests::fuzz::Target;
use journal_tests::counting_allocator::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Does with an input what the target of this name does, within the limits of memory and work.
///
/// # Panics
/// If the target finds something.
pub fn check(target: &str, input: &[u8]) {
    Target::named(target).check(input);
}
