//! A configuration back in text.

use std::time::Duration;

use super::{Commands, Config, Directive, Door, Options, Sequences, value::MAX_IGNORED};
use crate::port::Port;

impl Config {
    /// The configuration in its plainest text: each directive by its own name, both timeouts always,
    /// one way of writing each. What [`Config::parse`] gave comes back from this text as it was; a configuration put together
    /// by hand does if its names, paths and commands are such as can be written in one line.
    #[must_use]
    pub fn to_text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // A door can ignore more ports than its own directive may list; then some of them stood in `[options]`.
        let shared =
            if self.doors.iter().any(|door| door.ignored.len() > MAX_IGNORED) { self.shared() } else { Vec::new() };
        self.options.write(&shared, &mut text);
        for door in &self.doors {
            door.write(&shared, &mut text);
        }
        text
    }

    /// Ports that every door ignores, as many as `[options]` may list.
    fn shared(&self) -> Vec<Port> {
        let Some((first, others)) = self.doors.split_first() else { return Vec::new() };
        let by_all = |port: &&Port| others.iter().all(|door| door.ignored.binary_search(port).is_ok());
        first.ignored.iter().filter(by_all).take(MAX_IGNORED).copied().collect()
    }
}

impl Options {
    fn write(&self, ignored: &[Port], text: &mut Vec<u8>) {
        let values = [
            (Directive::LogFile, &self.log_file),
            (Directive::PidFile, &self.pid_file),
            (Directive::Interface, &self.interface),
        ];
        if !self.use_syslog && ignored.is_empty() && values.iter().all(|(_, value)| value.is_none()) {
            return;
        }
        section(text, "options");
        if self.use_syslog {
            text.extend_from_slice(b"    UseSyslog\n");
        }
        for (directive, value) in values {
            if let Some(value) = value {
                entry(text, directive, value);
            }
        }
        ports(text, ignored);
    }
}

impl Door {
    fn write(&self, shared: &[Port], text: &mut Vec<u8>) {
        section(text, &self.name);
        match &self.sequences {
            Sequences::Fixed(sequence) => entry(text, Directive::Sequence, sequence.to_string().as_bytes()),
            Sequences::OneTime(path) => entry(text, Directive::OneTimeSequences, path),
        }
        seconds(text, Directive::SeqTimeout, self.seq_timeout);
        if let Some(filter) = self.flags {
            entry(text, Directive::TcpFlags, filter.to_string().as_bytes());
        }
        if let Some(target) = self.target {
            entry(text, Directive::Target, target.to_string().as_bytes());
        }
        let own: Vec<_> = self.ignored.iter().filter(|port| !shared.contains(port)).copied().collect();
        ports(text, &own);
        self.write_commands(text);
    }

    fn write_commands(&self, text: &mut Vec<u8>) {
        let Commands { start, stop } = &self.v4;
        let none: &[u8] = b"";
        for (directive, command) in [(Directive::StartCommand, start), (Directive::StopCommand, stop)] {
            if let Some(command) = command {
                entry(text, directive, command);
            }
        }
        // What IPv6 sources share with IPv4 ones is not said again (CMD-3).
        let (start_6, stop_6) = (&self.v6.start, &self.v6.stop);
        for (directive, command, inherited) in
            [(Directive::StartCommand6, start_6, start), (Directive::StopCommand6, stop_6, stop)]
        {
            if command != inherited {
                entry(text, directive, command.as_deref().unwrap_or(none));
            }
        }
        seconds(text, Directive::CmdTimeout, self.cmd_timeout);
    }
}

fn section(text: &mut Vec<u8>, name: &str) {
    if !text.is_empty() {
        text.push(b'\n');
    }
    text.extend_from_slice(format!("[{name}]\n").as_bytes());
}

fn entry(text: &mut Vec<u8>, directive: Directive, value: &[u8]) {
    text.extend_from_slice(format!("    {directive} =").as_bytes());
    if !value.is_empty() {
        text.push(b' ');
        text.extend_from_slice(value);
    }
    text.push(b'\n');
}

fn seconds(text: &mut Vec<u8>, directive: Directive, span: Duration) {
    entry(text, directive, span.as_secs().to_string().as_bytes());
}

fn ports(text: &mut Vec<u8>, ports: &[Port]) {
    if !ports.is_empty() {
        let list: Vec<_> = ports.iter().map(Port::to_string).collect();
        entry(text, Directive::IgnorePorts, list.join(",").as_bytes());
    }
}
