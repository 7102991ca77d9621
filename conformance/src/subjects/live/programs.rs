//! The programs that a daemon's commands call: each tells its name and arguments, takes its time and ends.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::{OpenOptionsExt, PermissionsExt},
    },
};

use nix::{errno::Errno, fcntl::OFlag, sys::stat::Mode, unistd::mkfifo};

use super::plan::Program;
use crate::time::{Nanos, SECOND};

/// Where they are: first in the daemon's `PATH`.
pub(super) const DIRECTORY: &str = "/run/programs";
/// Where they tell of themselves.
const REPORTS: &str = "/run/programs/.reports";

/// What the programs tell.
pub(super) struct Reports {
    pipe: File,
    unread: Vec<u8>,
}

impl Reports {
    /// Makes the programs.
    pub(super) fn new(programs: &[Program]) -> io::Result<Self> {
        fs::create_dir(DIRECTORY)?;
        mkfifo(REPORTS, Mode::S_IRUSR | Mode::S_IWUSR)?;
        for program in programs {
            let path = format!("{DIRECTORY}/{}", program.name);
            fs::write(&path, script(program))?;
            fs::set_permissions(path, Permissions::from_mode(0o755))?;
        }
        // Open for writing too, so that it does not end when a program does.
        let nonblocking = OFlag::O_NONBLOCK.bits();
        let pipe = OpenOptions::new().read(true).write(true).custom_flags(nonblocking).open(REPORTS)?;
        Ok(Self { pipe, unread: Vec::new() })
    }

    /// The commands that were run since it was asked last.
    pub(super) fn read(&mut self) -> io::Result<Vec<String>> {
        let mut bytes = [0; 8192];
        loop {
            match self.pipe.read(&mut bytes) {
                Ok(0) => break,
                Ok(length) => self.unread.extend(&bytes[..length]),
                Err(error) if error.raw_os_error() == Some(Errno::EAGAIN as i32) => break,
                Err(error) => return Err(error),
            }
        }
        let mut reports = Vec::new();
        while let Some(end) = self.unread.iter().position(|byte| *byte == 0) {
            let report: Vec<u8> = self.unread.drain(..=end).collect();
            reports.push(String::from_utf8_lossy(&report[..end]).into_owned());
        }
        Ok(reports)
    }
}

impl AsFd for Reports {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// The shell is the cheapest program that is everywhere, and the one that runs the command anyway. A report ends in a
/// zero byte, which no argument can hold.
fn script(program: &Program) -> String {
    let Program { name, takes, status } = program;
    let mut script = format!("#!/bin/sh\nset -- '{name}' \"$@\"\nprintf '%s\\0' \"$*\" >{REPORTS}\n");
    if *takes != Nanos(0) {
        script += &format!("/bin/sleep {}.{:09}\n", takes.0 / SECOND.0, takes.0 % SECOND.0);
    }
    script + &format!("exit {status}\n")
}
