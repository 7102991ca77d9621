//! Where messages go: the log file, the system's log, standard output (LOG-1). None of them can stop the daemon: what one
//! does not take is left out there, and counted.

mod file;
mod queue;
mod zone;

use std::{io, path::Path};

use jiff::{Timestamp, Zoned};
use nix::poll::PollFd;

use super::message::{Line, Sinks};
use file::LogFile;
use queue::{Output, Syslog};
use zone::Zone;

/// All sinks.
#[derive(Debug)]
pub(super) struct Log {
    zone: Zone,
    file: Option<LogFile>,
    syslog: Option<Syslog>,
    output: Option<Output>,
}

impl Log {
    /// Opens what a daemon starts with.
    ///
    /// # Errors
    ///
    /// The log file cannot be opened.
    pub(super) fn open(sinks: &Sinks, verbose: bool) -> io::Result<Self> {
        let file = sinks.file.as_ref().map(|path| LogFile::open(path)).transpose()?;
        let output = verbose.then(Output::new).transpose()?;
        let mut log = Self { zone: Zone::local(), file, syslog: None, output };
        log.set_syslog(sinks.syslog);
        Ok(log)
    }

    /// Opens what a configuration says anew (PROC-3).
    ///
    /// # Errors
    ///
    /// The log file cannot be opened: then the one before it is kept.
    pub(super) fn reopen(&mut self, sinks: &Sinks) -> io::Result<()> {
        self.set_syslog(sinks.syslog);
        self.file = sinks.file.as_ref().map(|path| LogFile::open(path)).transpose()?;
        Ok(())
    }

    fn set_syslog(&mut self, wanted: bool) {
        if wanted != self.syslog.is_some() {
            self.syslog = wanted.then(Syslog::default);
        }
    }

    /// Writes a message everywhere, with the name of its source if that is known.
    pub(super) fn write(&mut self, line: &Line, host: Option<&str>) {
        let message = one_line(named(line, host));
        let time = Timestamp::from_second(line.at).unwrap_or_default().to_zoned(self.zone.now());
        if let Some(file) = &mut self.file {
            file.write(&format!("{}{message}\n", date(&time)));
        }
        if let Some(syslog) = &mut self.syslog {
            syslog.write(&time, line.debug, &message);
        }
        if let Some(output) = &mut self.output {
            output.write(&message);
        }
    }

    /// Descriptors to poll for room: call [`Log::flush`] when one of them has it.
    pub(super) fn waits(&self) -> impl Iterator<Item = PollFd<'_>> {
        let syslog = self.syslog.as_ref().and_then(Syslog::waits);
        syslog.into_iter().chain(self.output.as_ref().and_then(Output::waits))
    }

    /// Writes what has waited for room.
    pub(super) fn flush(&mut self) {
        if let Some(syslog) = &mut self.syslog {
            syslog.flush();
        }
        if let Some(output) = &mut self.output {
            output.flush();
        }
    }
}

/// What a sink that has room again says of the messages that it had no room for.
fn missing(count: u64) -> String {
    match count {
        1 => "1 message could not be written here".to_owned(),
        _ => format!("{count} messages could not be written here"),
    }
}

/// Where a path as a configuration has it leads.
pub(super) fn path(bytes: &[u8]) -> &Path {
    Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes))
}

/// `[YYYY-MM-DD HH:MM] `
fn date(at: &Zoned) -> String {
    format!("[{:04}-{:02}-{:02} {:02}:{:02}] ", at.year(), at.month(), at.day(), at.hour(), at.minute())
}

/// The message, with `IP (HOST)` for `IP`.
fn named(line: &Line, host: Option<&str>) -> String {
    let address = line.source.map(|source| source.to_string()).unwrap_or_default();
    match (host, line.message.strip_prefix(&address)) {
        (Some(host), Some(rest)) if !address.is_empty() => format!("{address} ({host}){rest}"),
        _ => line.message.clone(),
    }
}

/// A message must not look like two.
fn one_line(mut message: String) -> String {
    if message.contains(['\n', '\r', '\0']) {
        message = message.replace('\n', "\\n").replace('\r', "\\r").replace('\0', "\\0");
    }
    message
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn line(message: &str) -> Line {
        let source = Some([10, 0, 0, 7].into());
        Line { at: 0, message: message.to_owned(), source, debug: false }
    }

    #[test]
    fn a_name_stands_behind_the_address_that_a_message_begins_with() {
        assert_eq!(named(&line("10.0.0.7: ssh: Stage 1"), Some("a.example")), "10.0.0.7 (a.example): ssh: Stage 1");
        assert_eq!(named(&line("10.0.0.7: ssh: Stage 1"), None), "10.0.0.7: ssh: Stage 1");
        assert_eq!(named(&line("ssh: running command: x"), Some("a.example")), "ssh: running command: x");
    }

    #[test]
    fn a_message_stays_one_line() {
        assert_eq!(one_line("a\nb\rc\0d".to_owned()), "a\\nb\\rc\\0d");
    }

    #[test]
    fn the_date_is_padded() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let at = Timestamp::from_second(86_400 - 3_600 + 65).expect("a time").to_zoned(zone);
        assert_eq!(date(&at), "[1970-01-02 00:01] ");
    }
}
