//! Captures through the engine: what a conforming port-knock daemon decides about recorded packets, and why.
//!
//! [`capture`] reads captures, [`replay`] feeds them to [`knockd::engine::Engine`] and shows what comes out. The binary
//! `knocksim` is a thin command line over [`replay::run`].
#![forbid(unsafe_code)]

pub mod capture;
pub mod cli;
pub mod replay;
