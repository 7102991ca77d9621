//! Sinks that others may be slow to read: lines wait for room, up to a bound, and the daemon does not.

use std::{
    collections::VecDeque,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixDatagram,
    },
    path::Path,
};

use jiff::Zoned;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::io::Errno;

/// How many lines wait at most.
const LINES: usize = 1_000;
/// As much as a pipe takes without a wait when poll says that it has room.
const PIECE: usize = 4_096;

/// Facility user, levels notice and debug.
const NOTICE: u8 = 1 << 3 | 5;
const DEBUG: u8 = 1 << 3 | 7;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Lines that wait.
#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<String>,
    left_out: u64,
}

impl Queue {
    /// Takes a line unless too many wait; `missing` makes one that tells how many were not taken.
    fn push(&mut self, line: String, missing: impl Fn(u64) -> String) {
        if self.lines.len() >= LINES {
            self.left_out += 1;
            return;
        }
        if self.left_out > 0 {
            self.lines.push_back(missing(self.left_out));
            self.left_out = 0;
        }
        self.lines.push_back(line);
    }
}

/// Standard output.
#[derive(Debug)]
pub(super) struct Output {
    to: OwnedFd,
    queue: Queue,
    /// How much of the first line has been written.
    written: usize,
}

impl Output {
    /// Another descriptor of what is standard output now.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self::to(io::stdout().as_fd().try_clone_to_owned()?))
    }

    fn to(to: OwnedFd) -> Self {
        Self { to, queue: Queue::default(), written: 0 }
    }

    pub(super) fn write(&mut self, message: &str) {
        self.queue.push(format!("{message}\n"), |count| super::missing(count) + "\n");
        self.flush();
    }

    pub(super) fn waits(&self) -> Option<PollFd<'_>> {
        (!self.queue.lines.is_empty()).then(|| PollFd::new(self.to.as_fd(), PollFlags::POLLOUT))
    }

    /// Writes while there is room. The descriptor itself may wait for room, since it is shared with whoever started the
    /// daemon: so poll is asked first.
    pub(super) fn flush(&mut self) {
        while let Some(line) = self.queue.lines.front() {
            let room = poll(&mut [PollFd::new(self.to.as_fd(), PollFlags::POLLOUT)], PollTimeout::ZERO);
            if room == Ok(0) {
                return;
            }
            let rest = &line.as_bytes()[self.written..];
            match rustix::io::write(&self.to, &rest[..rest.len().min(PIECE)]) {
                Ok(count) if count < rest.len() => self.written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // It is written; or nobody reads it any more, or its disk is full: no reason to stop.
                Ok(_) | Err(_) => {
                    self.written = 0;
                    self.queue.lines.pop_front();
                }
            }
        }
    }
}

/// The system's log.
#[derive(Debug, Default)]
pub(super) struct Syslog {
    /// Where it listens; `/dev/log` unless a test says otherwise.
    path: Option<std::path::PathBuf>,
    socket: Option<UnixDatagram>,
    queue: Queue,
}

impl Syslog {
    pub(super) fn write(&mut self, at: &Zoned, debug: bool, message: &str) {
        let level = if debug { DEBUG } else { NOTICE };
        let month = MONTHS[usize::from(at.month().unsigned_abs()).clamp(1, 12) - 1];
        let head = |level| {
            let (day, hour, minute, second) = (at.day(), at.hour(), at.minute(), at.second());
            format!("<{level}>{month} {day:2} {hour:02}:{minute:02}:{second:02} knockd: ")
        };
        self.queue.push(head(level) + message, |count| head(NOTICE) + &super::missing(count));
        self.flush();
    }

    pub(super) fn waits(&self) -> Option<PollFd<'_>> {
        let socket = self.socket.as_ref().filter(|_| !self.queue.lines.is_empty());
        socket.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLOUT))
    }

    /// Sends while there is room. Where nobody listens a message is lost, as with the C library's own function.
    pub(super) fn flush(&mut self) {
        while let Some(message) = self.queue.lines.front() {
            let sent = match &self.socket {
                Some(socket) => socket.send(message.as_bytes()),
                None => Err(io::ErrorKind::NotConnected.into()),
            };
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(_) => {}
                // The system's log may have been started again: it then listens at a new socket of the old name.
                Err(_) => {
                    self.socket = self.connect().ok();
                    let again = self.socket.as_ref().map(|socket| socket.send(message.as_bytes()));
                    if again.is_some_and(|sent| sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)) {
                        return;
                    }
                }
            }
            self.queue.lines.pop_front();
        }
    }

    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(self.path.as_deref().unwrap_or(Path::new("/dev/log")))?;
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{BufRead, BufReader},
    };

    use jiff::{Timestamp, tz::TimeZone};

    use super::*;

    fn at() -> Zoned {
        Timestamp::from_second(6 * 86_400 + 3_723).expect("a time").to_zoned(TimeZone::UTC)
    }

    fn heard(socket: &UnixDatagram) -> Vec<String> {
        socket.set_nonblocking(true).expect("it need not wait");
        let mut bytes = [0; 2_048];
        std::iter::from_fn(|| {
            socket.recv(&mut bytes).ok().map(|length| String::from_utf8_lossy(&bytes[..length]).into_owned())
        })
        .collect()
    }

    #[test]
    fn the_systems_log_gets_level_ident_and_local_time_and_may_be_started_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut syslog = Syslog { path: Some(path.clone()), ..Syslog::default() };
        syslog.write(&at(), false, "lost: nobody listens");
        let first = UnixDatagram::bind(&path).expect("a socket");
        syslog.write(&at(), false, "one");
        syslog.write(&at(), true, "two");
        assert_eq!(heard(&first), ["<13>Jan  7 01:02:03 knockd: one", "<15>Jan  7 01:02:03 knockd: two"]);
        drop(first);
        syslog.write(&at(), false, "lost: the socket is dead");
        fs::remove_file(&path).expect("it is there");
        let second = UnixDatagram::bind(&path).expect("a socket");
        syslog.write(&at(), false, "three");
        assert_eq!(heard(&second), ["<13>Jan  7 01:02:03 knockd: three"]);
    }

    #[test]
    fn a_systems_log_that_does_not_read_keeps_nobody_waiting_and_loses_nothing_it_has_room_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let slow = UnixDatagram::bind(&path).expect("a socket");
        let mut syslog = Syslog { path: Some(path), ..Syslog::default() };
        let texts: Vec<_> = (0..2 * LINES).map(|number| number.to_string()).collect();
        for text in &texts {
            syslog.write(&at(), false, text);
        }
        assert!(syslog.waits().is_some());
        let mut came = Vec::new();
        while syslog.waits().is_some() {
            came.extend(heard(&slow));
            syslog.flush();
        }
        came.extend(heard(&slow));
        syslog.write(&at(), false, "last");
        came.extend(heard(&slow));
        let came: Vec<_> = came.iter().map(|line| line.rsplit_once(' ').expect("a text").1).collect();
        let (last, rest) = came.split_last().expect("some came");
        let (_, rest) = rest.split_last().expect("a count came");
        assert_eq!((*last, rest), ("last", &texts.iter().map(String::as_str).collect::<Vec<_>>()[..rest.len()]));
        assert!(rest.len() > LINES);
    }

    #[test]
    fn an_output_that_is_not_read_keeps_nobody_waiting() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let mut output = Output::to(writer.into());
        let text = "x".repeat(10_000);
        for _ in 0..50 {
            output.write(&text);
        }
        assert!(output.waits().is_some());
        let mut reader = BufReader::new(reader);
        for _ in 0..50 {
            let mut line = String::new();
            while !line.ends_with('\n') {
                let buffered = reader.buffer().len();
                if buffered == 0 {
                    output.flush();
                }
                let more = reader.fill_buf().expect("there is more");
                let end = more.iter().position(|byte| *byte == b'\n').map_or(more.len(), |end| end + 1);
                line.push_str(std::str::from_utf8(&more[..end]).expect("a text"));
                reader.consume(end);
            }
            assert_eq!(line.trim_end(), text);
        }
        assert!(output.waits().is_none());
        drop(reader);
        output.write("nobody reads this");
        assert!(output.waits().is_none());
    }
}
