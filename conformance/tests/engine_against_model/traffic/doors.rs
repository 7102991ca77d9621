//! Random doors: few ports, short sequences and every directive.

use std::net::IpAddr;

use proptest::{collection::vec, prelude::*, sample::select};

use knock_conformance::model::{
    Commands, Door, Port,
    Protocol::{self, Tcp, Udp},
    Sequences,
};

use crate::scenario::path;

/// What some doors have for a `Target`: own addresses, strangers' and one of many hosts.
const TARGETS: [&str; 5] = ["10.0.0.9", "192.0.2.7", "fd00::9", "2001:db8::7", "224.0.0.5"];
const PORTS: [u16; 3] = [1, 2, 65535];
/// A port that is in no door's sequence.
pub(crate) const STRANGE_PORT: u16 = 3;

pub(crate) fn ports() -> impl Strategy<Value = Port> {
    (select(&PORTS[..]), protocols()).prop_map(|(port, protocol)| Port(port, protocol))
}

pub(crate) fn protocols() -> impl Strategy<Value = Protocol> {
    prop_oneof![2 => Just(Tcp), 1 => Just(Udp)]
}

fn sequences() -> impl Strategy<Value = Vec<Port>> {
    let only_tcp = select(&PORTS[..]).prop_map(|port| Port(port, Tcp));
    prop_oneof![4 => vec(ports(), 2..=4), 1 => vec(ports(), 1), 1 => vec(only_tcp, 1..=3)]
}

/// A door that does not know its place yet, all its sequences, and the text that holds them if it has a file.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    door: Door,
    sequences: Vec<Vec<Port>>,
    text: Option<String>,
}

impl Draft {
    /// The door at this place, with its sequences and the text of its file.
    pub(crate) fn numbered(self, index: usize) -> (Door, (Vec<Vec<Port>>, String)) {
        let Self { mut door, sequences, text } = self;
        door.name = format!("door{index}");
        if text.is_some() {
            door.sequences = Sequences::OneTime(path(index));
        }
        (door, (sequences, text.unwrap_or_default()))
    }
}

pub(crate) fn doors() -> impl Strategy<Value = Draft> {
    let flags = select(vec![None, None, Some((0x02, 0)), Some((0x02, 0x10)), Some((0, 0x04)), Some((0x11, 0x20))]);
    let target = prop_oneof![4 => Just(None), 1 => select(TARGETS.map(address).to_vec()).prop_map(Some)];
    let timeouts = select(vec![1_u64, 2, 5, 25, 64, 65, 100]);
    let strange = protocols().prop_map(|protocol| Port(STRANGE_PORT, protocol));
    let ignored = prop_oneof![2 => Just(Vec::new()), 1 => vec(prop_oneof![ports(), strange], 1..3)];
    let cmd_timeouts = select(vec![0_u64, 1, 2, 5, 10, 64]);
    (sequences(), one_time_files(), flags, target, ignored, (commands("a"), commands("b")), timeouts, cmd_timeouts)
        .prop_map(|(fixed, file, flags, target, mut ignored, (v4, v6), seq_timeout, cmd_timeout)| {
            let (sequences, text) = match file {
                Some((lines, text)) => (lines, Some(text)),
                None => {
                    ignored.retain(|port| !fixed.contains(port));
                    (vec![fixed.clone()], None)
                }
            };
            let name = String::new();
            let sequence = Sequences::Fixed(fixed);
            let door = Door { name, sequences: sequence, seq_timeout, flags, target, ignored, v4, v6, cmd_timeout };
            Draft { door, sequences, text }
        })
}

fn commands(name: &'static str) -> impl Strategy<Value = Commands> {
    let start = select(vec![None, Some("open %IP%"), Some("%IP%%IP%% IP%"), Some("plain")]);
    let stop = select(vec![None, Some("close %IP%")]);
    (start, stop).prop_map(move |(start, stop)| Commands {
        start: start.map(|text| format!("{name} {text}")),
        stop: stop.map(|text| format!("{name} {text}")),
    })
}

/// Nothing for a door of a fixed sequence, else the sequences and the text that holds them.
fn one_time_files() -> impl Strategy<Value = Option<(Vec<Vec<Port>>, String)>> {
    let bad = select(vec!["", "# 1,2", "#", " \t", "1,,2", "1:tpc", "0", "seven"]);
    let line = prop_oneof![3 => sequences().prop_map(Ok), 1 => bad.prop_map(Err)];
    let lines = vec((line, select(vec!["", " "]), select(vec!["\n", "\r\n"])), 0..5);
    let file = (lines, any::<bool>()).prop_map(|(lines, ends_bare)| {
        let mut text = String::new();
        let mut parsed = Vec::new();
        for (line, indent, end) in lines {
            match line {
                Ok(ports) => {
                    let written: Vec<_> = ports.iter().map(Port::to_string).collect();
                    text += &format!("{indent}{}{end}", written.join(","));
                    parsed.push(ports);
                }
                Err(bad) => text += &format!("{bad}{end}"),
            }
        }
        if ends_bare {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        (parsed, text)
    });
    prop_oneof![2 => Just(None), 1 => file.prop_map(Some)]
}

/// The interface's addresses, and whether it is a loopback.
pub(crate) fn locals() -> impl Strategy<Value = (Option<Vec<(IpAddr, u8)>>, bool)> {
    let these = |locals: &[(&str, u8)]| Some(locals.iter().map(|&(own, length)| (address(own), length)).collect());
    prop_oneof![
        4 => Just((these(&[("10.0.0.9", 24), ("10.0.1.9", 30), ("10.0.2.2", 31), ("fd00::9", 64)]), false)),
        2 => any::<bool>().prop_map(|loopback| (None, loopback)),
        1 => Just((these(&[("127.0.0.1", 8), ("::1", 128), ("10.0.0.9", 32)]), true)),
        1 => Just((these(&[("10.0.0.9", 30)]), false)),
    ]
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("the addresses above are well-formed")
}
