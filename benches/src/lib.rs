//! Seeded inputs for the benches, and how times are taken.
//!
//! [`traffic`] makes captures, [`doors`] configurations, [`measure`] compares the time of several pieces of work,
//! [`picture`] draws what came of it. The numbers are explained in `benches/README.md`.
#![forbid(unsafe_code)]

pub mod crowd;
pub mod doors;
pub mod measure;
pub mod picture;
pub mod traffic;
