//! How a doorkeeper begins: it takes over what the one before it has left.

use std::{
    ffi::OsStr,
    fs, io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
};
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

use crate::daemon::{
    boot,
    channel::Channel,
    journal::{
        Journal, OpenError,
        folder::Folder,
        record::{Key, Recovered},
    },
    message::{Setup, ToKeeper},
    pid_file::{PidFile, PidFileError},
};

/// How long an orphan may take to hand over what it has.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the pid file is tried meanwhile, in milliseconds.
const TRY_EVERY: u16 = 10;

fn path(bytes: &[u8]) -> PathBuf {
    Path::new(OsStr::from_bytes(bytes)).to_owned()
}

/// Replaces standard input by /dev/null; gives what it was.
pub(super) fn take_socket() -> io::Result<OwnedFd> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    nix::unistd::dup2_stdin(fs::File::open("/dev/null")?)?;
    Ok(socket)
}

/// The signals that end a program which does not mind them, and the end of a command. A file that may not grow is then
/// an error like a full disk.
pub(super) fn signals() -> nix::Result<SignalFd> {
    let mut mask = SigSet::empty();
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGALRM] {
        mask.add(signal);
    }
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGCHLD, Signal::SIGXFSZ] {
        mask.add(signal);
    }
    mask.thread_block()?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// The watcher's first message; `None` if it has ended before.
pub(super) fn first_message(watcher: &mut Channel) -> io::Result<Option<Setup>> {
    loop {
        let more = watcher.receive().map_err(io::Error::other)?;
        match watcher.take().map_err(io::Error::other)? {
            Some(ToKeeper::Setup(setup)) => return Ok(Some(*setup)),
            Some(_) => return Ok(None),
            None if !more => return Ok(None),
            None => {
                poll(&mut [PollFd::new(watcher.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
            }
        }
    }
}

/// Takes the pid file. Its owner may be the orphan of a daemon that has just died, and about to give it up.
pub(super) fn pid_file(setup: &Setup) -> Result<PidFile, PidFileError> {
    let path = path(&setup.pid_file);
    let end = boot::now().saturating_add(PATIENCE);
    loop {
        match PidFile::take(&path, setup.watcher) {
            Err(PidFileError::Taken(_, process)) if !lives(&process) && boot::now() < end => {
                poll(&mut [], TRY_EVERY).ok();
            }
            other => return other,
        }
    }
}

/// Whether a process is there and has not ended.
fn lives(process: &str) -> bool {
    let Ok(about) = fs::read_to_string(format!("/proc/{process}/stat")) else {
        return !Path::new("/proc/self").exists();
    };
    // Its state stands behind its name, which may hold anything.
    !about.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

/// Opens the journal. If another doorkeeper has it, that one is asked to hand it over, which it does if it is an orphan.
pub(super) fn journal(setup: &Setup) -> Result<(Journal, Recovered), OpenError> {
    let key =
        Key { pid_file: setup.pid_file.clone(), config: setup.config.clone(), interface: setup.interface.clone() };
    let user = rustix::process::geteuid().as_raw();
    let mut asked = false;
    loop {
        let (folder, make) = place(setup);
        let folder = Folder::open(&folder, user, make).map_err(OpenError::Unsafe)?;
        match Journal::open(folder, key.clone(), user) {
            Err(OpenError::Locked(process)) if !asked && process > 0 => {
                // If it has ended meanwhile, there is nobody to ask, and the second try shows it.
                ask(process).ok();
                asked = true;
            }
            other => return other,
        }
    }
}

/// Where the journal lies, and whether that folder may be made.
fn place(setup: &Setup) -> (PathBuf, bool) {
    if let Some(folder) = &setup.state {
        return (path(folder), true);
    }
    let state = std::env::var_os("STATE_DIRECTORY").unwrap_or_default();
    // systemd lists several with colons between them.
    let first = state.as_bytes().split(|byte| *byte == b':').next().unwrap_or_default();
    if !first.is_empty() {
        return (path(first), false);
    }
    (path(&setup.pid_file).parent().unwrap_or(Path::new("/")).to_owned(), false)
}

/// Asks a process to hand over the journal, and waits for its end, but not for ever.
fn ask(process: i32) -> io::Result<()> {
    let process = Pid::from_raw(process).ok_or(io::ErrorKind::NotFound)?;
    let handle = pidfd_open(process, PidfdFlags::empty())?;
    pidfd_send_signal(&handle, rustix::process::Signal::USR1)?;
    let timeout = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
    poll(&mut [PollFd::new(handle.as_fd(), PollFlags::POLLIN)], timeout)?;
    Ok(())
}
