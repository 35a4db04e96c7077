//! What sessions become, rule by rule.

mod beside;
mod random;
mod reused;
mod scenarios;
mod spans;
mod status;
