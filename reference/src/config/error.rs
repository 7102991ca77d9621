//! Everything that can be wrong with a configuration: its words, what was expected instead, and its clause.

use std::fmt;

use super::Directive;
use crate::{clause::Clause, port::Port, quote::Quoted, sequence::SequenceFault};

/// Why a text is no configuration (CONF-2, CONF-3, SEQ-11, ONCE-11). Texts are bytes as they stand in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// No section other than `[options]`.
    NoDoor,
    /// A section's `[` without `]`.
    UnclosedSection(Vec<u8>),
    /// Text after a section's `]`.
    JunkAfterSection(Vec<u8>),
    /// `[]`, or blanks between the brackets.
    EmptySectionName,
    /// A section name that is not UTF-8.
    SectionNameNotUtf8(Vec<u8>),
    /// A line that is no section, no directive and no comment.
    NotALine(Vec<u8>),
    /// A directive before the first section.
    BeforeSection(Vec<u8>),
    /// Nothing before `=`.
    EmptyKey,
    /// A key that names no directive, and the name that it may have been meant to be.
    UnknownKey(Vec<u8>, Option<&'static str>),
    /// A door's directive in `[options]`.
    DoorKeyInOptions(Directive),
    /// A directive of `[options]` in the door of this name.
    OptionInDoor(Directive, String),
    /// A directive without `=`.
    NoEqualsSign(Directive),
    /// A directive that needs a value, without one.
    EmptyValue(Directive),
    /// A value for a directive that has none.
    NeedlessValue(Directive, Vec<u8>),
    /// A NUL byte, which no path, interface or shell command can hold.
    Nul(Directive),
    /// The ports of `Sequence`.
    Sequence(SequenceFault),
    /// The ports of `Ignore_Ports`.
    IgnorePorts(SequenceFault),
    /// An ignored port that the sequence of the door of this name needs.
    IgnoredInSequence(Port, String),
    /// A word that is no flag.
    UnknownFlag(Vec<u8>),
    /// Nothing where a flag belongs.
    EmptyFlag,
    /// A flag that is to be both set and clear.
    ContradictoryFlag(&'static str),
    /// Not an IP address.
    Target(Vec<u8>),
    /// Not a number of seconds in the directive's range.
    Seconds(Directive, Vec<u8>),
    /// The door of this name has no sequence.
    NoSequence(String),
    /// The door of this name has `Sequence` and `One_Time_Sequences`.
    TwoSequences(String),
}

impl ConfigError {
    /// What belongs there instead.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::NoDoor => "at least one section `[name]` with a `Sequence`".into(),
            Self::UnclosedSection(_) => "`]` after the section's name".into(),
            Self::JunkAfterSection(_) => "the end of the line after `]`; a comment needs a line of its own".into(),
            Self::EmptySectionName => "a name between the brackets; it appears in the log".into(),
            Self::SectionNameNotUtf8(_) => "a name in UTF-8".into(),
            Self::NotALine(_) => "`[section]`, `Directive = value` or `# comment`".into(),
            Self::BeforeSection(_) => "a section first: `[options]` or a door's `[name]`".into(),
            Self::UnknownKey(_, Some(nearest)) => format!("a directive; is `{nearest}` meant?"),
            Self::EmptyKey | Self::UnknownKey(_, None) => "a directive, such as `Sequence` or `Start_Command`".into(),
            Self::DoorKeyInOptions(_) => "it in the section of each door that needs it".into(),
            Self::OptionInDoor(..) => "it in `[options]`".into(),
            Self::NoEqualsSign(Directive::UseSyslog) => "`UseSyslog` alone".into(),
            Self::NoEqualsSign(directive) => format!("`{directive} = value`"),
            Self::EmptyValue(directive) => needed(*directive).into(),
            Self::NeedlessValue(directive, _) => format!("`{directive}` alone; remove the line to switch it off"),
            Self::Nul(_) => "text without NUL bytes".into(),
            Self::Sequence(fault) | Self::IgnorePorts(fault) => fault.expected().into(),
            Self::IgnoredInSequence(..) => "ports that no sequence of the door uses".into(),
            Self::UnknownFlag(_) | Self::EmptyFlag => {
                "`fin`, `syn`, `rst`, `psh`, `ack` or `urg`, each with or without `!`, separated by commas".into()
            }
            Self::ContradictoryFlag(flag) => format!("`{flag}` or `!{flag}`: no segment passes both"),
            Self::Target(_) => needed(Directive::Target).into(),
            Self::Seconds(directive, _) => needed(*directive).into(),
            Self::NoSequence(_) => "`Sequence` or `One_Time_Sequences` in the section".into(),
            Self::TwoSequences(_) => {
                "only one of them; a fixed sequence would open again what a one-time sequence protects".into()
            }
        }
    }

    /// The clause that makes it an error.
    #[must_use]
    pub fn clause(&self) -> Clause {
        match self {
            Self::Sequence(fault) => fault.clause(),
            Self::IgnorePorts(SequenceFault::TooMany(_)) | Self::IgnoredInSequence(..) => Clause::Seq11,
            Self::IgnorePorts(fault) => fault.clause(),
            Self::Nul(Directive::LogFile | Directive::PidFile | Directive::Interface) => Clause::Conf1,
            Self::Nul(Directive::OneTimeSequences) | Self::EmptyValue(Directive::OneTimeSequences) => Clause::Once1,
            Self::Nul(_) => Clause::Cmd5,
            Self::NeedlessValue(..) => Clause::Conf1,
            Self::TwoSequences(_) => Clause::Once11,
            Self::NoDoor
            | Self::UnclosedSection(_)
            | Self::JunkAfterSection(_)
            | Self::EmptySectionName
            | Self::SectionNameNotUtf8(_)
            | Self::NotALine(_)
            | Self::BeforeSection(_)
            | Self::EmptyKey
            | Self::UnknownKey(..)
            | Self::DoorKeyInOptions(_)
            | Self::OptionInDoor(..)
            | Self::NoEqualsSign(_)
            | Self::EmptyValue(_)
            | Self::UnknownFlag(_)
            | Self::EmptyFlag
            | Self::ContradictoryFlag(_)
            | Self::Target(_)
            | Self::Seconds(..)
            | Self::NoSequence(_) => Clause::Conf2,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDoor => f.write_str("no door"),
            Self::UnclosedSection(text) => write!(f, "section {} is not closed", Quoted(text)),
            Self::JunkAfterSection(text) => write!(f, "{} after the section's name", Quoted(text)),
            Self::EmptySectionName => f.write_str("a section without a name"),
            Self::SectionNameNotUtf8(text) => write!(f, "section name {} is not UTF-8", Quoted(text)),
            Self::NotALine(text) => write!(f, "{} is neither a section nor a directive", Quoted(text)),
            Self::BeforeSection(key) => write!(f, "{} stands before the first section", Quoted(key)),
            Self::EmptyKey => f.write_str("no directive before `=`"),
            Self::UnknownKey(key, _) => write!(f, "unknown directive {}", Quoted(key)),
            Self::DoorKeyInOptions(directive) => write!(f, "`{directive}` does not belong in `[options]`"),
            Self::OptionInDoor(directive, door) => {
                write!(f, "`{directive}` does not belong in door {}", Quoted(door.as_bytes()))
            }
            Self::NoEqualsSign(Directive::UseSyslog) => f.write_str("text after `UseSyslog`"),
            Self::NoEqualsSign(directive) => write!(f, "`{directive}` without `=`"),
            Self::EmptyValue(directive) => write!(f, "`{directive}` is empty"),
            Self::NeedlessValue(directive, text) if text.is_empty() => write!(f, "`=` after `{directive}`"),
            Self::NeedlessValue(directive, text) => {
                write!(f, "value {} for `{directive}`, which has none", Quoted(text))
            }
            Self::Nul(directive) => write!(f, "a NUL byte in `{directive}`"),
            Self::Sequence(fault) | Self::IgnorePorts(fault) => fault.fmt(f),
            Self::IgnoredInSequence(port, door) => {
                write!(f, "port `{port}` is ignored, but the sequence of door {} needs it", Quoted(door.as_bytes()))
            }
            Self::UnknownFlag(text) => write!(f, "{} is not a TCP flag", Quoted(text)),
            Self::EmptyFlag => f.write_str("a TCP flag is missing"),
            Self::ContradictoryFlag(flag) => write!(f, "`{flag}` is to be both set and clear"),
            Self::Target(text) => write!(f, "{} is not an IP address", Quoted(text)),
            Self::Seconds(directive, text) => write!(f, "{} is not a `{directive}`", Quoted(text)),
            Self::NoSequence(door) => write!(f, "door {} has no sequence", Quoted(door.as_bytes())),
            Self::TwoSequences(door) => {
                write!(f, "door {} has both `Sequence` and `One_Time_Sequences`", Quoted(door.as_bytes()))
            }
        }
    }
}

/// The value that `directive` needs.
fn needed(directive: Directive) -> &'static str {
    match directive {
        Directive::UseSyslog => "no value",
        Directive::LogFile | Directive::PidFile | Directive::OneTimeSequences => "the path of a file",
        Directive::Interface => "the name of an interface, such as `eth0`",
        Directive::Sequence | Directive::IgnorePorts => "ports separated by commas",
        Directive::SeqTimeout => "a whole number of seconds, from 1 to 4294967295",
        Directive::CmdTimeout => "a whole number of seconds, from 0 to 4294967295",
        Directive::TcpFlags => "TCP flags separated by commas",
        Directive::Target => "an IPv4 or IPv6 address, such as `192.0.2.1` or `2001:db8::1`",
        Directive::StartCommand | Directive::StartCommand6 | Directive::StopCommand | Directive::StopCommand6 => {
            "a command for the shell"
        }
    }
}
