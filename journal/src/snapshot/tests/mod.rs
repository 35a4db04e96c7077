//! What sessions become, rule by rule.

mod scenarios;
mod spans;
mod status;
