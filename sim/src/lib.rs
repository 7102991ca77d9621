//! Captures through the engine.
#![forbid(unsafe_code)]

pub mod capture;
