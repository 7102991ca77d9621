//! The client's hands: names looked up, packets sent, connections tried, the command that follows.
//!
//! A TCP hit must be one SYN and never a second one (KNOCK-2). No socket option forbids the kernel to send a SYN again, but
//! it only does so for a socket that is still there: the hit's socket is closed as soon as `connect` has sent the SYN, a
//! second before the kernel would think of it. Whatever the server answers then meets no socket. To an open port the
//! kernel says that with one RST, which leaves the server no half-open connection; where the answer was quicker than the
//! closing, as over loopback, the socket closes with an RST, too, since it does not linger.

mod hit;
mod resolve;

use std::{
    fmt,
    io::{self, Write as _},
    net::{SocketAddr, TcpStream},
    num::NonZeroU16,
    os::unix::process::CommandExt,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use hit::Sockets;
use resolve::Found;

use crate::{
    cli::knock::Order,
    client::{
        course::{self, Hands, Heard},
        shown,
    },
    port::Port,
};

/// A refused connection is tried again after this long, since the firewall may be about to open.
const AGAIN: Duration = Duration::from_millis(100);

/// Why the client could not do what it was told.
#[derive(Debug)]
pub enum SendError {
    /// The resolver knows no such host.
    NotFound {
        /// As the user named it.
        host: String,
        /// The system's words.
        reason: io::Error,
    },
    /// The host has no address of the family that was asked for.
    NoSuchFamily {
        /// As the user named it.
        host: String,
        /// The family.
        family: &'static str,
        /// The addresses that it has.
        has: Vec<SocketAddr>,
    },
    /// A link-local address without its interface.
    NoZone(SocketAddr),
    /// There is no way to the address.
    NoRoute {
        /// As the user named the host.
        host: String,
        /// The address.
        address: SocketAddr,
        /// The system's words.
        reason: io::Error,
    },
    /// A hit could not be sent; those before it were.
    NotSent {
        /// The address and port.
        hit: String,
        /// The system's words.
        reason: io::Error,
    },
    /// There is no shell to run the command.
    NoShell(io::Error),
}

impl SendError {
    /// The exit status that tells it.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::NoShell(error) if error.kind() == io::ErrorKind::NotFound => 127,
            Self::NoShell(_) => 126,
            Self::NotFound { .. }
            | Self::NoSuchFamily { .. }
            | Self::NoZone(_)
            | Self::NoRoute { .. }
            | Self::NotSent { .. } => 1,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { host, reason } => {
                write!(
                    f,
                    "host `{host}` is not found: {reason}; expected a name that exists, or an address; nothing was sent"
                )
            }
            Self::NoSuchFamily { host, family, has } => {
                write!(f, "host `{host}` has no {family} address, only")?;
                for address in has {
                    write!(f, " {}", address.ip())?;
                }
                f.write_str("; nothing was sent")
            }
            Self::NoZone(address) => {
                let ip = address.ip();
                write!(
                    f,
                    "`{ip}` is on no particular link; expected its interface, too, as in `{ip}%eth0`; nothing was sent"
                )
            }
            Self::NoRoute { host, address, reason } => {
                write!(f, "host `{host}` cannot be reached at {}: {reason}; nothing was sent", address.ip())
            }
            Self::NotSent { hit, reason } => write!(f, "the hit on {hit} could not be sent: {reason}"),
            Self::NoShell(reason) => write!(f, "cannot run /bin/sh: {reason}"),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotFound { reason, .. }
            | Self::NoRoute { reason, .. }
            | Self::NotSent { reason, .. }
            | Self::NoShell(reason) => Some(reason),
            Self::NoSuchFamily { .. } | Self::NoZone(_) => None,
        }
    }
}

/// Does what the command line says; the exit status (KNOCK-1). After success with a command it does not return: the
/// process becomes the command.
///
/// # Errors
///
/// A host that is not found or cannot be reached, before anything is sent; a hit that the system does not send.
pub fn run(order: &Order) -> Result<u8, SendError> {
    let found = resolve::all(&order.plan, order.family)?;
    let mut client =
        Client { found: &found, sockets: Sockets::default(), verbose: order.verbose, last: Instant::now() };
    let heard = course::follow(&order.plan, &order.manner, &mut client)?;
    let mut status = 0;
    if let Some(verify) = order.manner.verify {
        for (found, heard) in found.iter().zip(heard) {
            let place = shown(&found.address, found.host, verify.port.get());
            let (what, code) = match heard {
                Some(Heard::Open) | None => continue,
                Some(Heard::Refused) => ("refuses connections", 3),
                Some(Heard::Silent) => ("does not answer", 4),
            };
            let knocks = if verify.tries == 1 { "knock" } else { "knocks" };
            complain(&format!("{place} still {what} after {} {knocks}", verify.tries));
            status = if status == 0 { code } else { status };
        }
    }
    match &order.then {
        Some(command) if status == 0 => Err(SendError::NoShell(Command::new("/bin/sh").arg("-c").arg(command).exec())),
        _ => Ok(status),
    }
}

/// Tells an error as the program does.
pub fn complain(message: &str) {
    // Nobody is left to be told that standard error is gone.
    let _ = writeln!(io::stderr(), "knock: {message}");
}

/// Tells what is done. A knock matters more than its telling, so it goes on when nobody reads any more.
fn tell(message: &str) {
    let _ = writeln!(io::stdout(), "{message}");
}

struct Client<'a> {
    found: &'a [Found<'a>],
    sockets: Sockets,
    verbose: bool,
    /// When something was sent or tried last.
    last: Instant,
}

impl Client<'_> {
    fn shown(&self, call: usize, port: u16) -> String {
        shown(&self.found[call].address, self.found[call].host, port)
    }
}

impl Hands for Client<'_> {
    type Error = SendError;

    fn hit(&mut self, call: usize, port: Port) -> Result<(), SendError> {
        let place = self.shown(call, port.number.get());
        if self.verbose {
            tell(&format!("hitting {} {place}", port.protocol));
        }
        let mut to = self.found[call].address;
        to.set_port(port.number.get());
        let sent = self.sockets.hit(to, port.protocol);
        self.last = Instant::now();
        sent.map_err(|reason| SendError::NotSent { hit: format!("{} {place}", port.protocol), reason })
    }

    fn wait(&mut self, time: Duration) {
        thread::sleep(time.saturating_sub(self.last.elapsed()));
    }

    fn connect(&mut self, call: usize, port: NonZeroU16, timeout: Duration) -> Heard {
        let mut to = self.found[call].address;
        to.set_port(port.get());
        let heard = connect(to, timeout);
        self.last = Instant::now();
        if self.verbose {
            let how = match heard {
                Heard::Open => "open",
                Heard::Refused => "refused",
                Heard::Silent => "no answer",
            };
            tell(&format!("verifying tcp {}: {how}", self.shown(call, port.get())));
        }
        heard
    }
}

/// Tries to connect until it works or the time is over. A connection that hangs is left to the kernel, which sends its
/// SYN again; one that is refused is tried anew.
fn connect(to: SocketAddr, timeout: Duration) -> Heard {
    let begin = Instant::now();
    let mut heard = Heard::Silent;
    loop {
        let left = timeout.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return heard;
        }
        heard = match TcpStream::connect_timeout(&to, left) {
            Ok(_) => return Heard::Open,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return Heard::Silent,
            Err(_) => Heard::Refused,
        };
        thread::sleep(AGAIN.min(timeout.saturating_sub(begin.elapsed())));
    }
}
