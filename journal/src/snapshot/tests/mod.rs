//! What sessions become, rule by rule.

mod random;
mod scenarios;
mod spans;
mod status;
