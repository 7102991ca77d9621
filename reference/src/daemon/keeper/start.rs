//! How a doorkeeper begins: it takes over what the one before it has left.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::daemon::{
    boot,
    journal::{
        Journal, OpenError,
        folder::Folder,
        record::{Key, Recovered},
    },
    message::Setup,
    pid_file::{PidFile, PidFileError},
};

/// How long an orphan may take to hand over what it has.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the pid file is tried meanwhile, in milliseconds.
const TRY_EVERY: u16 = 10;

fn path(bytes: &[u8]) -> PathBuf {
    Path::new(OsStr::from_bytes(bytes)).to_owned()
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
    pidfd_send_signal(&handle, Signal::USR1)?;
    let timeout = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
    poll(&mut [PollFd::new(std::os::fd::AsFd::as_fd(&handle), PollFlags::POLLIN)], timeout)?;
    Ok(())
}
