//! The port-knock daemon as a pure state machine.
#![forbid(unsafe_code)]

pub mod clause;
pub mod config;
mod deadlines;
pub mod engine;
pub mod event;
pub mod flags;
pub mod job;
pub mod knock;
mod knocks;
pub mod log_limit;
pub mod one_time;
pub mod port;
mod quote;
pub mod repeats;
pub mod sequence;
pub mod time;
pub mod wire;
