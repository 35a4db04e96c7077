//! What the body does with any bytes stands in the rig.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| journal_fuzz::check("hostile", bytes));
