//! What holds for any bytes at all, told once: [`TARGETS`] are plain functions that panic where something does not.
//!
//! libFuzzer drives them (`run.sh`, feature `libfuzzer`), and an ordinary test feeds them the corpora that it has left
//! behind and the [`seeds`] from real captures and configurations, on the stable toolchain and without a C++ compiler.
#![forbid(unsafe_code)]

mod config;
mod decoder;
#[cfg(feature = "live")]
mod journal;
mod one_time;
#[path = "../../tests/wire/oracles.rs"]
mod oracles;
#[expect(clippy::disallowed_methods, reason = "seeds are made from the project's own files")]
pub mod seeds;

pub use config::config;
pub use decoder::decoder;
#[cfg(feature = "live")]
pub use journal::journal;
pub use one_time::one_time;

/// One of the functions: panics if something that must hold for these bytes does not.
pub type Target = fn(&[u8]);

/// All of them, each with its name, which is also that of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("decoder", decoder),
    ("config", config),
    ("one_time", one_time),
    #[cfg(feature = "live")]
    ("journal", journal),
];
