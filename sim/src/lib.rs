//! Captures through the engine.
#![forbid(unsafe_code)]
