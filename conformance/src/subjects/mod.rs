//! The subjects: everything that carries a case to a daemon.

#[cfg(feature = "replay")]
pub mod replay;
