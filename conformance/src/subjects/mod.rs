//! The subjects: everything that carries a case to a daemon.

#[cfg(target_os = "linux")]
pub mod live;
#[cfg(target_os = "linux")]
pub mod original;
#[cfg(feature = "replay")]
pub mod replay;
