//! The subjects: everything that carries a case to a daemon.

pub mod live;
#[cfg(feature = "replay")]
pub mod replay;
