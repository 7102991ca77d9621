//! The configuration dialect: text -> types that can only be valid (CONF).
//!
//! [`Config::parse`] reads a text and finds every error in it, each with its place; what parses but is a trap comes as
//! a warning, with advice. [`render`] draws both for people, [`Config::to_text`] writes a configuration back.
//!
//! ```
//! use knockd::config::{Config, Style, render};
//!
//! let text = b"[ssh]\n  Sequence = 7000,8000,90000\n  TCPFlags = syn,!ack\n";
//! let errors = Config::parse(text).expect_err("there is no port 90000");
//! assert_eq!((errors[0].line, errors[0].column), (2, 24));
//! assert!(render("knockd.conf", text, &errors, Style::Plain).contains("expected a port from 1 to 65535"));
//! ```
//!
//! # The text
//!
//! - Text is bytes. Paths, interfaces and commands are kept byte for byte and may be of any length (CMD-5), but cannot
//!   hold a NUL byte, which ends them in the system's own interfaces; a section's name is UTF-8. A byte order mark
//!   before the first line is skipped.
//! - A line is blank, a comment (its first visible byte is `#`), `[section]`, `key = value`, or `UseSyslog` alone. Blanks
//!   at the ends of lines, keys and values do not count, among them the carriage return of a CRLF line (CONF-1, CONF-5).
//!   A `#` further on is part of the value, `;` starts no comment, and lines cannot be continued.
//! - A section's name is everything between the line's first `[` and its last `]`, blanks and all, since it appears so
//!   in the log. `[options]` may have them, any case, and come more than once; all such sections count together.
//! - A directive given twice in a section: the last counts, aliases included. An error in the first stays one.
//! - `UseSyslog` has no value: `UseSyslog = no` would not switch it off, so it is an error.
//! - An empty command is none, so is an empty directive of `[options]`, and an empty `Ignore_Ports` ignores
//!   nothing; an empty `Sequence`, `One_Time_Sequences`, `TCPFlags`, `Target` or timeout is an error (CONF-2, CONF-3).
//! - `Ignore_Ports` of `[options]` and of the door both count; each may list 64 ports (SEQ-11).
//! - A number is decimal digits alone: no sign, no unit, no fraction.

mod diagnostic;
mod directive;
mod draft;
mod error;
mod line;
mod text;
mod trap;
mod value;

use std::{net::IpAddr, ops::Range, time::Duration};

pub use diagnostic::{Diagnostic, Problem, Style, render};
pub use directive::Directive;
pub use error::ConfigError;
pub use trap::{Trap, one_time_trap};

use crate::{
    flags::FlagFilter,
    port::Port,
    sequence::{Sequence, is_blank},
};
use draft::{DoorDraft, OptionsDraft};
use line::{Line, SectionFault, lines};
use trap::door_traps;
use value::{Errors, Value};

/// A whole configuration: at least one door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `[options]`.
    pub options: Options,
    /// The doors, in the file's order.
    pub doors: Vec<Door>,
}

/// `[options]`. Paths and names are bytes as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `UseSyslog`: log to syslog too (LOG-1).
    pub use_syslog: bool,
    /// `LogFile` (LOG-1).
    pub log_file: Option<Vec<u8>>,
    /// `PidFile` (PROC-2).
    pub pid_file: Option<Vec<u8>>,
    /// `Interface` (LISTEN-2, LISTEN-10).
    pub interface: Option<Vec<u8>>,
}

/// One door: a section other than `[options]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// The section's name; two doors may share it (CONF-5).
    pub name: String,
    /// Where its sequence comes from.
    pub sequences: Sequences,
    /// `Seq_Timeout`: the time for a whole knock, a whole number of seconds, at least one (TIME-1).
    pub seq_timeout: Duration,
    /// `TCPFlags` (FLAGS).
    pub flags: Option<FlagFilter>,
    /// `Target` (LISTEN-3).
    pub target: Option<IpAddr>,
    /// `Ignore_Ports`, the door's own and those of `[options]`, sorted, without repetition (SEQ-11).
    pub ignored: Vec<Port>,
    /// The commands for IPv4 sources.
    pub v4: Commands,
    /// The commands for IPv6 sources, the IPv4 ones where none are given (CMD-3).
    pub v6: Commands,
    /// `Cmd_Timeout`: from the start command's end to the stop command (CMD-2).
    pub cmd_timeout: Duration,
}

/// A door's `Sequence` or `One_Time_Sequences`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sequences {
    /// Always the same.
    Fixed(Sequence),
    /// The path, as written, of a file with one sequence a line (ONCE-1).
    OneTime(Vec<u8>),
}

/// What a door runs for one address family; an empty command is none (CMD-3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// `Start_Command`, bytes as written, `%IP%` not yet replaced.
    pub start: Option<Vec<u8>>,
    /// `Stop_Command`; without a start command it never runs (CMD-2).
    pub stop: Option<Vec<u8>>,
}

impl Config {
    /// The configuration that `text` spells, and the traps in it.
    ///
    /// # Errors
    ///
    /// Every error of the text, in its order (CONF-4).
    pub fn parse(text: &[u8]) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut errors = Errors::new();
        let (options, drafts) = sections(text, &mut errors);
        let (mut doors, mut traps) = (Vec::new(), Vec::new());
        for draft in &drafts {
            doors.extend(draft.finish(&options, &mut errors));
            door_traps(draft, &mut traps);
        }
        if drafts.is_empty() {
            errors.push((text.len()..text.len(), ConfigError::NoDoor));
        }
        if errors.is_empty() {
            let traps = traps.into_iter().map(|(span, trap)| (span, Problem::Trap(trap))).collect();
            Ok((Self { options: options.options, doors }, diagnostic::locate(text, traps)))
        } else {
            let errors = errors.into_iter().map(|(span, error)| (span, Problem::Error(error))).collect();
            Err(diagnostic::locate(text, errors))
        }
    }
}

/// The section that a directive belongs to.
enum Section {
    None,
    Options,
    /// The last of the doors.
    Door,
}

fn sections(text: &[u8], errors: &mut Errors) -> (OptionsDraft, Vec<DoorDraft>) {
    let (mut options, mut doors) = (OptionsDraft::default(), Vec::<DoorDraft>::new());
    let mut section = Section::None;
    for line in lines(text) {
        match line {
            Line::Section { name, fault } => {
                let label = section_name(text, &name, fault, errors);
                if label.trim().eq_ignore_ascii_case("options") {
                    section = Section::Options;
                } else {
                    doors.push(DoorDraft::new(label, name));
                    section = Section::Door;
                }
            }
            Line::Entry { key, value } => {
                let door = doors.last_mut().filter(|_| matches!(section, Section::Door));
                match (entry(text, key, value, &section, errors), door) {
                    (Ok(value), Some(door)) => door.set(&value, errors),
                    (Ok(value), None) => options.set(&value, errors),
                    (Err(meant), Some(door)) => door.miss(meant),
                    (Err(_), None) => {}
                }
            }
        }
    }
    (options, doors)
}

/// The section's name, as well as it can be told where there is a fault, so that its lines are judged all the same.
fn section_name(text: &[u8], span: &Range<usize>, fault: Option<SectionFault>, errors: &mut Errors) -> String {
    let name = &text[span.clone()];
    match fault {
        Some(SectionFault::Unclosed) => {
            errors.push((
                span.start - 1..span.end,
                ConfigError::UnclosedSection(text[span.start - 1..span.end].to_vec()),
            ));
        }
        Some(SectionFault::Junk(junk)) => {
            errors.push((junk.clone(), ConfigError::JunkAfterSection(text[junk].to_vec())));
        }
        None => {}
    }
    let Ok(label) = str::from_utf8(name) else {
        errors.push((span.clone(), ConfigError::SectionNameNotUtf8(name.to_vec())));
        return String::from_utf8_lossy(name).into_owned();
    };
    if label.trim().is_empty() && text.get(span.end) == Some(&b']') {
        errors.push((span.start - 1..span.end + 1, ConfigError::EmptySectionName));
    }
    label.to_owned()
}

/// The directive of a line and its value, or the directive that was most likely meant by a line with an error.
fn entry<'a>(
    text: &'a [u8],
    key: Range<usize>,
    value: Option<Range<usize>>,
    section: &Section,
    errors: &mut Errors,
) -> Result<Value<'a>, Option<Directive>> {
    let Some(directive) = Directive::named(&text[key.clone()]) else {
        let (meant, error) = misnamed(text, key, value.is_some());
        errors.push(error);
        return Err(meant);
    };
    let error = match (section, directive, value) {
        (Section::None, ..) => (key.clone(), ConfigError::BeforeSection(text[key].to_vec())),
        (_, Directive::UseSyslog, Some(value)) => {
            (key.start..value.end, ConfigError::NeedlessValue(directive, text[value].to_vec()))
        }
        (_, Directive::UseSyslog, None) => return Ok(Value { directive, span: key.end..key.end, key, text }),
        (_, _, None) => (key, ConfigError::NoEqualsSign(directive)),
        (_, _, Some(span)) => return Ok(Value { directive, key, text, span }),
    };
    errors.push(error);
    Err(Some(directive))
}

/// The error of a line whose key, or whose whole text where it has no `=`, names no directive; and the one meant.
fn misnamed(text: &[u8], key: Range<usize>, valued: bool) -> (Option<Directive>, (Range<usize>, ConfigError)) {
    let words = &text[key.clone()];
    if words.is_empty() {
        // Without a key the line begins with its `=`.
        return (None, (key.start..key.start + 1, ConfigError::EmptyKey));
    }
    if valued {
        let nearest = Directive::nearest(words);
        return (nearest, (key, ConfigError::UnknownKey(words.to_vec(), nearest.map(Directive::name))));
    }
    let first = words.split(|byte| is_blank(*byte)).next().and_then(Directive::named);
    let error = match first {
        Some(directive) => ConfigError::NoEqualsSign(directive),
        None => ConfigError::NotALine(words.to_vec()),
    };
    (first, (key, error))
}
