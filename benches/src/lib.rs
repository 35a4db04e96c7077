//! Criterion benches of the journal.
