//! What a daemon logs and says: files that grow, messages to the system's log, lines on its output.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{fs::MetadataExt, net::UnixDatagram},
    },
    path::PathBuf,
};

use nix::errno::Errno;

use super::layout::inside;

/// Bytes that come bit by bit, as lines.
#[derive(Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// The whole lines, with what came now.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        self.0.extend(bytes);
        let mut lines = Vec::new();
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            lines.push(String::from_utf8_lossy(&line[..end]).into_owned());
        }
        lines
    }

    /// What is left without a line's end.
    pub(super) fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.0);
        (!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned())
    }
}

/// A log file, which may come later, be cut, or be another one of the same name.
pub(super) struct Growing {
    path: PathBuf,
    open: Option<(u64, File)>,
    lines: Lines,
}

impl Growing {
    /// A file of this name in the case, or of this path.
    pub(super) fn new(name: &str) -> Self {
        Self { path: inside(name), open: None, lines: Lines::default() }
    }

    /// The lines that are new.
    pub(super) fn read(&mut self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        if let Some((_, file)) = &mut self.open {
            lines.extend(read_on(file, &mut self.lines)?);
        }
        let Ok(now) = self.path.metadata() else { return Ok(lines) };
        if now.is_file() && self.open.as_ref().is_none_or(|(inode, _)| *inode != now.ino()) {
            let mut file = File::open(&self.path)?;
            lines.extend(read_on(&mut file, &mut self.lines)?);
            self.open = Some((now.ino(), file));
        }
        Ok(lines)
    }
}

fn read_on(file: &mut File, lines: &mut Lines) -> io::Result<Vec<String>> {
    // A file that was cut begins anew.
    if file.stream_position()? > file.metadata()?.len() {
        file.seek(SeekFrom::Start(0))?;
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(lines.push(&bytes))
}

/// The system's log.
pub(super) struct Syslog(UnixDatagram);

impl Syslog {
    /// Listens where the C library speaks.
    pub(super) fn new() -> io::Result<Self> {
        let socket = UnixDatagram::bind("/dev/log")?;
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    /// The messages that are new, headers included.
    pub(super) fn read(&self) -> io::Result<Vec<String>> {
        let mut messages = Vec::new();
        let mut bytes = vec![0; 65_536];
        loop {
            match self.0.recv(&mut bytes) {
                Ok(length) => {
                    let text = String::from_utf8_lossy(&bytes[..length]);
                    messages.push(text.trim_end_matches(['\n', '\0']).to_owned());
                }
                Err(error) if error.raw_os_error() == Some(Errno::EAGAIN as i32) => return Ok(messages),
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Syslog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    #[test]
    fn a_line_is_told_when_it_is_whole() {
        let mut lines = Lines::default();
        assert!(lines.push(b"on").is_empty());
        assert_eq!(lines.push(b"e\n\ntwo"), ["one", ""]);
        assert_eq!(lines.rest().as_deref(), Some("two"));
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn a_log_is_followed_through_all_that_may_become_of_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        let mut log = Growing::new(path.to_str().expect("a plain path"));
        let read = |log: &mut Growing| log.read().expect("a readable log");
        assert!(read(&mut log).is_empty());
        fs::write(&path, "one\ntw").expect("a log");
        assert_eq!(read(&mut log), ["one"]);
        fs::OpenOptions::new().append(true).open(&path).and_then(|mut file| file.write_all(b"o\n")).expect("more");
        assert_eq!(read(&mut log), ["two"]);
        // Cut, as some daemons do when they open it again.
        fs::write(&path, "a\n").expect("a shorter log");
        assert_eq!(read(&mut log), ["a"]);
        // Moved away: the old one may still get lines, and a new one begins.
        fs::rename(&path, directory.path().join("old")).expect("a moved log");
        fs::write(&path, "new\n").expect("a new log");
        assert_eq!(read(&mut log), ["new"]);
    }
}
