//! The log file.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
};

use nix::libc;

/// An open log file.
#[derive(Debug)]
pub(super) struct LogFile {
    file: File,
    /// How many lines were left out since the last one that was written.
    left_out: u64,
    /// Whether the last line is there in part.
    torn: bool,
}

impl LogFile {
    /// Opens it to append; a new one can be read by its owner alone (PROC-5). A pipe is not waited for.
    pub(super) fn open(path: &[u8]) -> io::Result<Self> {
        let mut options = File::options();
        options.append(true).create(true).mode(0o600).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        Ok(Self { file: options.open(super::path(path))?, left_out: 0, torn: false })
    }

    /// Writes a line, unless the file has no room for it.
    pub(super) fn write(&mut self, line: &str) {
        let mut text = String::new();
        if self.torn {
            text.push('\n');
        }
        if self.left_out > 0 {
            text.push_str(&super::missing(self.left_out));
            text.push('\n');
        }
        text.push_str(line);
        let written = write_most(&mut self.file, text.as_bytes());
        if written == text.len() {
            self.left_out = 0;
            self.torn = false;
        } else {
            self.left_out += 1;
            self.torn |= written > 0;
        }
    }
}

/// Writes as much as there is room for.
fn write_most(to: &mut impl Write, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match to.write(&bytes[written..]) {
            Ok(0) => break,
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_new_log_is_its_owners_alone_and_an_old_one_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let bytes = path.to_str().expect("a plain path").as_bytes();
        LogFile::open(bytes).expect("a log").write("one\n");
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o7777, 0o600);
        LogFile::open(bytes).expect("a log").write("two\n");
        assert_eq!(fs::read_to_string(&path).expect("a text"), "one\ntwo\n");
    }

    #[test]
    fn lines_that_a_full_disk_does_not_take_are_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut log = LogFile {
            file: File::options().write(true).open("/dev/full").expect("it is there"),
            left_out: 0,
            torn: false,
        };
        log.write("one\n");
        log.write("two\n");
        log.file = File::create(&path).expect("a file");
        log.write("three\n");
        log.write("four\n");
        let text = fs::read_to_string(&path).expect("a text");
        assert_eq!(text, "2 messages could not be written here\nthree\nfour\n");
    }

    #[test]
    fn a_line_that_was_cut_is_not_continued() {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        rustix::io::ioctl_fionbio(&writer, true).expect("it need not wait");
        let mut log = LogFile { file: File::from(std::os::fd::OwnedFd::from(writer)), left_out: 0, torn: false };
        // A pipe takes less than this.
        log.write(&format!("{}\n", "x".repeat(1 << 20)));
        let mut taken = vec![0; 1 << 20];
        let count = std::io::Read::read(&mut reader, &mut taken).expect("it has something");
        assert!(count > 0 && taken[..count].iter().all(|byte| *byte == b'x'));
        log.write("next\n");
        drop(log);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).expect("a text");
        assert!(
            text.ends_with("x\n1 message could not be written here\nnext\n")
                || text == "\n1 message could not be written here\nnext\n"
        );
    }
}
