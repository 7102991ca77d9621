//! A configuration's text -> options and doors, or everything that is wrong with it (CONF, FLAGS, ONCE-11, SEQ-11).

use std::net::IpAddr;

use super::{
    deviation::{Deviation as D, Deviations},
    ports::trim,
    words::{Commands, Door, Port, Sequences},
};

/// What a configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `UseSyslog`.
    pub use_syslog: bool,
    /// `Interface`.
    pub interface: Option<String>,
    /// `LogFile`.
    pub log_file: Option<String>,
    /// `PidFile`.
    pub pid_file: Option<String>,
    /// The doors.
    pub doors: Vec<Door>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The line's text.
    pub text: String,
    /// The part of it that is wrong; empty where something is missing.
    pub part: String,
    /// Why.
    pub why: String,
}

impl Fault {
    /// As it is shown: file, line and column, the line, and a mark below the text (CONF-4).
    #[must_use]
    pub fn show(&self, file: &str) -> Vec<String> {
        let column = self.text.find(&self.part).map_or(0, |at| self.text[..at].chars().count());
        let marks = "^".repeat(self.part.chars().count().max(1));
        vec![
            format!("{file}:{}:{}: {}", self.line, column + 1, self.why),
            format!("{:>4} | {}", self.line, self.text),
            format!("     | {}{marks}", " ".repeat(column)),
        ]
    }
}

/// What a door's section has said so far.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) header: String,
    pub(super) sequence: Option<Vec<Port>>,
    pub(super) file: Option<String>,
    /// A line that gives a sequence has an error of its own.
    pub(super) missed: bool,
    pub(super) seq_timeout: Option<u64>,
    pub(super) flags: Option<(u8, u8)>,
    pub(super) target: Option<IpAddr>,
    pub(super) ignored: Vec<Port>,
    /// `Start_Command`, `Start_Command_6`, `Stop_Command`, `Stop_Command_6`: each given or not, empty or not.
    pub(super) commands: [Option<Option<String>>; 4],
    pub(super) cmd_timeout: Option<u64>,
}

/// Reads a configuration.
///
/// # Errors
///
/// Everything that is wrong with it, in the order of the lines.
pub fn parse(text: &[u8], is: Deviations) -> Result<Config, Vec<Fault>> {
    let mut reader =
        Reader { is, config: Config::default(), ignored: Vec::new(), drafts: Vec::new(), faults: Vec::new() };
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut section = None;
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = if is.on(D::ConfigLinesCut) && line.len() > 4095 { &line[..4095] } else { line };
        reader.line(index + 1, line, &mut section);
    }
    reader.finish()
}

enum Section {
    Options,
    Door,
}

/// Lines so far.
pub(super) struct Reader {
    pub(super) is: Deviations,
    pub(super) config: Config,
    pub(super) ignored: Vec<Port>,
    pub(super) drafts: Vec<Draft>,
    pub(super) faults: Vec<Fault>,
}

impl Reader {
    fn line(&mut self, number: usize, bytes: &[u8], section: &mut Option<Section>) {
        let is = self.is;
        let whole = String::from_utf8_lossy(bytes).into_owned();
        let whole = if is.on(D::ConfigKeepsCr) { whole } else { whole.trim_end_matches('\r').to_owned() };
        let line = if is.on(D::ConfigKeepsCr) { whole.trim_matches([' ', '\t']) } else { trim(&whole) };
        let comment = if is.on(D::IndentedCommentsAreLines) { whole.starts_with('#') } else { line.starts_with('#') };
        let comment = comment || is.on(D::SemicolonStartsComment) && line.starts_with(';');
        if line.is_empty() || comment && !is.on(D::NoComments) {
            return;
        }
        let mut fault = |part: &str, why: String| {
            self.faults.push(Fault { line: number, text: whole.clone(), part: part.to_owned(), why });
        };
        if let Some(rest) = line.strip_prefix('[') {
            let Some((name, junk)) = rest.rsplit_once(']') else {
                fault(line, "this section is not closed".to_owned());
                return;
            };
            if !junk.is_empty() {
                fault(trim(junk), "the line must end after `]`".to_owned());
            }
            if trim(name).is_empty() && !is.on(D::NamelessSectionAccepted) {
                fault(line, "a section needs a name".to_owned());
            }
            if std::str::from_utf8(bytes).is_err() {
                fault(name, "a section's name is UTF-8".to_owned());
            }
            let options = trim(name);
            let is_options = if is.on(D::OptionsCaseMatters) {
                options == "options"
            } else {
                options.eq_ignore_ascii_case("options")
            };
            if is_options {
                *section = Some(Section::Options);
            } else {
                let known = self.drafts.iter().position(|draft| draft.name == name);
                match known.filter(|_| is.on(D::NamesakesAreOneDoor)) {
                    Some(known) => {
                        let draft = self.drafts.remove(known);
                        self.drafts.push(draft);
                    }
                    None => self.drafts.push(Draft {
                        name: name.to_owned(),
                        line: number,
                        header: whole.clone(),
                        ..Draft::default()
                    }),
                }
                *section = Some(Section::Door);
            }
            return;
        }
        let (key, value) = match line.split_once('=') {
            Some((key, value)) => {
                (trim(key), Some(if is.on(D::ConfigKeepsCr) { value.trim_matches([' ', '\t']) } else { trim(value) }))
            }
            None => (line, None),
        };
        let result = match section {
            None => Err((key.to_owned(), format!("`{key}` stands before the first section"))),
            Some(Section::Options) if is.on(D::OptionsComeFirst) && !self.drafts.is_empty() => Ok(()),
            Some(Section::Options) => self.option(key, value),
            Some(Section::Door) => self.directive(key, value),
        };
        if let Err((part, why)) = result {
            self.faults.push(Fault { line: number, text: whole.clone(), part, why });
        }
    }

    fn finish(mut self) -> Result<Config, Vec<Fault>> {
        let is = self.is;
        if self.drafts.is_empty() && !is.on(D::NoDoorAccepted) {
            let why = "there is no door: at least one section with a `Sequence` is expected".to_owned();
            self.faults.push(Fault { line: 1, text: String::new(), part: String::new(), why });
        }
        for draft in self.drafts {
            let Draft { name, line, header, .. } = draft;
            let fault = |why: &str| Fault { line, text: header.clone(), part: name.clone(), why: why.to_owned() };
            let both = draft.sequence.is_some() && draft.file.is_some() && !is.on(D::TwoSequencesAccepted);
            if both {
                self.faults.push(fault("this door has both `Sequence` and `One_Time_Sequences`"));
            }
            let mut ignored = if is.on(D::GlobalIgnoreIgnored) { Vec::new() } else { self.ignored.clone() };
            ignored.extend(draft.ignored);
            if is.on(D::IgnorePortsIgnored) {
                ignored.clear();
            }
            let sequence = draft.sequence.iter().flatten();
            if sequence.clone().any(|port| ignored.contains(port)) && !is.on(D::IgnoredInSequenceAccepted) {
                self.faults.push(fault("a port of this door's sequence is in `Ignore_Ports`"));
            }
            let sequences = match (draft.file, draft.sequence) {
                (Some(file), _) => Sequences::OneTime(file),
                (None, Some(ports)) => Sequences::Fixed(ports),
                (None, None) if is.on(D::DoorWithoutSequenceAccepted) => Sequences::Fixed(vec![]),
                (None, None) => {
                    if !draft.missed {
                        self.faults.push(fault("this door has no sequence"));
                    }
                    continue;
                }
            };
            let [start, start_6, stop, stop_6] = draft.commands;
            let six = |six: Option<Option<String>>, four: &Option<Option<String>>| match six {
                _ if is.on(D::Ipv4CommandForIpv6) => four.clone().flatten(),
                // Empty says that nothing runs (CMD-3).
                Some(None) if is.on(D::EmptyCommandIsAbsent) => four.clone().flatten(),
                Some(command) => command,
                None if is.on(D::NoCommandWithoutIts6) => None,
                None => four.clone().flatten(),
            };
            let waits = is.on(D::EmptyStopIsWaitedFor) && stop_6 == Some(None);
            let mut v6 = Commands { start: six(start_6, &start), stop: six(stop_6, &stop) };
            if waits {
                v6.stop = Some(String::new());
            }
            let v4 = Commands { start: start.flatten(), stop: stop.flatten() };
            let (seq_timeout, cmd_timeout) = if is.on(D::OtherDefaults) { (20, 5) } else { (25, 10) };
            self.config.doors.push(Door {
                name,
                sequences,
                seq_timeout: draft.seq_timeout.unwrap_or(seq_timeout),
                flags: draft.flags,
                target: draft.target,
                ignored,
                v4,
                v6,
                cmd_timeout: draft.cmd_timeout.unwrap_or(cmd_timeout),
            });
        }
        self.faults.sort_by_key(|fault| fault.line);
        if is.on(D::OnlyTheFirstError) {
            self.faults.truncate(1);
        }
        if self.faults.is_empty() { Ok(self.config) } else { Err(self.faults) }
    }
}
