//! A configuration's text -> options and doors, or everything that is wrong with it (CONF, FLAGS, ONCE-11, SEQ-11).

use std::net::IpAddr;

use super::{
    deviation::{Deviation as D, Deviations},
    ports::{self, trim},
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
struct Draft {
    name: String,
    line: usize,
    header: String,
    sequence: Option<Vec<Port>>,
    file: Option<String>,
    /// A line that gives a sequence has an error of its own.
    missed: bool,
    seq_timeout: Option<u64>,
    flags: Option<(u8, u8)>,
    target: Option<IpAddr>,
    ignored: Vec<Port>,
    /// `Start_Command`, `Start_Command_6`, `Stop_Command`, `Stop_Command_6`: each given or not, empty or not.
    commands: [Option<Option<String>>; 4],
    cmd_timeout: Option<u64>,
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

struct Reader {
    is: Deviations,
    config: Config,
    ignored: Vec<Port>,
    drafts: Vec<Draft>,
    faults: Vec<Fault>,
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
            Some(Section::Options) => self.option(key, value),
            Some(Section::Door) => self.directive(key, value),
        };
        if let Err((part, why)) = result {
            self.faults.push(Fault { line: number, text: whole.clone(), part, why });
        }
    }

    fn is_key(&self, key: &str, wanted: &str) -> bool {
        if self.is.on(D::KeyCaseMatters) { key == wanted } else { key.eq_ignore_ascii_case(wanted) }
    }

    fn option(&mut self, key: &str, value: Option<&str>) -> Result<(), (String, String)> {
        if self.is_key(key, "usesyslog") {
            return match value {
                None => {
                    self.config.use_syslog = true;
                    Ok(())
                }
                Some(value) => Err((value.to_owned(), "`UseSyslog` has no value".to_owned())),
            };
        }
        let known = ["logfile", "pidfile", "interface", "ignore_ports"];
        let Some(place) = known.iter().position(|known| self.is_key(key, known)) else {
            return self.unknown(key, "[options]");
        };
        let value = needed(key, value)?;
        match place {
            0 => self.config.log_file = text(value)?,
            1 => self.config.pid_file = text(value)?,
            2 => self.config.interface = text(value)?,
            _ => self.ignored = self.ports_to_ignore(value)?,
        }
        Ok(())
    }

    fn directive(&mut self, key: &str, value: Option<&str>) -> Result<(), (String, String)> {
        let is = self.is;
        const KEYS: [(&str, usize); 14] = [
            ("sequence", 0),
            ("one_time_sequences", 1),
            ("seq_timeout", 2),
            ("timeout", 2),
            ("tcpflags", 3),
            ("target", 4),
            ("ignore_ports", 5),
            ("start_command", 6),
            ("command", 6),
            ("start_command_6", 7),
            ("command_6", 7),
            ("stop_command", 8),
            ("stop_command_6", 9),
            ("cmd_timeout", 10),
        ];
        let aliases = ["timeout", "command", "command_6"];
        let Some((_, place)) = KEYS
            .into_iter()
            .find(|(known, _)| self.is_key(key, known) && !(is.on(D::NoAliases) && aliases.contains(known)))
        else {
            return self.unknown(key, "a door");
        };
        let ignored = if place == 5 { Some(self.ports_to_ignore(needed(key, value)?)) } else { None };
        let Some(draft) = self.drafts.last_mut() else { return Ok(()) };
        draft.missed |= place < 2;
        let value = needed(key, value)?;
        let first_counts = |given: bool| given && is.on(D::FirstOfTwoCounts);
        match place {
            0 if first_counts(draft.sequence.is_some()) => {}
            0 => draft.sequence = Some(ports::list(value, 32, is).map_err(first)?),
            1 => draft.file = Some(text(value)?.ok_or_else(|| (key.to_owned(), format!("`{key}` is empty")))?),
            2 if first_counts(draft.seq_timeout.is_some()) => {}
            2 => draft.seq_timeout = Some(seconds(value, 1, is)?),
            3 => draft.flags = flags(value, is)?,
            4 => {
                draft.target =
                    Some(value.parse().map_err(|_| (value.to_owned(), format!("`{value}` is no IP address")))?);
            }
            5 => draft.ignored = ignored.transpose()?.unwrap_or_default(),
            10 => draft.cmd_timeout = Some(seconds(value, 0, is)?),
            command => {
                if !first_counts(draft.commands[command - 6].is_some()) {
                    draft.commands[command - 6] = Some(text(value)?);
                }
            }
        }
        Ok(())
    }

    fn unknown(&self, key: &str, place: &str) -> Result<(), (String, String)> {
        if self.is.on(D::UnknownKeyAccepted) {
            return Ok(());
        }
        Err((key.to_owned(), format!("`{key}` is no directive of {place}")))
    }

    /// At most 64 entries; empty is none (SEQ-11).
    fn ports_to_ignore(&self, value: &str) -> Result<Vec<Port>, (String, String)> {
        if value.is_empty() {
            return Ok(Vec::new());
        }
        let most = if self.is.on(D::AnyNumberIgnored) { usize::MAX } else { 64 };
        ports::list(value, most, self.is).map_err(first)
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

fn first(mut faults: Vec<(String, String)>) -> (String, String) {
    if faults.is_empty() { (String::new(), String::new()) } else { faults.remove(0) }
}

fn needed<'a>(key: &str, value: Option<&'a str>) -> Result<&'a str, (String, String)> {
    value.ok_or_else(|| (key.to_owned(), format!("`{key} = value` is expected")))
}

/// A path, an interface or a command; empty is none.
fn text(value: &str) -> Result<Option<String>, (String, String)> {
    if value.contains('\0') {
        return Err(("\0".to_owned(), "a NUL byte".to_owned()));
    }
    Ok((!value.is_empty()).then(|| value.to_owned()))
}

fn seconds(value: &str, least: u64, is: Deviations) -> Result<u64, (String, String)> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { value.parse().ok().filter(|number| *number <= u64::from(u32::MAX)) } else { None };
    match number.filter(|number| *number >= least) {
        Some(number) => Ok(number),
        None if is.on(D::AnyTimeoutAccepted) => Ok(number.unwrap_or(0)),
        None => Err((value.to_owned(), format!("`{value}` is no whole number of seconds from {least}"))),
    }
}

fn flags(value: &str, is: Deviations) -> Result<Option<(u8, u8)>, (String, String)> {
    const NAMES: [&str; 6] = ["fin", "syn", "rst", "psh", "ack", "urg"];
    if value.is_empty() && is.on(D::EmptyFlagsAccepted) {
        return Ok(None);
    }
    let (mut set, mut clear) = (0, 0);
    for element in value.split(',') {
        let word = if is.on(D::FlagBlanksRefused) { element } else { trim(element) };
        let (name, wanted) = match word.strip_prefix('!') {
            Some(name) => (if is.on(D::FlagBlanksRefused) { name } else { trim(name) }, &mut clear),
            None => (word, &mut set),
        };
        let same = |known: &str| {
            if is.on(D::FlagCaseMatters) { known == name } else { known.eq_ignore_ascii_case(name) }
        };
        match NAMES.iter().position(|known| same(known)) {
            Some(bit) => *wanted |= 1 << bit,
            None if is.on(D::UnknownFlagAccepted) => {}
            None => return Err((word.to_owned(), format!("`{word}` is no TCP flag"))),
        }
    }
    if set & clear != 0 && !is.on(D::ContradictionAccepted) {
        return Err((value.to_owned(), format!("`{value}` demands a flag set and clear")));
    }
    Ok(Some((set, if is.on(D::NegationIgnored) { 0 } else { clear })))
}
