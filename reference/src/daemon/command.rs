//! Runs commands through `/bin/sh -c` (CMD-1), without copying the daemon: the C library's posix_spawn.
//!
//! A command gets standard input from /dev/null, the daemon's standard output and error, its environment, default signal
//! dispositions, a session of its own, and nothing else (CMD-9).

use std::{
    ffi::{CStr, CString, OsString},
    fs,
    os::unix::ffi::OsStringExt,
};

use nix::{
    errno::Errno,
    libc,
    spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn},
    sys::signal::SigSet,
    unistd::Pid,
};

/// In spawn.h, but not in nix: the new process gets a session of its own.
const SETSID: libc::c_int = 0x80;

/// What commands are run with; made once.
#[derive(Debug)]
pub struct Shell {
    attributes: PosixSpawnAttr,
    files: PosixSpawnFileActions,
    environment: Vec<CString>,
}

/// Why a command does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It never will.
    Never(&'static str),
    /// The system lacks something now.
    Now(Errno),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Never(why) => f.write_str(why),
            Self::Now(error) => f.write_str(error.desc()),
        }
    }
}

impl std::error::Error for Refusal {}

impl Shell {
    /// Takes this process's environment, less the variables of these names. Its standard input must be /dev/null
    /// already; descriptors above 2 that would outlive an execution are closed in every command: whoever started the
    /// daemon has left them open.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn new(without: &[&str]) -> nix::Result<Self> {
        let mut attributes = PosixSpawnAttr::init()?;
        let flags = PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK;
        attributes.set_flags(PosixSpawnFlags::from_bits_retain(flags.bits() | SETSID))?;
        attributes.set_sigdefault(&SigSet::all())?;
        attributes.set_sigmask(&SigSet::empty())?;
        let mut files = PosixSpawnFileActions::init()?;
        for descriptor in inherited() {
            files.add_close(descriptor)?;
        }
        let kept = std::env::vars_os().filter(|(name, _)| without.iter().all(|other| name != other));
        let environment = kept.filter_map(|(name, value)| variable(name, value)).collect();
        Ok(Self { attributes, files, environment })
    }

    /// Starts a command.
    ///
    /// # Errors
    ///
    /// The system refuses it, or it holds a NUL byte, at which the shell would cut it (CMD-5).
    pub fn start(&self, command: &[u8]) -> Result<Pid, Refusal> {
        let command = CString::new(command).map_err(|_| Refusal::Never("it holds a NUL byte"))?;
        let words = [c"sh", c"-c", &command];
        self.program(c"/bin/sh", &words)
            .map_err(|error| if error == Errno::E2BIG { Refusal::Never(error.desc()) } else { Refusal::Now(error) })
    }

    /// Starts a program.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn program(&self, path: &CStr, words: &[&CStr]) -> nix::Result<Pid> {
        posix_spawn(path, &self.files, &self.attributes, words, &self.environment)
    }

    /// Adds a variable to the environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.extend(variable(name.into(), value.into()));
    }
}

fn variable(mut name: OsString, value: OsString) -> Option<CString> {
    name.push("=");
    name.push(value);
    CString::new(name.into_vec()).ok()
}

/// Descriptors above 2 that stay open when a program is executed. All of the daemon's own close.
fn inherited() -> Vec<i32> {
    // Where /proc is not there, nothing is known of them.
    let Ok(entries) = fs::read_dir("/proc/self/fdinfo") else { return Vec::new() };
    let open = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let descriptor = entry.file_name().to_str()?.parse().ok()?;
        let flags = fs::read_to_string(entry.path()).ok()?;
        let flags = flags.lines().find_map(|line| line.strip_prefix("flags:"))?.trim();
        let closes = i32::from_str_radix(flags, 8).ok()? & libc::O_CLOEXEC != 0;
        (descriptor > 2 && !closes).then_some(descriptor)
    });
    open.collect()
}
