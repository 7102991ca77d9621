//! The real doorkeeper, driven over its socket by tests that take the watcher's part.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these tests start processes and look at what they leave on the disk"
)]

mod commands;
mod crash;
mod journals;
mod life;
mod logs;
mod marks;
mod world;
