//! A knock sequence and its text form: `7000,8000:udp,9000` (SEQ-2, SEQ-8, CONF-3).

use std::{error::Error, fmt, num::NonZeroU16, ops::Range};

use crate::{
    clause::Clause,
    port::{Port, Protocol},
    quote::Quoted,
};

/// The most ports that a sequence may have (SEQ-8).
pub const MAX_PORTS: usize = 32;

/// One to 32 ports, in the order in which they are to be hit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sequence(Box<[Port]>);

impl Sequence {
    /// A sequence of `ports`; `None` if there is none or there are more than [`MAX_PORTS`] (SEQ-8, CONF-2).
    #[must_use]
    pub fn new(ports: &[Port]) -> Option<Self> {
        (1..=MAX_PORTS).contains(&ports.len()).then(|| Self(ports.into()))
    }

    /// The sequence that `text` spells: ports from 1 to 65535 in decimal, separated by commas, each with `:tcp` or
    /// `:udp` in any case or with neither for TCP, blanks around any of them (SEQ-2, CONF-3).
    ///
    /// # Errors
    ///
    /// The first part of `text` that breaks the format.
    pub fn parse(text: &[u8]) -> Result<Self, SequenceError> {
        let mut ports = Vec::new();
        for port in port_list(text, MAX_PORTS) {
            ports.push(port?.0);
        }
        Ok(Self(ports.into()))
    }

    /// The ports in order; never empty, at most [`MAX_PORTS`].
    #[must_use]
    #[inline]
    pub fn ports(&self) -> &[Port] {
        &self.0
    }

    /// The first port.
    #[must_use]
    pub fn first(&self) -> Port {
        self.0[0]
    }

    /// Whether any of its ports is UDP (FLAGS-4).
    #[must_use]
    pub fn names_udp(&self) -> bool {
        self.0.iter().any(|port| port.protocol == Protocol::Udp)
    }
}

/// As in a configuration: `7000,8000:udp`.
impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ports(f, &self.0)
    }
}

/// What is wrong with the text of a sequence, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceError {
    /// The bytes of the text that are wrong; empty where something is missing.
    pub span: Range<usize>,
    /// What is wrong there.
    pub fault: SequenceFault,
}

/// The ways in which the text of a sequence can be wrong; each holds the offending text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SequenceFault {
    /// Nothing but blanks (CONF-3).
    Empty,
    /// Nothing between two commas, or before or after one (CONF-3).
    EmptyElement,
    /// Something other than decimal digits where a port belongs (CONF-3).
    NotAPort(Vec<u8>),
    /// Decimal digits that are not from 1 to 65535 (CONF-3).
    PortRange(Vec<u8>),
    /// Something other than `tcp` or `udp` after a colon (SEQ-2).
    Protocol(Vec<u8>),
    /// A second colon: a port has one protocol (CONF-3).
    SecondProtocol(Vec<u8>),
    /// More ports than this (SEQ-8).
    TooMany(usize),
}

impl SequenceFault {
    /// What belongs there instead.
    #[must_use]
    pub fn expected(&self) -> &'static str {
        match self {
            Self::Empty => "ports separated by commas, such as `7000,8000:udp,9000`",
            Self::EmptyElement => "a port on each side of a comma",
            Self::NotAPort(text) if text.contains(&b'#') => "a port in decimal; a comment needs a line of its own",
            Self::NotAPort(_) => "a port in decimal, from 1 to 65535; separate ports with commas",
            Self::PortRange(_) => "a port from 1 to 65535",
            Self::Protocol(_) => "`tcp` or `udp`",
            Self::SecondProtocol(_) => "one protocol for each port; name the port twice to hit it with both",
            Self::TooMany(_) => "the list to end before this",
        }
    }

    /// The clause that makes it one.
    #[must_use]
    pub fn clause(&self) -> Clause {
        match self {
            Self::Protocol(_) => Clause::Seq2,
            Self::TooMany(_) => Clause::Seq8,
            Self::Empty | Self::EmptyElement | Self::NotAPort(_) | Self::PortRange(_) | Self::SecondProtocol(_) => {
                Clause::Conf3
            }
        }
    }
}

impl fmt::Display for SequenceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no ports"),
            Self::EmptyElement => f.write_str("a port is missing"),
            Self::NotAPort(text) => write!(f, "{} is not a port", Quoted(text)),
            Self::PortRange(text) => write!(f, "port {} is out of range", Quoted(text)),
            Self::Protocol(text) if text.is_empty() => f.write_str("a protocol is missing after the colon"),
            Self::Protocol(text) => write!(f, "{} is not a protocol", Quoted(text)),
            Self::SecondProtocol(text) => write!(f, "a second protocol, {}", Quoted(text)),
            Self::TooMany(limit) => write!(f, "more than {limit} ports"),
        }
    }
}

impl fmt::Display for SequenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; expected {}", self.fault, self.fault.expected())
    }
}

impl Error for SequenceError {}

/// The ports that `text` lists, each with its bytes, or what is wrong with that element.
///
/// Text past `limit` elements is one error, so a line of any length gives at most `limit + 1` items.
pub(crate) fn port_list(
    text: &[u8],
    limit: usize,
) -> impl Iterator<Item = Result<(Port, Range<usize>), SequenceError>> + '_ {
    let whole = trim(text, 0..text.len());
    let mut rest = Some(0..text.len());
    let mut count = 0;
    std::iter::from_fn(move || {
        let left = rest.take()?;
        if whole.is_empty() {
            return Some(fault(0..text.len(), SequenceFault::Empty));
        }
        if count == limit {
            return Some(fault(trim(text, left), SequenceFault::TooMany(limit)));
        }
        count += 1;
        let (element, after) = split(text, left, b',');
        rest = after;
        Some(port(text, element))
    })
}

/// `ports` as [`port_list`] reads them.
pub(crate) fn write_ports(f: &mut fmt::Formatter<'_>, ports: &[Port]) -> fmt::Result {
    let mut separator = "";
    for port in ports {
        write!(f, "{separator}{port}")?;
        separator = ",";
    }
    Ok(())
}

/// `span` of `text` without the blanks at its ends; of blanks alone, the empty span at its start.
pub(crate) fn trim(text: &[u8], span: Range<usize>) -> Range<usize> {
    let part = &text[span.clone()];
    let Some(first) = part.iter().position(|byte| !is_blank(*byte)) else { return span.start..span.start };
    let last = part.iter().rposition(|byte| !is_blank(*byte)).unwrap_or(first);
    span.start + first..span.start + last + 1
}

/// The bytes that separate words: space, tab, and the carriage return of a CRLF line end among them (CONF-5).
pub(crate) fn is_blank(byte: u8) -> bool {
    byte == b' ' || (b'\t'..=b'\r').contains(&byte)
}

/// `span` up to the first `separator`, and what follows it if there is one.
pub(crate) fn split(text: &[u8], span: Range<usize>, separator: u8) -> (Range<usize>, Option<Range<usize>>) {
    match memchr::memchr(separator, &text[span.clone()]) {
        Some(at) => (span.start..span.start + at, Some(span.start + at + 1..span.end)),
        None => (span, None),
    }
}

/// The port that `text` spells, as an element of a sequence spells it (SEQ-2, CONF-3).
pub(crate) fn one_port(text: &[u8]) -> Result<Port, SequenceFault> {
    port(text, 0..text.len()).map(|(port, _)| port).map_err(|error| error.fault)
}

fn port(text: &[u8], element: Range<usize>) -> Result<(Port, Range<usize>), SequenceError> {
    let whole = trim(text, element.clone());
    if whole.is_empty() {
        return fault(element, SequenceFault::EmptyElement);
    }
    let (number, protocol) = split(text, element, b':');
    let number = number_at(text, trim(text, number))?;
    let protocol = match protocol {
        Some(span) => protocol_at(text, span)?,
        None => Protocol::Tcp,
    };
    Ok((Port { number, protocol }, whole))
}

fn number_at(text: &[u8], span: Range<usize>) -> Result<NonZeroU16, SequenceError> {
    let digits = &text[span.clone()];
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return fault(span, SequenceFault::NotAPort(digits.to_vec()));
    }
    // Digits are ASCII, so only a number out of range fails here; leading zeros change nothing.
    match str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) {
        Some(number) => Ok(number),
        None => fault(span, SequenceFault::PortRange(digits.to_vec())),
    }
}

fn protocol_at(text: &[u8], span: Range<usize>) -> Result<Protocol, SequenceError> {
    let (first, second) = split(text, span.clone(), b':');
    if let Some(second) = second {
        let second = trim(text, second);
        return fault(second.clone(), SequenceFault::SecondProtocol(text[second].to_vec()));
    }
    let word = trim(text, first);
    match &text[word.clone()] {
        name if name.eq_ignore_ascii_case(b"tcp") => Ok(Protocol::Tcp),
        name if name.eq_ignore_ascii_case(b"udp") => Ok(Protocol::Udp),
        name => fault(word, SequenceFault::Protocol(name.to_vec())),
    }
}

fn fault<T>(span: Range<usize>, fault: SequenceFault) -> Result<T, SequenceError> {
    Err(SequenceError { span, fault })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sequence: &[u8]) -> Result<String, String> {
        Sequence::parse(sequence).map(|sequence| sequence.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_the_format_allows_is_read() {
        for (given, read) in [
            ("7000,8000,9000", "7000,8000,9000"),
            (" 2222:udp , 3333:TCP,\t4444 : Udp \r\n", "2222:udp,3333,4444:udp"),
            ("1", "1"),
            ("00065535", "65535"),
        ] {
            assert_eq!(text(given.as_bytes()).as_deref(), Ok(read), "{given:?}");
        }
    }

    #[test]
    fn every_fault_has_its_place_and_words() {
        for (given, span, words) in [
            ("", 0..0, "no ports"),
            (" \t", 0..2, "no ports"),
            ("7000,,9000", 5..5, "a port is missing"),
            ("7000, ,9000", 5..6, "a port is missing"),
            ("7000,", 5..5, "a port is missing"),
            (",7000", 0..0, "a port is missing"),
            ("abc", 0..3, "`abc` is not a port"),
            ("7000, -5", 6..8, "`-5` is not a port"),
            ("+80", 0..3, "`+80` is not a port"),
            ("7000-7010", 0..9, "`7000-7010` is not a port"),
            ("7000 8000", 0..9, "`7000 8000` is not a port"),
            (":udp", 0..0, "`` is not a port"),
            ("0", 0..1, "port `0` is out of range"),
            ("1,65536", 2..7, "port `65536` is out of range"),
            ("99999999999999999999999999", 0..26, "is out of range"),
            ("80:tpc", 3..6, "`tpc` is not a protocol"),
            ("80:", 3..3, "a protocol is missing after the colon"),
            ("80:tcp:udp", 7..10, "a second protocol, `udp`"),
            ("80:tcp:", 7..7, "a second protocol, ``"),
        ] {
            let error = Sequence::parse(given.as_bytes()).expect_err(given);
            assert_eq!(error.span, span, "{given:?}");
            assert!(error.to_string().contains(words), "{given:?}: {error}");
        }
    }

    #[test]
    fn the_thirty_third_port_is_one_too_many() {
        let most = ["80"; MAX_PORTS].join(",");
        assert_eq!(text(most.as_bytes()).as_deref(), Ok(most.as_str()));
        let error = Sequence::parse(format!("{most}, 81,82").as_bytes()).expect_err("33 ports");
        assert_eq!((error.span, error.fault), (97..102, SequenceFault::TooMany(MAX_PORTS)));
    }

    #[test]
    fn a_sequence_has_one_to_thirty_two_ports() {
        let port = Sequence::parse(b"80:udp").expect("a port").first();
        assert_eq!(Sequence::new(&[]), None);
        assert_eq!(Sequence::new(&[port; MAX_PORTS + 1]), None);
        assert_eq!(Sequence::new(&[port; MAX_PORTS]).map(|sequence| sequence.ports().len()), Some(MAX_PORTS));
    }
}
