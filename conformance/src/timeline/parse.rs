//! A timeline's text, read.

use std::net::IpAddr;

use super::{
    Entry, Event, Expect, Extension, FileState, Flags, LinkChange, Packet, Payload, Shape, Signal, Status, Stream,
    Timeline, What, scan,
};
use crate::{
    names::{self, SERVER, SERVER_6},
    pattern::Pattern,
    time::Nanos,
};

/// How long a case is watched after its last line.
const WINDOW: Nanos = Nanos(500_000_000);

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Reads a timeline.
///
/// # Errors
///
/// The first line that cannot be read.
pub fn parse(text: &str) -> Result<Timeline, Wrong> {
    let mut reader = Reader::default();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        reader.line = line_number;
        reader.read(line).map_err(|why| Wrong { line: line_number, why })?;
    }
    let Reader { entries, now, end, .. } = reader;
    let timeline = Timeline { entries, end: end.unwrap_or_else(|| now.after(WINDOW)) };
    if timeline.expectations().next().is_none() {
        let why = "a timeline needs at least one expectation: `run`, `log`, `file`, `exit`, `never`...".to_owned();
        return Err(Wrong { line: reader.line.max(1), why });
    }
    Ok(timeline)
}

#[derive(Default)]
struct Reader {
    entries: Vec<Entry>,
    now: Nanos,
    end: Option<Nanos>,
    line: usize,
    /// Packets so far, from which their own source ports and sequence numbers come.
    packets: u32,
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

impl Reader {
    fn read(&mut self, line: &str) -> Result<(), String> {
        if self.end.is_some() {
            return Err("nothing follows `end`".to_owned());
        }
        let rest = self.read_time(line)?;
        let (word, text) = split_word(rest);
        let mut words: Words<'_> = text.split_whitespace().peekable();
        match word {
            "run" => return self.expect_text(text, Expect::Run),
            "log" => return self.expect_text(text, Expect::Log),
            "syslog" => return self.expect_text(text, Expect::Syslog),
            "says" => return self.expect_text(text, Expect::Says),
            "may" => {
                let (stream, text) = split_word(text);
                if stream != "run" {
                    return Err(format!("`may {stream}` is unknown: `may run` is"));
                }
                return self.expect_text(text, Expect::MayRun);
            }
            "never" => {
                let (stream, text) = split_word(text);
                let stream = match stream {
                    "run" => Stream::Run,
                    "log" => Stream::Log,
                    "syslog" => Stream::Syslog,
                    "says" => Stream::Says,
                    "mark" => Stream::Mark,
                    other => {
                        let known = "`never run`, `never log`, `never syslog`, `never says` and `never mark` are";
                        return Err(format!("`never {other}` is unknown: {known}"));
                    }
                };
                return self.expect_text(text, |pattern| Expect::Never(stream, pattern));
            }
            "file" => self.file(&mut words)?,
            "mark" => {
                let name = next(&mut words, "a file's name is expected")?;
                self.push(What::Expect(Expect::Mark(Pattern::new(name))));
            }
            "exit" => self.push(What::Expect(Expect::Exit(status(&mut words)?))),
            "second-exit" => self.push(What::Expect(Expect::SecondExit(status(&mut words)?))),
            "sent" => {
                let sent = sent(&mut words)?;
                self.push(What::Expect(Expect::Sent(sent)));
            }
            "pause" => {
                let span = Nanos::parse(next(&mut words, "how long a pause is expected")?)?;
                self.push(What::Expect(Expect::Pause(span)));
            }
            "end" => self.end = Some(self.now),
            "frame" => {
                let bytes = hex(&words.by_ref().collect::<String>())?;
                self.packet(Packet {
                    source: SERVER.into(),
                    destination: SERVER.into(),
                    payload: Payload::Frame(bytes),
                    shape: Shape::default(),
                    stamp: None,
                });
            }
            "crowd" => self.crowd(&mut words)?,
            "signal" | "put" | "remove" | "restart" | "kill" | "second" | "address" | "link" | "clock" => {
                let event = event(word, &mut words)?;
                self.push(What::Event(event));
            }
            who => self.packets_of(who, &mut words)?,
        }
        match words.next() {
            Some(word) => Err(format!("`{word}` is unexpected here")),
            None => Ok(()),
        }
    }

    /// Takes the time off a line's front.
    fn read_time<'a>(&mut self, line: &'a str) -> Result<&'a str, String> {
        let (word, rest) = split_word(line);
        let at = match word.strip_prefix('+') {
            Some(span) => self.now.after(Nanos::parse(span)?),
            None if word.starts_with(|c: char| c.is_ascii_digit()) && rest.starts_with(|c: char| c != '>') => {
                Nanos::parse(word)?
            }
            None => return Ok(line),
        };
        if at < self.now {
            return Err(format!("{at} is earlier than the line before, which is at {}", self.now));
        }
        self.now = at;
        if rest.is_empty() { Err("something must happen or be expected after the time".to_owned()) } else { Ok(rest) }
    }

    fn push(&mut self, what: What) {
        self.entries.push(Entry { at: self.now, line: self.line, what });
    }

    fn packet(&mut self, packet: Packet) {
        self.packets += 1;
        self.push(What::Event(Event::Packet(Box::new(packet))));
    }

    fn expect_text(&mut self, text: &str, expect: impl FnOnce(Pattern) -> Expect) -> Result<(), String> {
        if text.is_empty() {
            return Err("a text is expected".to_owned());
        }
        self.push(What::Expect(expect(Pattern::new(names::resolve(text)))));
        Ok(())
    }

    fn file(&mut self, words: &mut Words<'_>) -> Result<(), String> {
        let name = next(words, "a file's name is expected")?.to_owned();
        let is = match next(words, "`unchanged`, `exists`, `gone` or the name of a text is expected")? {
            "unchanged" => FileState::Unchanged,
            "exists" => FileState::Exists,
            "gone" => FileState::Gone,
            text => FileState::Is(text.to_owned()),
        };
        self.push(What::Expect(Expect::File { name, is }));
        Ok(())
    }

    /// `crowd N > tcp PORT FLAGS every T`.
    fn crowd(&mut self, words: &mut Words<'_>) -> Result<(), String> {
        let count = number(words, "how many sources are expected")?;
        keyword(words, ">")?;
        let hits = Hits::read(words)?;
        let every = every(words)?;
        let tail = Tail::read(words)?;
        let [port] = hits.ports[..] else { return Err("a crowd hits one port".to_owned()) };
        for (index, source) in scan::crowd(count).enumerate() {
            if index != 0 {
                self.now = self.now.after(every);
            }
            self.hit(source, port, &hits, &tail);
        }
        Ok(())
    }

    /// `WHO > ...`.
    fn packets_of(&mut self, who: &str, words: &mut Words<'_>) -> Result<(), String> {
        let Some(source) = names::address(who) else {
            return Err(format!(
                "`{who}` is neither a name (alice, bob6, c1...), an address, an event nor an expectation"
            ));
        };
        keyword(words, ">")?;
        let payload = match words.peek().copied() {
            Some("icmp") => {
                words.next();
                if words.next_if_eq(&"quoting").is_some() {
                    keyword(words, "tcp")?;
                    let port = port(words)?;
                    Payload::Quoting { port, flags: flags(words)? }
                } else {
                    Payload::Icmp
                }
            }
            Some("proto") => {
                words.next();
                Payload::Protocol(number(words, "a protocol's number is expected")?)
            }
            _ => {
                let scans = words.next_if_eq(&"scan").is_some();
                let hits = if scans { Hits::read_scan(words)? } else { Hits::read(words)? };
                let every = if scans { every(words)? } else { Nanos(0) };
                let tail = Tail::read(words)?;
                for (index, port) in hits.ports.iter().enumerate() {
                    if index != 0 {
                        self.now = self.now.after(every);
                    }
                    self.hit(source, *port, &hits, &tail);
                }
                return Ok(());
            }
        };
        let tail = Tail::read(words)?;
        let destination = tail.destination(source);
        self.packet(Packet { source, destination, payload, shape: tail.shape, stamp: tail.stamp });
        Ok(())
    }

    fn hit(&mut self, source: IpAddr, port: u16, hits: &Hits, tail: &Tail) {
        // Ports that no client would be given twice in one case, and numbers that tell packets apart.
        let from = tail.from.unwrap_or(20_000 + (self.packets % 40_000) as u16);
        let sequence = tail.sequence.unwrap_or(0x1000_0000 + self.packets);
        let data = tail.data;
        let payload = match hits.flags {
            Some(flags) => Payload::Tcp { from, port, flags, sequence, data },
            None => Payload::Udp { from, port, data },
        };
        let destination = tail.destination(source);
        self.packet(Packet { source, destination, payload, shape: tail.shape.clone(), stamp: tail.stamp });
    }
}

/// Ports of one protocol; UDP has no flags.
struct Hits {
    ports: Vec<u16>,
    flags: Option<Flags>,
}

impl Hits {
    fn read(words: &mut Words<'_>) -> Result<Self, String> {
        let is_tcp = protocol(words)?;
        let ports = vec![port(words)?];
        Ok(Self { ports, flags: is_tcp.then(|| flags(words)).transpose()? })
    }

    fn read_scan(words: &mut Words<'_>) -> Result<Self, String> {
        let is_tcp = protocol(words)?;
        let range = next(words, "ports FIRST-LAST are expected")?;
        let (first, last) = range.split_once('-').ok_or(format!("`{range}` is no range of ports FIRST-LAST"))?;
        let (first, last) = (port_number(first)?, port_number(last)?);
        let flags = is_tcp.then(|| flags(words)).transpose()?;
        let shuffle =
            words.next_if_eq(&"shuffle").map(|_| number(words, "a seed is expected after `shuffle`")).transpose()?;
        let except = match words.next_if_eq(&"except") {
            Some(_) => next(words, "ports are expected after `except`")?
                .split(',')
                .map(port_number)
                .collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        let ports = scan::ports(first, last, &except, shuffle);
        if ports.is_empty() { Err("a scan hits at least one port".to_owned()) } else { Ok(Self { ports, flags }) }
    }
}

/// What may follow a packet.
#[derive(Default)]
struct Tail {
    from: Option<u16>,
    sequence: Option<u32>,
    to: Option<IpAddr>,
    data: usize,
    shape: Shape,
    stamp: Option<Nanos>,
}

impl Tail {
    fn read(words: &mut Words<'_>) -> Result<Self, String> {
        let mut tail = Self::default();
        let shape = &mut tail.shape;
        while let Some(word) = words.next() {
            match word {
                "from" => tail.from = Some(number(words, "a source port is expected")?),
                "seq" => tail.sequence = Some(number(words, "a sequence number is expected")?),
                "to" => {
                    let to = next(words, "a destination is expected")?;
                    tail.to = Some(names::address(to).ok_or(format!("`{to}` is neither a name nor an address"))?);
                }
                "data" => tail.data = number(words, "how many bytes is expected")?,
                "stamp" => tail.stamp = Some(Nanos::parse(next(words, "a time is expected")?)?),
                "vlan" => {
                    let ids = next(words, "VLAN ids are expected")?;
                    shape.vlan = ids
                        .split(',')
                        .map(|id| {
                            id.parse().ok().filter(|id| *id < 4096).ok_or(format!("`{id}` is no VLAN id, 0 to 4095"))
                        })
                        .collect::<Result<_, _>>()?;
                }
                "cut" => shape.cut = Some(number(words, "how many bytes is expected")?),
                "trailer" => shape.trailer = number(words, "how many bytes is expected")?,
                "fragment" => {
                    let offset: u16 = number(words, "an offset in bytes is expected")?;
                    if !offset.is_multiple_of(8) {
                        return Err(format!("{offset} is no fragment offset: a multiple of 8 is"));
                    }
                    shape.fragment = Some((offset, words.next_if_eq(&"more").is_some()));
                }
                "options" => {
                    shape.options = hex(next(words, "hexadecimal digits are expected")?)?;
                    if !shape.options.len().is_multiple_of(4) || shape.options.len() > 40 {
                        return Err("IPv4 options are 4, 8... or 40 bytes".to_owned());
                    }
                }
                "ext" => {
                    let names = next(words, "extension headers are expected")?;
                    shape.extensions = names
                        .split(',')
                        .map(|name| {
                            let known = "hop, dst, route0, route1, ah, mobility, hip, shim6 and none are";
                            Extension::parse(name).ok_or(format!("`{name}` is no extension header: {known}"))
                        })
                        .collect::<Result<_, _>>()?;
                }
                "ihl" => shape.ihl = Some(number::<u8>(words, "a header length in words is expected")? & 15),
                "total" => shape.total = Some(number(words, "a length is expected")?),
                "payload" => shape.payload = Some(number(words, "a length is expected")?),
                "doff" => shape.data_offset = Some(number::<u8>(words, "a data offset in words is expected")? & 15),
                "length" => shape.length = Some(number(words, "a length is expected")?),
                "badsum" => shape.bad_sums = true,
                other => return Err(format!("`{other}` cannot follow a packet")),
            }
        }
        Ok(tail)
    }

    fn destination(&self, source: IpAddr) -> IpAddr {
        self.to.unwrap_or(if source.is_ipv4() { SERVER.into() } else { SERVER_6.into() })
    }
}

fn event(word: &str, words: &mut Words<'_>) -> Result<Event, String> {
    Ok(match word {
        "signal" => Event::Signal(match next(words, "a signal's name is expected")? {
            "hup" => Signal::Hup,
            "term" => Signal::Term,
            "int" => Signal::Int,
            other => return Err(format!("`{other}` is no signal here: hup, term and int are")),
        }),
        "put" => {
            let file = next(words, "a file's name is expected")?.to_owned();
            Event::Put { file, text: next(words, "the name of a text is expected")?.to_owned() }
        }
        "remove" => Event::Remove { file: next(words, "a file's name is expected")?.to_owned() },
        "restart" => Event::Restart,
        "kill" => Event::Kill,
        "second" => Event::Second,
        "address" => {
            let added = match next(words, "`add` or `del` is expected")? {
                "add" => true,
                "del" => false,
                other => return Err(format!("`{other}` is unknown: `add` and `del` are")),
            };
            Event::Address { added, address: prefixed(next(words, "ADDRESS/LENGTH is expected")?)? }
        }
        "link" => Event::Link(match next(words, "`down`, `up`, `delete` or `create` is expected")? {
            "down" => LinkChange::Down,
            "up" => LinkChange::Up,
            "delete" => LinkChange::Delete,
            "create" => LinkChange::Create,
            other => return Err(format!("`{other}` is unknown: `down`, `up`, `delete` and `create` are")),
        }),
        _ => {
            keyword(words, "step")?;
            Event::ClockStep(number(words, "seconds are expected")?)
        }
    })
}

/// Reads an address with its prefix length.
///
/// # Errors
///
/// The text, and what is expected.
pub(crate) fn prefixed(text: &str) -> Result<(IpAddr, u8), String> {
    let wrong = || format!("`{text}` is no ADDRESS/LENGTH");
    let (address, length) = text.split_once('/').ok_or_else(wrong)?;
    let address = names::address(address).ok_or_else(wrong)?;
    let length = length.parse().ok().filter(|length| *length <= if address.is_ipv4() { 32 } else { 128 });
    Ok((address, length.ok_or_else(wrong)?))
}

fn sent(words: &mut Words<'_>) -> Result<String, String> {
    let is_tcp = protocol(words)?;
    let port = port(words)?;
    let mut text = if is_tcp { format!("tcp {port} {}", flags(words)?) } else { format!("udp {port}") };
    if words.next_if_eq(&"to").is_some() {
        let to = next(words, "a destination is expected")?;
        let to = names::address(to).ok_or(format!("`{to}` is neither a name nor an address"))?;
        text += &format!(" to {to}");
    }
    Ok(text)
}

fn status(words: &mut Words<'_>) -> Result<Status, String> {
    match next(words, "a status is expected")? {
        "nonzero" => Ok(Status::NonZero),
        "any" => Ok(Status::Any),
        text => text.parse().map(Status::Is).map_err(|_| format!("`{text}` is no exit status")),
    }
}

fn every(words: &mut Words<'_>) -> Result<Nanos, String> {
    keyword(words, "every")?;
    Nanos::parse(next(words, "a time is expected after `every`")?)
}

/// Whether the protocol is TCP.
fn protocol(words: &mut Words<'_>) -> Result<bool, String> {
    match next(words, "`tcp` or `udp` is expected")? {
        "tcp" => Ok(true),
        "udp" => Ok(false),
        other => Err(format!("`{other}` is no protocol here: `tcp` and `udp` are")),
    }
}

fn port(words: &mut Words<'_>) -> Result<u16, String> {
    port_number(next(words, "a port is expected")?)
}

fn port_number(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("`{text}` is no port"))
}

fn flags(words: &mut Words<'_>) -> Result<Flags, String> {
    let text = next(words, "TCP flags are expected: `syn`, `syn,ack`, `none`")?;
    Flags::parse(text).ok_or(format!("`{text}` are no TCP flags: `syn`, `syn,ack` or `none` are"))
}

fn number<T: std::str::FromStr>(words: &mut Words<'_>, expected: &str) -> Result<T, String> {
    let text = next(words, expected)?;
    text.parse().map_err(|_| format!("`{text}`: {expected}"))
}

fn keyword(words: &mut Words<'_>, expected: &str) -> Result<(), String> {
    match words.next() {
        Some(word) if word == expected => Ok(()),
        Some(word) => Err(format!("`{expected}` is expected, not `{word}`")),
        None => Err(format!("`{expected}` is expected")),
    }
}

fn next<'a>(words: &mut Words<'a>, expected: &str) -> Result<&'a str, String> {
    words.next().ok_or_else(|| expected.to_owned())
}

fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// Reads hexadecimal digits.
///
/// # Errors
///
/// That they are none, or an odd number of them.
pub(crate) fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let wrong = || format!("`{text}` are no bytes in hexadecimal");
    let (pairs, odd) = digits.as_deref().ok_or_else(wrong)?.as_chunks::<2>();
    if odd.is_empty() { Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect()) } else { Err(wrong()) }
}
