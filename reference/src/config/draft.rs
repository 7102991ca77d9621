//! A section as its lines are read, and the options or the door that it becomes.

use std::{net::IpAddr, ops::Range, time::Duration};

use super::{
    Commands, ConfigError, Directive, Door, Options, Sequences,
    value::{Errors, PortSpan, Value},
};
use crate::{flags::FlagFilter, sequence::Sequence};

/// `Seq_Timeout` where a door has none, in seconds (TIME-1).
const SEQ_TIMEOUT: u32 = 25;

/// `Cmd_Timeout` where a door has none, in seconds (CMD-2).
const CMD_TIMEOUT: u32 = 10;

/// `[options]`, all such sections together; of a directive given twice the last counts (CONF-5).
#[derive(Default)]
pub(super) struct OptionsDraft {
    /// What the daemon needs.
    pub(super) options: Options,
    /// `Ignore_Ports`, for every door.
    ignored: Vec<PortSpan>,
}

impl OptionsDraft {
    /// Takes one directive.
    pub(super) fn set(&mut self, value: &Value<'_>, errors: &mut Errors) {
        match value.directive {
            Directive::UseSyslog => self.options.use_syslog = true,
            Directive::LogFile => self.options.log_file = value.words(errors),
            Directive::PidFile => self.options.pid_file = value.words(errors),
            Directive::Interface => self.options.interface = value.words(errors),
            Directive::IgnorePorts => self.ignored = value.ignored(errors),
            Directive::Sequence
            | Directive::OneTimeSequences
            | Directive::SeqTimeout
            | Directive::TcpFlags
            | Directive::Target
            | Directive::StartCommand
            | Directive::StartCommand6
            | Directive::CmdTimeout
            | Directive::StopCommand
            | Directive::StopCommand6 => {
                errors.push((value.key.clone(), ConfigError::DoorKeyInOptions(value.directive)));
            }
        }
    }
}

/// What a directive gave, and the bytes of its key.
pub(super) struct Given<T> {
    pub(super) key: Range<usize>,
    /// `None` where the value is empty, or is an error.
    pub(super) value: Option<T>,
}

/// A door's section; of a directive given twice the last counts (CONF-5).
#[derive(Default)]
pub(super) struct DoorDraft {
    /// What stands between the brackets.
    pub(super) name: String,
    /// The bytes of the name.
    pub(super) header: Range<usize>,
    /// The sequence and the bytes of each of its ports.
    pub(super) sequence: Option<Given<(Sequence, Vec<Range<usize>>)>>,
    /// A line was most likely meant to give a sequence, and is an error of its own.
    missed: bool,
    one_time: Option<Given<Vec<u8>>>,
    seq_timeout: Option<u32>,
    /// The filter and the bytes of its text.
    pub(super) flags: Option<(Option<FlagFilter>, Range<usize>)>,
    target: Option<IpAddr>,
    ignored: Vec<PortSpan>,
    pub(super) start: Option<Given<Vec<u8>>>,
    pub(super) start_6: Option<Given<Vec<u8>>>,
    pub(super) cmd_timeout: Option<u32>,
    pub(super) stop: Option<Given<Vec<u8>>>,
    pub(super) stop_6: Option<Given<Vec<u8>>>,
}

impl DoorDraft {
    /// The section of the door `name`, whose name stands at `header`.
    pub(super) fn new(name: String, header: Range<usize>) -> Self {
        Self { name, header, ..Self::default() }
    }

    /// Takes one directive.
    pub(super) fn set(&mut self, value: &Value<'_>, errors: &mut Errors) {
        let key = value.key.clone();
        match value.directive {
            Directive::Sequence => self.sequence = Some(Given { key, value: value.sequence(errors) }),
            Directive::OneTimeSequences => self.one_time = Some(Given { key, value: value.path(errors) }),
            Directive::SeqTimeout => self.seq_timeout = value.seconds(1, errors),
            Directive::TcpFlags => self.flags = Some((value.flags(errors), value.span.clone())),
            Directive::Target => self.target = value.address(errors),
            Directive::IgnorePorts => self.ignored = value.ignored(errors),
            Directive::StartCommand => self.start = Some(Given { key, value: value.words(errors) }),
            Directive::StartCommand6 => self.start_6 = Some(Given { key, value: value.words(errors) }),
            Directive::CmdTimeout => self.cmd_timeout = value.seconds(0, errors),
            Directive::StopCommand => self.stop = Some(Given { key, value: value.words(errors) }),
            Directive::StopCommand6 => self.stop_6 = Some(Given { key, value: value.words(errors) }),
            Directive::UseSyslog | Directive::LogFile | Directive::PidFile | Directive::Interface => {
                errors.push((key, ConfigError::OptionInDoor(value.directive, self.name.clone())));
            }
        }
    }

    /// Takes a line with an error that was most likely `meant` to be this directive.
    pub(super) fn miss(&mut self, meant: Option<Directive>) {
        self.missed |= matches!(meant, Some(Directive::Sequence | Directive::OneTimeSequences));
    }

    /// The door; `None` only if `errors` says why, here or before.
    pub(super) fn finish(&self, options: &OptionsDraft, errors: &mut Errors) -> Option<Door> {
        let mut ignored = Vec::with_capacity(options.ignored.len() + self.ignored.len());
        for (port, span) in options.ignored.iter().chain(&self.ignored) {
            if let Some(Given { value: Some((sequence, _)), .. }) = &self.sequence
                && sequence.ports().contains(port)
            {
                errors.push((span.clone(), ConfigError::IgnoredInSequence(*port, self.name.clone())));
            }
            ignored.push(*port);
        }
        ignored.sort_unstable();
        ignored.dedup();
        let (start_6, stop_6) =
            (self.start_6.as_ref().or(self.start.as_ref()), self.stop_6.as_ref().or(self.stop.as_ref()));
        Some(Door {
            name: self.name.clone(),
            sequences: self.sequences(errors)?,
            seq_timeout: Duration::from_secs(self.seq_timeout.unwrap_or(SEQ_TIMEOUT).into()),
            flags: self.flags.as_ref().and_then(|(filter, _)| *filter),
            target: self.target,
            ignored,
            v4: Commands { start: given(self.start.as_ref()), stop: given(self.stop.as_ref()) },
            // Absent, the IPv4 command; empty, none (CMD-3).
            v6: Commands { start: given(start_6), stop: given(stop_6) },
            cmd_timeout: Duration::from_secs(self.cmd_timeout.unwrap_or(CMD_TIMEOUT).into()),
        })
    }

    fn sequences(&self, errors: &mut Errors) -> Option<Sequences> {
        match (&self.sequence, &self.one_time) {
            (None, None) => {
                if !self.missed {
                    errors.push((self.header.clone(), ConfigError::NoSequence(self.name.clone())));
                }
                None
            }
            (Some(fixed), Some(one_time)) => {
                let later = if fixed.key.start > one_time.key.start { &fixed.key } else { &one_time.key };
                errors.push((later.clone(), ConfigError::TwoSequences(self.name.clone())));
                None
            }
            (Some(fixed), None) => fixed.value.as_ref().map(|(sequence, _)| Sequences::Fixed(sequence.clone())),
            (None, Some(one_time)) => one_time.value.clone().map(Sequences::OneTime),
        }
    }
}

fn given(command: Option<&Given<Vec<u8>>>) -> Option<Vec<u8>> {
    command.and_then(|given| given.value.clone())
}
