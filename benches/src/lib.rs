//! Seeded inputs for the benches, and how times are taken.
//!
//! [`traffic`] makes captures, [`doors`] configurations, [`measure`] compares the time of several pieces of work. The
//! numbers that come of them are explained in `benches/README.md`.
#![forbid(unsafe_code)]

pub mod crowd;
pub mod doors;
pub mod measure;
pub mod traffic;
