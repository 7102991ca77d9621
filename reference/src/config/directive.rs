//! The names of the directives, and where each belongs.

use std::{cmp::Reverse, fmt};

/// Something that a configuration can set (CONF-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the directive of its name, which `Options` and `Door` explain")]
pub enum Directive {
    UseSyslog,
    LogFile,
    PidFile,
    Interface,
    IgnorePorts,
    Sequence,
    OneTimeSequences,
    SeqTimeout,
    TcpFlags,
    Target,
    StartCommand,
    StartCommand6,
    CmdTimeout,
    StopCommand,
    StopCommand6,
}

/// Every name that is understood; a directive's own name comes before its alias.
const NAMES: [(&str, Directive); 18] = [
    ("UseSyslog", Directive::UseSyslog),
    ("LogFile", Directive::LogFile),
    ("PidFile", Directive::PidFile),
    ("Interface", Directive::Interface),
    ("Ignore_Ports", Directive::IgnorePorts),
    ("Sequence", Directive::Sequence),
    ("One_Time_Sequences", Directive::OneTimeSequences),
    ("Seq_Timeout", Directive::SeqTimeout),
    ("Timeout", Directive::SeqTimeout),
    ("TCPFlags", Directive::TcpFlags),
    ("Target", Directive::Target),
    ("Start_Command", Directive::StartCommand),
    ("Command", Directive::StartCommand),
    ("Start_Command_6", Directive::StartCommand6),
    ("Command_6", Directive::StartCommand6),
    ("Cmd_Timeout", Directive::CmdTimeout),
    ("Stop_Command", Directive::StopCommand),
    ("Stop_Command_6", Directive::StopCommand6),
];

/// The longest key for which a nearest name is looked for, in bytes; nobody mistypes a name into a longer one.
const LONGEST_TYPO: usize = 32;

impl Directive {
    /// The directive that `key` names, in any case.
    pub(super) fn named(key: &[u8]) -> Option<Self> {
        NAMES.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(key)).map(|(_, directive)| *directive)
    }

    /// The directive that `key`, which names none, was most likely meant to be: at most a third of its letters differ,
    /// and none of them is lost if there is a choice.
    pub(super) fn nearest(key: &[u8]) -> Option<Self> {
        if key.len() > LONGEST_TYPO {
            return None;
        }
        let distances = NAMES.iter().map(|(name, directive)| (distance(key, name.as_bytes()), name.len(), *directive));
        let (distance, length, directive) =
            distances.min_by_key(|(distance, length, _)| (*distance, Reverse(*length)))?;
        (distance <= length.div_ceil(3)).then_some(directive)
    }

    /// Every name that is understood, aliases too, as the manual writes it.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Its own name, as the manual writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, directive)| *directive == self).map_or("", |(name, _)| name)
    }
}

impl fmt::Display for Directive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many letters must be inserted, removed or replaced to make `from` into `to`, whatever their case (Levenshtein).
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (removed, letter) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = removed + 1;
        for (at, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(!letter.eq_ignore_ascii_case(other));
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_finds_its_directive() {
        for (key, name) in [
            ("sequnce", Some("Sequence")),
            ("seq-timeout", Some("Seq_Timeout")),
            ("tcpflag", Some("TCPFlags")),
            ("startcommand", Some("Start_Command")),
            ("stop_command6", Some("Stop_Command_6")),
            ("ignoreports", Some("Ignore_Ports")),
            ("rule", None),
            ("x", None),
            ("commandcommandcommandcommandcommand", None),
        ] {
            assert_eq!(Directive::nearest(key.as_bytes()).map(Directive::name), name, "{key}");
        }
    }

    #[test]
    fn letters_are_counted_as_levenshtein_does() {
        for (from, to, letters) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "ABC", 0),
            ("xabc", "abc", 1),
            ("abc", "xabc", 1),
            ("abcx", "abc", 1),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(distance(from.as_bytes(), to.as_bytes()), letters, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn all_names_are_told() {
        let names: Vec<_> = Directive::names().collect();
        assert_eq!(names.len(), NAMES.len());
        assert!(names.contains(&"Sequence") && names.contains(&"Stop_Command_6"), "{names:?}");
    }

    #[test]
    fn every_name_is_understood_in_any_case() {
        for (name, directive) in NAMES {
            assert_eq!(Directive::named(name.to_uppercase().as_bytes()), Some(directive), "{name}");
            assert_eq!(Directive::named(directive.name().as_bytes()), Some(directive), "{name}");
        }
        assert_eq!(Directive::StartCommand.name(), "Start_Command");
        assert_eq!(Directive::SeqTimeout.name(), "Seq_Timeout");
    }
}
