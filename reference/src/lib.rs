//! The port-knock daemon as a pure state machine.
#![forbid(unsafe_code)]

pub mod clause;
pub mod config;
pub mod flags;
pub mod port;
mod quote;
pub mod sequence;
pub mod time;
pub mod wire;
