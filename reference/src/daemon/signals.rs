//! Signals, read like any other input.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// SIGHUP: read the configuration again (PROC-3).
    Reload,
    /// SIGTERM or SIGINT: end (PROC-4).
    Quit,
}

/// The signals that the daemon listens to.
#[derive(Debug)]
pub(super) struct Signals(SignalFd);

impl Signals {
    /// Holds them back from now on, to be read. Programs that are started get none of this: they begin with an empty mask.
    pub(super) fn listen() -> io::Result<Self> {
        let signals: SigSet = [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
        signals.thread_block()?;
        Ok(Self(SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?))
    }

    /// The next that has come.
    pub(super) fn next(&self) -> io::Result<Option<Request>> {
        let Some(signal) = self.0.read_signal()? else { return Ok(None) };
        let hup = u32::try_from(Signal::SIGHUP as i32).is_ok_and(|hup| signal.ssi_signo == hup);
        Ok(Some(if hup { Request::Reload } else { Request::Quit }))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
