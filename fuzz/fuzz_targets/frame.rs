//! Any bytes in a segment: see the rig function.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| journal_tests::fuzz::frame(bytes));
