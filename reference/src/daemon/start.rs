//! Going into the background, and telling whoever started the daemon that it listens (PROC-2).

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram, UnixStream},
            process::{CommandExt, ExitStatusExt},
        },
    },
    process::{Command, ExitCode, Stdio},
};

use nix::{
    sys::{
        prctl,
        stat::{SFlag, fstat},
    },
    unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid},
};

use super::{clock::Moment, error::Error, options::Called};

/// This program, as it was started, even if its file has been replaced since.
const SELF: &str = "/proc/self/exe";

/// What tells that the daemon listens.
const LISTENS: &[u8] = b"\n";

fn system(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::System { what, error }
}

/// This program with other arguments.
pub(super) fn program() -> Command {
    let mut command = match std::path::Path::new(SELF).exists() {
        true => Command::new(SELF),
        false => Command::new(std::env::args_os().next().unwrap_or_else(|| "knockd".into())),
    };
    command.arg0("knockd");
    command
}

/// Starts the daemon in the background and waits until it listens. It says itself, on standard error, why it does not.
pub(super) fn into_background(called: &Called) -> Result<ExitCode, Error> {
    let (mut ours, theirs) = UnixStream::pair().map_err(system("make a socket"))?;
    let mut command = program();
    command.args(called.again()).stdin(OwnedFd::from(theirs)).stdout(Stdio::null());
    let mut child = command.spawn().map_err(system("start the daemon"))?;
    // The parent's copy of the other end closes with this.
    drop(command);
    let mut said = Vec::new();
    ours.read_to_end(&mut said).map_err(system("hear from the daemon"))?;
    if said == LISTENS {
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait().map_err(system("wait for the daemon"))?;
    if let Some(signal) = status.signal() {
        return Err(Error::System { what: "start", error: io::Error::other(format!("ended by signal {signal}")) });
    }
    // An end without a word is no success.
    let code = status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1);
    Ok(ExitCode::from(code))
}

/// Whoever waits for the daemon to listen.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The process that started this one in the background.
    parent: Option<UnixStream>,
}

impl Report {
    /// Takes what this process was started with: in the background, standard input leads to whoever waits.
    pub(super) fn take(background: bool) -> Result<Self, Error> {
        // Whoever looks for a daemon by its name finds it, whatever path it was started by.
        prctl::set_name(c"knockd").map_err(|error| system("take a name")(error.into()))?;
        if !background {
            return Ok(Self::default());
        }
        let standard = io::stdin();
        let kind = fstat(standard.as_fd()).map(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT);
        let parent = match kind {
            Ok(SFlag::S_IFSOCK) => Some(UnixStream::from(
                standard.as_fd().try_clone_to_owned().map_err(system("keep the socket to the parent"))?,
            )),
            Ok(_) | Err(_) => None,
        };
        let null = null()?;
        dup2_stdin(&null).map_err(|error| system("leave standard input")(error.into()))?;
        dup2_stdout(&null).map_err(|error| system("leave standard output")(error.into()))?;
        // Only the leader of a group has a session already, and it has no terminal to lose.
        let _session = setsid();
        std::env::set_current_dir("/").map_err(system("go to the root folder"))?;
        Ok(Self { parent })
    }

    /// The daemon listens: says so to the parent and to the service manager.
    pub(super) fn listens(&mut self) -> Result<(), Error> {
        if let Some(mut parent) = self.parent.take() {
            let null = null()?;
            dup2_stderr(&null).map_err(|error| system("leave standard error")(error.into()))?;
            // A parent that is gone waits for nothing.
            let _gone = parent.write_all(LISTENS);
        }
        notify("READY=1");
        Ok(())
    }
}

fn null() -> Result<File, Error> {
    File::options().read(true).write(true).open("/dev/null").map_err(system("open /dev/null"))
}

/// Tells the service manager, if there is one, what the daemon is doing: `sd_notify(3)`.
pub(super) fn notify(state: &str) {
    let Some(name) = std::env::var_os(NOTIFY_SOCKET) else { return };
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(&name),
    };
    // A manager that does not listen waits for nothing.
    let _unheard = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
}

/// Where the service manager listens; no business of the commands'.
pub(super) const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// The state of a service that reads its configuration again, at this moment.
pub(super) fn reloading(now: Moment) -> String {
    format!("RELOADING=1\nMONOTONIC_USEC={}", now.monotonic / 1_000)
}
