//! The processes that are judged: started, signalled, heard and seen to end.

use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
    process::{Command, Stdio},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::{
        signal::{SigSet, Signal, kill},
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, read},
};

use super::{layout::inside, logs::Lines, plan::Plan, programs};

/// Who ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The daemon or client that is judged, as it was started.
    Judged,
    /// The second daemon.
    Second,
    /// Anybody else: a daemon in the background, a command, a companion.
    Other,
}

/// The processes of a world.
pub(super) struct Processes {
    program: PathBuf,
    started: PathBuf,
    arguments: Vec<String>,
    goes_into_background: bool,
    pid_files: Vec<PathBuf>,
    judged: Option<Pid>,
    /// Whether it is in the background: another process than the one that was started.
    is_in_background: bool,
    second: Option<Pid>,
    outputs: Vec<(OwnedFd, Lines)>,
    ends: SignalFd,
    mask: SigSet,
}

impl Processes {
    /// Nobody yet.
    pub(super) fn new(plan: &Plan) -> io::Result<Self> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGCHLD);
        mask.thread_block()?;
        let ends = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self {
            program: plan.program.clone(),
            started: plan.started.clone(),
            arguments: plan.arguments.clone(),
            goes_into_background: plan.in_background,
            pid_files: plan.pid_files.iter().map(|name| inside(name)).collect(),
            judged: None,
            is_in_background: false,
            second: None,
            outputs: Vec::new(),
            ends,
            mask,
        })
    }

    /// Starts the program, as the one that is judged or as a second one.
    pub(super) fn start(&mut self, role: Role) -> io::Result<()> {
        let mut command = Command::new(&self.started);
        command.args(&self.arguments).env_clear();
        command.env(
            "PATH",
            format!("{}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", programs::DIRECTORY),
        );
        command.env("HOME", "/").env("LANG", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A child inherits the mask, and a daemon that waits for its commands is not to be deaf to their ends.
        self.mask.thread_unblock()?;
        let started = command.spawn();
        self.mask.thread_block()?;
        let mut child = started.map_err(|error| io::Error::other(format!("{}: {error}", self.started.display())))?;
        let pipes = [child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from)];
        for pipe in pipes.into_iter().flatten() {
            fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            self.outputs.push((pipe, Lines::default()));
        }
        // A process number is far below 2^31.
        let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
        match role {
            Role::Judged => (self.judged, self.is_in_background) = (Some(pid), false),
            Role::Second | Role::Other => self.second = Some(pid),
        }
        Ok(())
    }

    /// Whether the one that is judged is there.
    pub(super) fn is_alive(&self) -> bool {
        self.judged.is_some()
    }

    /// Sends it a signal; to nobody, if it is gone. A daemon in the background is the process of its pid file.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = if self.is_in_background { self.of_pid_file() } else { self.judged };
        match pid.map(|pid| kill(pid, signal)) {
            None | Some(Ok(()) | Err(Errno::ESRCH)) => Ok(()),
            Some(Err(error)) => Err(error.into()),
        }
    }

    /// The lines on standard output and standard error since it was asked last.
    pub(super) fn said(&mut self) -> io::Result<Vec<String>> {
        let mut said = Vec::new();
        let mut bytes = [0; 8192];
        let mut place = 0;
        while let Some((pipe, lines)) = self.outputs.get_mut(place) {
            match read(&*pipe, &mut bytes) {
                Ok(0) => {
                    said.extend(lines.rest());
                    self.outputs.remove(place);
                }
                Ok(length) => said.extend(lines.push(&bytes[..length])),
                Err(Errno::EAGAIN) => place += 1,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(said)
    }

    /// What was said so far without a line's end: asked when all is over.
    pub(super) fn last_said(&mut self) -> Vec<String> {
        self.outputs.iter_mut().filter_map(|(_, lines)| lines.rest()).collect()
    }

    /// Who ended since it was asked last, and how. The first process of a world is everybody's parent in the end.
    pub(super) fn ended(&mut self) -> io::Result<Vec<(Role, i32)>> {
        while self.ends.read_signal()?.is_some() {}
        let mut ended = Vec::new();
        loop {
            let (pid, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, status)) => (pid, status),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as i32),
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(ended),
                Ok(_) => continue,
                Err(error) => return Err(error.into()),
            };
            let role = if self.judged == Some(pid) && self.is_in_background {
                self.judged = None;
                Role::Other
            } else if self.judged == Some(pid) {
                // A command's process, or a companion, also runs the daemon's program and has lost its parent.
                self.judged = if self.goes_into_background { self.successor()? } else { None };
                self.is_in_background = self.judged.is_some();
                Role::Judged
            } else if self.second == Some(pid) {
                self.second = None;
                Role::Second
            } else {
                Role::Other
            };
            ended.push((role, status));
        }
    }

    fn of_pid_file(&self) -> Option<Pid> {
        let texts = self.pid_files.iter().filter_map(|file| fs::read_to_string(file).ok());
        // 0 and -1 would be everybody.
        texts.filter_map(|text| text.trim().parse().ok()).find(|number| *number > 1).map(Pid::from_raw)
    }

    /// The daemon that went into the background: an orphan, so a child of this process, that runs the same program.
    fn successor(&self) -> io::Result<Option<Pid>> {
        let program = fs::canonicalize(&self.program)?;
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            let process = PathBuf::from(format!("/proc/{number}"));
            // A process may be gone by now.
            let (Ok(runs), Ok(stat)) = (fs::read_link(process.join("exe")), fs::read_to_string(process.join("stat")))
            else {
                continue;
            };
            let pid = Pid::from_raw(number);
            if runs == program && parent(&stat) == Some(std::process::id()) && self.second != Some(pid) {
                found.push(pid);
            }
        }
        Ok(found.into_iter().min())
    }

    /// What to wait for: outputs and ends.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.outputs.iter().map(|(pipe, _)| pipe.as_fd()).chain([self.ends.as_fd()])
    }
}

/// The parent's number in a process's `stat`: the second word after its name, which is in parentheses.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Whether anybody on this host sees packets.
pub(super) fn has_packet_socket() -> io::Result<bool> {
    let table = fs::read_to_string("/proc/net/packet")?;
    // A heading; then in the fourth column the protocol, which is none until the socket is bound.
    Ok(table.lines().skip(1).any(|line| line.split_whitespace().nth(3).is_some_and(|protocol| protocol != "0000")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        assert_eq!(parent("7 (a) b (c) S 12 7 7 0"), Some(12));
        assert_eq!(parent("7 (a"), None);
    }
}
