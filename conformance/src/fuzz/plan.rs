//! A random case before it is written out: small parts that can be left out one by one.

use std::fmt::Write as _;

/// What happens, to which doors.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) doors: Vec<Door>,
    pub(super) steps: Vec<Step>,
    pub(super) link: &'static str,
    pub(super) only_v4: bool,
    pub(super) bound: Option<usize>,
    /// How long the commands take, in milliseconds, and their status.
    pub(super) takes: (u32, u8),
}

/// A door.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub(super) sequences: Sequences,
    pub(super) seq_timeout: Option<u32>,
    pub(super) flags: Option<&'static str>,
    pub(super) target: Option<&'static str>,
    pub(super) ignored: &'static str,
    pub(super) commands: Commands,
    pub(super) cmd_timeout: Option<u32>,
    /// Whether its directives go by their other names, in capitals.
    pub(super) aliases: bool,
}

/// Where its sequences come from.
#[derive(Clone, Debug)]
pub(super) enum Sequences {
    Fixed(Vec<Port>),
    /// The lines of a file, each a sequence or something else; whether the last one ends.
    OneTime(Vec<Result<Vec<Port>, &'static str>>, bool),
}

/// Start, stop, and both for IPv6: absent, empty or a text.
#[derive(Clone, Debug)]
pub(super) struct Commands(pub(super) [Option<&'static str>; 4]);

/// A port, and whether it is UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Port(pub(super) u16, pub(super) bool);

/// Something that happens, so many milliseconds after what was before.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) after: u32,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// Neighbouring hits of a door's sequence, so many milliseconds apart.
    Run {
        who: &'static str,
        door: usize,
        line: usize,
        from: usize,
        count: usize,
        gap: u32,
        flags: &'static str,
        tail: &'static str,
    },
    /// A hit out of the blue.
    Hit { who: &'static str, port: Port, flags: &'static str, tail: &'static str },
    /// The last hit but so many, once more.
    Again { back: usize },
    /// A packet that is no hit.
    Noise { who: &'static str },
    /// Anything else that a timeline can say.
    Event(&'static str),
}

impl Plan {
    /// The case as the text of a case file.
    pub(super) fn text(&self, id: &str) -> String {
        let mut text = format!("[[case]]\nid       = \"{id}\"\nclauses  = [\"SEQ-1\"]\n");
        text += "about    = \"What the fuzzer found.\"\nlog      = \"all\"\n";
        if self.link != "ethernet" {
            _ = writeln!(text, "link     = \"{}\"", self.link);
        }
        if self.only_v4 {
            text += "options  = [\"-4\"]\n";
        }
        if let Some(bound) = self.bound {
            _ = writeln!(text, "bound    = {bound}");
        }
        let (takes, status) = self.takes;
        if self.takes != (0, 0) {
            let takes = f64::from(takes) / 1000.0;
            _ = writeln!(text, "commands = {{ open = {{ takes = {takes:?}, status = {status} }} }}");
        }
        let files: Vec<String> = self.doors.iter().enumerate().filter_map(|(place, door)| door.file(place)).collect();
        if !files.is_empty() {
            _ = writeln!(text, "files    = {{ {} }}", files.join(", "));
        }
        text += "config   = '''\n";
        self.doors.iter().enumerate().for_each(|(place, door)| door.write(place, &mut text));
        text += "'''\ntimeline = '''\n";
        self.write_timeline(&mut text);
        text += "'''\n";
        text
    }

    fn write_timeline(&self, text: &mut String) {
        let mut hits: Vec<String> = Vec::new();
        let mut now = 0;
        for step in &self.steps {
            now += step.after;
            let mut say = |now: u32, line: &str| {
                _ = writeln!(text, "{}.{:03} {line}", now / 1000, now % 1000);
            };
            match &step.what {
                What::Run { who, door, line, from, count, gap, flags, tail } => {
                    let Some(door) = self.doors.get(*door % self.doors.len().max(1)) else { continue };
                    for (place, port) in door.ports(*line).into_iter().skip(*from).take(*count).enumerate() {
                        now += if place == 0 { 0 } else { *gap };
                        let line = hit(who, port, flags, self.fitting(tail, who, port), door.target, hits.len());
                        say(now, &line);
                        hits.push(line);
                    }
                }
                What::Hit { who, port, flags, tail } => {
                    let line = hit(who, *port, flags, self.fitting(tail, who, *port), None, hits.len());
                    say(now, &line);
                    hits.push(line);
                }
                What::Again { back } => {
                    if let Some(line) = hits.len().checked_sub(1 + back).map(|place| hits[place].clone()) {
                        say(now, &line);
                    }
                }
                What::Noise { who } => say(now, &format!("{who} > icmp")),
                What::Event(event) => say(now, event),
            }
        }
        now += 500;
        _ = writeln!(text, "{}.{:03} never run nothing", now / 1000, now % 1000);
        let end = now + 60_000;
        _ = writeln!(text, "{}.{:03} bob > icmp\n      end", end / 1000, end % 1000);
    }
}

impl Plan {
    /// The tail if such a packet on this link can have it.
    fn fitting(&self, tail: &'static str, who: &str, port: Port) -> &'static str {
        let is_v6 = who.ends_with('6');
        let fits = match tail.split_whitespace().next() {
            Some("total" | "options" | "ihl") => !is_v6,
            Some("payload" | "ext") => is_v6,
            Some("doff" | "badsum") => !port.1,
            Some("length") => port.1,
            Some("vlan") => self.link == "ethernet",
            _ => !(is_v6 && tail.ends_with("ihl 15")),
        };
        if fits { tail } else { "" }
    }
}

/// A packet's line; its source port and sequence number are its own, and stay its own when other lines go.
fn hit(who: &str, port: Port, flags: &str, tail: &str, target: Option<&str>, number: usize) -> String {
    let Port(number_of_port, is_udp) = port;
    let to = match target {
        Some(target) if !tail.starts_with(" to ") && target.ends_with('6') == who.ends_with('6') => {
            format!(" to {target}")
        }
        _ => String::new(),
    };
    let from = 30_000 + number;
    if is_udp {
        format!("{who} > udp {number_of_port} from {from}{to}{tail}")
    } else {
        format!("{who} > tcp {number_of_port} {flags} from {from} seq {from}{to}{tail}")
    }
}

impl Door {
    /// The ports of its sequence, or of a line of its file.
    fn ports(&self, line: usize) -> Vec<Port> {
        match &self.sequences {
            Sequences::Fixed(ports) => ports.clone(),
            Sequences::OneTime(lines, _) => {
                let usable: Vec<_> = lines.iter().flatten().collect();
                usable.get(line % usable.len().max(1)).map(|ports| (*ports).clone()).unwrap_or_default()
            }
        }
    }

    fn file(&self, place: usize) -> Option<String> {
        let Sequences::OneTime(lines, ends) = &self.sequences else { return None };
        let lines: Vec<String> = lines
            .iter()
            .map(|line| line.as_ref().map_or_else(|bad| (*bad).to_owned(), |ports| format!(" {}", list(ports))))
            .collect();
        let end = if *ends && !lines.is_empty() { "\\n" } else { "" };
        Some(format!("once{place} = \"{}{end}\"", lines.join("\\n")))
    }

    fn write(&self, place: usize, text: &mut String) {
        _ = writeln!(text, "[door{place}]");
        match &self.sequences {
            Sequences::Fixed(ports) => _ = writeln!(text, "  sequence = {}", list(ports)),
            Sequences::OneTime(..) => _ = writeln!(text, "  one_time_sequences = /case/once{place}"),
        }
        let seconds = |seconds: Option<u32>| seconds.map(|seconds| seconds.to_string());
        let lines = [
            ("seq_timeout", seconds(self.seq_timeout)),
            ("tcpflags", self.flags.map(str::to_owned)),
            ("target", self.target.map(str::to_owned)),
            ("ignore_ports", (!self.ignored.is_empty()).then(|| self.ignored.to_owned())),
            ("start_command", self.commands.0[0].map(|text| format!("{text}{place}"))),
            ("stop_command", self.commands.0[1].map(str::to_owned)),
            ("start_command_6", self.commands.0[2].map(str::to_owned)),
            ("stop_command_6", self.commands.0[3].map(str::to_owned)),
            ("cmd_timeout", seconds(self.cmd_timeout)),
        ];
        for (key, value) in lines {
            if let Some(value) = value {
                let key = if self.aliases { other_name(key) } else { key };
                _ = writeln!(text, "  {key} = {value}");
            }
        }
    }
}

/// The same directive, written otherwise.
fn other_name(key: &str) -> &str {
    match key {
        "seq_timeout" => "Timeout",
        "start_command" => "COMMAND",
        "start_command_6" => "Command_6",
        "tcpflags" => "TCPFlags",
        "target" => "TARGET",
        other => other,
    }
}

fn list(ports: &[Port]) -> String {
    let written: Vec<String> =
        ports.iter().map(|Port(port, udp)| format!("{port}{}", if *udp { ":udp" } else { "" })).collect();
    written.join(",")
}
