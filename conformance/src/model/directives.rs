//! What the lines of a section say (CONF-1, CONF-2, FLAGS, SEQ-11).

use super::{
    config::Reader,
    deviation::{Deviation as D, Deviations},
    ports::{self, trim},
    words::Port,
};

/// The wrong part of a line, and why it is wrong.
type Wrong = (String, String);

impl Reader {
    pub(super) fn option(&mut self, key: &str, value: Option<&str>) -> Result<(), Wrong> {
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

    pub(super) fn directive(&mut self, key: &str, value: Option<&str>) -> Result<(), Wrong> {
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

    fn unknown(&self, key: &str, place: &str) -> Result<(), Wrong> {
        if self.is.on(D::UnknownKeyAccepted) {
            return Ok(());
        }
        Err((key.to_owned(), format!("`{key}` is no directive of {place}")))
    }

    /// At most 64 entries; empty is none (SEQ-11).
    fn ports_to_ignore(&self, value: &str) -> Result<Vec<Port>, Wrong> {
        if value.is_empty() {
            return Ok(Vec::new());
        }
        let most = if self.is.on(D::AnyNumberIgnored) { usize::MAX } else { 64 };
        ports::list(value, most, self.is).map_err(first)
    }

    fn is_key(&self, key: &str, wanted: &str) -> bool {
        if self.is.on(D::KeyCaseMatters) { key == wanted } else { key.eq_ignore_ascii_case(wanted) }
    }
}

fn first(mut faults: Vec<Wrong>) -> Wrong {
    if faults.is_empty() { (String::new(), String::new()) } else { faults.remove(0) }
}

fn needed<'a>(key: &str, value: Option<&'a str>) -> Result<&'a str, Wrong> {
    value.ok_or_else(|| (key.to_owned(), format!("`{key} = value` is expected")))
}

/// A path, an interface or a command; empty is none.
fn text(value: &str) -> Result<Option<String>, Wrong> {
    if value.contains('\0') {
        return Err(("\0".to_owned(), "a NUL byte".to_owned()));
    }
    Ok((!value.is_empty()).then(|| value.to_owned()))
}

fn seconds(value: &str, least: u64, is: Deviations) -> Result<u64, Wrong> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { value.parse().ok().filter(|number| *number <= u64::from(u32::MAX)) } else { None };
    match number.filter(|number| *number >= least) {
        Some(number) => Ok(number),
        None if is.on(D::AnyTimeoutAccepted) => Ok(number.unwrap_or(0)),
        None => Err((value.to_owned(), format!("`{value}` is no whole number of seconds from {least}"))),
    }
}

fn flags(value: &str, is: Deviations) -> Result<Option<(u8, u8)>, Wrong> {
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
