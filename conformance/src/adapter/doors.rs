//! The doors of a configuration in knockd's language, for daemons with another one.
//!
//! Only what a template can use is read. Whatever is unusual is refused, so that a case about it is not judged on a
//! translation of it.

use std::{collections::BTreeSet, fmt, net::IpAddr};

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
    /// The command that closes it; empty if there is none.
    pub stop: String,
    /// How long after the first one has ended the second runs, in seconds.
    pub stop_after: u32,
    /// The command that opens it for IPv6; `None` if it is the same.
    pub command_6: Option<String>,
    /// The command that closes it for IPv6; `None` if it is the same.
    pub stop_6: Option<String>,
    /// The address to which hits are sent; `None` if it is any of the host's own.
    pub target: Option<String>,
    /// Ports at which hits neither advance nor spoil.
    pub ignored: Vec<Port>,
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
/// CMD-2's default.
const STOP_AFTER: u32 = 10;

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
                stop: String::new(),
                stop_after: STOP_AFTER,
                command_6: None,
                stop_6: None,
                target: None,
                ignored: Vec::new(),
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
        "stop_command" => value.clone_into(&mut door.stop),
        "cmd_timeout" => door.stop_after = value.parse().ok()?,
        "command_6" | "start_command_6" => door.command_6 = Some(value.to_owned()),
        "stop_command_6" => door.stop_6 = Some(value.to_owned()),
        "target" => door.target = Some(value.parse::<IpAddr>().ok()?.to_string()),
        "ignore_ports" => door.ignored = value.split(',').map(port).collect::<Option<_>>()?,
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
    fn all_that_a_door_may_say_is_read() {
        let text = b"[a]\nsequence = 1\nstart_command = open %IP%\nstop_command = close %IP%\ncmd_timeout = 3\n\
                     command_6 =\nstop_command_6 = close6\ntarget = 192.0.2.99\nignore_ports = 443, 443:udp\n\
                     [b]\nsequence = 2\n";
        let known = directives(text).map(|(name, _)| name).collect();
        let doors = doors(text, &known).expect("plain doors");
        let (a, b) = (&doors[0], &doors[1]);
        assert_eq!((a.command.as_str(), a.stop.as_str(), a.stop_after), ("open %IP%", "close %IP%", 3));
        assert_eq!((a.command_6.as_deref(), a.stop_6.as_deref()), (Some(""), Some("close6")));
        assert_eq!(a.target.as_deref(), Some("192.0.2.99"));
        let ignored = [Port { number: 443, protocol: "tcp" }, Port { number: 443, protocol: "udp" }];
        assert_eq!(a.ignored, ignored);
        assert_eq!((b.stop.as_str(), b.stop_after, &b.command_6, &b.target), ("", 10, &None, &None));
        for wrong in ["cmd_timeout = -1", "target = nowhere", "ignore_ports = 0"] {
            let text = format!("[a]\nsequence = 1\n{wrong}\n");
            super::doors(text.as_bytes(), &known).expect_err(wrong);
        }
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
