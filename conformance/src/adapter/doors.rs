//! The doors of a configuration in knockd's language, for daemons with another one.
//!
//! Only what a template can use is read. Whatever is unusual is refused, so that a case about it is not judged on a
//! translation of it.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use crate::timeline::Flags;

/// A door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Door {
    /// Its name.
    pub name: String,
    /// The ports of its sequence.
    pub sequence: Vec<Port>,
    /// The time for the whole sequence, in seconds.
    pub timeout: u32,
    /// Flags that must be set.
    pub set: Vec<String>,
    /// Flags that must be clear.
    pub clear: Vec<String>,
    /// The command that opens it; empty if there is none.
    pub command: String,
}

/// One port of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
}

/// A configuration that cannot be said in another language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inexpressible(String);

impl fmt::Display for Inexpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Inexpressible {}

/// TIME-1's default.
const TIMEOUT: u32 = 25;

/// The doors of a configuration that uses no directives but `known`, which are in lower case.
///
/// # Errors
///
/// A directive that is not known, or one that this reader does not understand.
pub fn doors(config: &[u8], known: &BTreeSet<String>) -> Result<Vec<Door>, Inexpressible> {
    let text = std::str::from_utf8(config).map_err(|_| Inexpressible("it is no UTF-8".to_owned()))?;
    let mut doors: Vec<Door> = Vec::new();
    for line in lines(text) {
        match line {
            Said::Section(name) if name.is_empty() || name.eq_ignore_ascii_case("options") => {
                return Err(Inexpressible(format!("it has a section [{name}]")));
            }
            Said::Section(name) => doors.push(Door {
                name: name.to_owned(),
                sequence: Vec::new(),
                timeout: TIMEOUT,
                set: Vec::new(),
                clear: Vec::new(),
                command: String::new(),
            }),
            Said::Directive(name, value) => {
                let Some(door) = doors.last_mut().filter(|_| known.contains(&name)) else {
                    return Err(Inexpressible(format!("it has a directive `{name}`")));
                };
                if understand(door, &name, value).is_none() {
                    return Err(Inexpressible(format!("`{name} = {value}` is not understood")));
                }
            }
        }
    }
    match doors.iter().find(|door| door.sequence.is_empty()) {
        Some(door) => Err(Inexpressible(format!("the door `{}` has no sequence", door.name))),
        None => Ok(doors),
    }
}

/// Every directive of a configuration, wherever it stands, its name in lower case; as far as it is text.
pub fn directives(config: &[u8]) -> impl Iterator<Item = (String, String)> {
    let text = String::from_utf8_lossy(config);
    let all: Vec<_> = lines(&text)
        .filter_map(|line| match line {
            Said::Directive(name, value) => Some((name, value.to_owned())),
            Said::Section(_) => None,
        })
        .collect();
    all.into_iter()
}

enum Said<'a> {
    Section(&'a str),
    Directive(String, &'a str),
}

fn lines(text: &str) -> impl Iterator<Item = Said<'_>> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) => Said::Section(name),
            None => {
                let (name, value) = line.split_once('=').unwrap_or((line, ""));
                Said::Directive(name.trim().to_ascii_lowercase(), value.trim())
            }
        }
    })
}

fn understand(door: &mut Door, name: &str, value: &str) -> Option<()> {
    match name {
        "sequence" => door.sequence = value.split(',').map(port).collect::<Option<_>>()?,
        "seq_timeout" | "timeout" => door.timeout = value.parse().ok().filter(|seconds| *seconds > 0)?,
        "tcpflags" => {
            for flag in value.split(',').map(|flag| flag.trim().to_ascii_lowercase()) {
                let (list, flag) = match flag.strip_prefix('!') {
                    Some(flag) => (&mut door.clear, flag),
                    None => (&mut door.set, flag.as_str()),
                };
                Flags::parse(flag)?;
                list.push(flag.to_owned());
            }
        }
        "command" | "start_command" => value.clone_into(&mut door.command),
        _ => return None,
    }
    Some(())
}

fn port(text: &str) -> Option<Port> {
    let (number, protocol) = text.trim().split_once(':').unwrap_or((text.trim(), "tcp"));
    let protocol = ["tcp", "udp"].into_iter().find(|known| protocol.eq_ignore_ascii_case(known))?;
    Some(Port { number: number.parse().ok().filter(|number| *number != 0)?, protocol })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> BTreeSet<String> {
        ["sequence", "tcpflags", "command", "seq_timeout"].map(str::to_owned).into()
    }

    #[test]
    fn doors_are_read() {
        let text =
            b"[a]\n Sequence = 7000, 8000:UDP\n TCPFlags = syn,!ack\n # x\n command = open %IP%\n[b]\nsequence=1\n";
        let doors = doors(text, &known()).expect("plain doors");
        assert_eq!(doors.len(), 2);
        let door = &doors[0];
        assert_eq!((door.name.as_str(), door.timeout, door.command.as_str()), ("a", 25, "open %IP%"));
        assert_eq!(door.sequence, [Port { number: 7000, protocol: "tcp" }, Port { number: 8000, protocol: "udp" }]);
        assert_eq!((&door.set[..], &door.clear[..]), (&["syn".to_owned()][..], &["ack".to_owned()][..]));
    }

    #[test]
    fn what_is_unusual_is_refused() {
        for (text, why) in [
            ("[a]\nsequence = 1\ntarget = 192.0.2.9\n", "`target`"),
            ("[options]\nusesyslog\n", "[options]"),
            ("[a]\ncommand = x\n", "no sequence"),
            ("[a]\nsequence = 0\n", "sequence = 0"),
            ("[a]\nsequence = 1:sctp\n", "1:sctp"),
            ("[a]\nsequence = 1\ntcpflags = sin\n", "sin"),
            ("sequence = 1\n", "`sequence`"),
        ] {
            let error = doors(text.as_bytes(), &known()).expect_err(text);
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }
}
