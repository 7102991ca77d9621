//! The client's command line as a plan: which hosts, which hits, which waits (KNOCK-1, KNOCK-3).
//!
//! A [`Plan`] is checked whole before anything is sent: every word that is wrong is an error of its own, and there is no
//! plan then. What happens in which order is [`course`]; sockets and clocks belong to whoever follows it.
//!
//! # The delay
//!
//! The hits of a knock must arrive in their order: one that overtakes another is a wrong hit (SEQ-3). Each hit comes from
//! a port of its own, so routers that spread connections over several lines send each hit another way, and a radio link
//! repeats what it lost later. Two packets whose delays vary by 10 ms on average, independently and exponentially, change
//! places with a probability of `exp(-gap / 10 ms) / 2`: every other time when they are sent at once, once in 300 with
//! 50 ms between them, once in 44,000 with 100 ms. TCP's own loss detection (RACK, RFC 8985) takes a quarter of the
//! round trip for the farthest that packets overtake each other, which is 100 ms on a path of 400 ms. Hence
//! [`DEFAULT_DELAY`] is 100 ms: a knock of three ports takes 0.2 s, and one of 32 ports, the longest, 3.1 s, which is
//! still within a `Seq_Timeout` of 5 s. 0.8: sends everything at once.

pub mod course;

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use crate::{
    port::{Port, Protocol},
    quote::Quoted,
    sequence::{SequenceFault, one_port},
};

/// The wait between two hits unless `-d` says otherwise; the [module](self) says why.
pub const DEFAULT_DELAY: Duration = Duration::from_millis(100);
/// What `pause` alone waits.
pub const PAUSE: Duration = Duration::from_secs(1);

/// The word that separates one host's words from the next one's.
const SEPARATOR: &str = "--";

/// What is to be knocked on: one or more hosts, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    calls: Vec<Call>,
}

impl Plan {
    /// The plan that `words` spell: a host, then its ports and pauses; `--` and another host, and so on. With
    /// `all_udp` every hit is UDP, whatever its word says (KNOCK-1).
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the words, in their order; never an empty list (KNOCK-3).
    pub fn parse<W: AsRef<str>>(words: &[W], all_udp: bool) -> Result<Self, Vec<WordError>> {
        let mut calls = Vec::new();
        let mut errors = Vec::new();
        for group in words.split(|word| word.as_ref() == SEPARATOR) {
            match Call::parse(group, all_udp) {
                Ok(call) => calls.push(call),
                Err(mut wrong) => errors.append(&mut wrong),
            }
        }
        if errors.is_empty() { Ok(Self { calls }) } else { Err(errors) }
    }

    /// The hosts in their order, each with what is to be done there; never empty.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }
}

/// As on a command line: `gate 7000 pause:500 8000:udp -- 192.0.2.1 9000`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for call in &self.calls {
            write!(f, "{separator}{}", call.host)?;
            for step in &call.steps {
                write!(f, " {step}")?;
            }
            separator = " -- ";
        }
        Ok(())
    }
}

/// One host and its knock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where to knock.
    pub host: Host,
    /// The hits, at least one, and the pauses among them.
    pub steps: Vec<Step>,
}

impl Call {
    fn parse<W: AsRef<str>>(words: &[W], all_udp: bool) -> Result<Self, Vec<WordError>> {
        let Some((host, rest)) = words.split_first() else { return Err(vec![WordError::NoHost]) };
        let mut errors = Vec::new();
        let host = host.as_ref().parse::<Host>().map_err(|error| errors.push(error)).ok();
        let mut steps = Vec::new();
        for word in rest {
            match word.as_ref().parse() {
                Ok(Step::Hit(port)) if all_udp => steps.push(Step::Hit(Port { protocol: Protocol::Udp, ..port })),
                Ok(step) => steps.push(step),
                Err(error) => errors.push(error),
            }
        }
        match host {
            Some(host) if errors.is_empty() => {
                let hits = steps.iter().any(|step| matches!(step, Step::Hit(_)));
                if hits { Ok(Self { host, steps }) } else { Err(vec![WordError::NoPort(host)]) }
            }
            _ => Err(errors),
        }
    }
}

/// One word after the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One packet to this port.
    Hit(Port),
    /// A wait in the place of the delay, in whole milliseconds; several in a row add up.
    Pause(Duration),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hit(port) => port.fmt(f),
            Self::Pause(wait) => write!(f, "pause:{}", wait.as_millis()),
        }
    }
}

impl FromStr for Step {
    type Err = WordError;

    fn from_str(word: &str) -> Result<Self, WordError> {
        let (name, wait) = word.split_once(':').map_or((word, None), |(name, wait)| (name, Some(wait)));
        if !name.eq_ignore_ascii_case("pause") {
            return one_port(word.as_bytes())
                .map(Self::Hit)
                .map_err(|fault| WordError::Port { word: word.to_owned(), fault });
        }
        match wait.map(milliseconds) {
            None => Ok(Self::Pause(PAUSE)),
            Some(Some(wait)) => Ok(Self::Pause(wait)),
            Some(None) => Err(WordError::Pause(word.to_owned())),
        }
    }
}

/// The time that decimal digits spell, in milliseconds; at most 49 days.
#[must_use]
pub fn milliseconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse::<u32>().ok()).flatten()?;
    Some(Duration::from_millis(number.into()))
}

/// A host as the user names it: a name, an IPv4 or an IPv6 address, perhaps with its zone (`fe80::1%eth0`).
///
/// Whether a name exists is for the resolver to say. What can be no host at all is none: a port in its place would
/// otherwise be asked for at a name server, or be taken for one of the short forms of IPv4 addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(String);

impl Host {
    /// The text without the brackets that may stand around an IPv6 address.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The zone of a link-local address, as written: an interface's name or number.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.0.split_once('%').map(|(_, zone)| zone)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Host {
    type Err = WordError;

    fn from_str(word: &str) -> Result<Self, WordError> {
        let bare = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let name = bare.unwrap_or(word);
        let (address, zone) = name.split_once('%').map_or((name, None), |(address, zone)| (address, Some(zone)));
        let is_v6 = address.parse::<Ipv6Addr>().is_ok() && zone.is_none_or(|zone| !zone.is_empty());
        let could_be_name = bare.is_none() && !name.contains([':', '%', '[', ']', '/', '@']);
        let whole =
            !name.is_empty() && !name.starts_with('-') && !name.contains(|c: char| c.is_whitespace() || c.is_control());
        if !whole || !(is_v6 || could_be_name) || name.parse::<u16>().is_ok() {
            return Err(WordError::Host(word.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }
}

/// Which addresses of a host are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// The resolver's first, whatever its family: the one to which other programs connect first, so that the door opens
    /// for the address from which they come (RFC 6724 orders them, `/etc/gai.conf` may change that).
    #[default]
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Family {
    /// The address to knock on among those that a host has. All hits of a knock must come from one source (SEQ-1), so
    /// it is one address, chosen once.
    #[must_use]
    pub fn choose(self, addresses: &[SocketAddr]) -> Option<SocketAddr> {
        addresses.iter().copied().find(|address| match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        })
    }
}

/// Whether an address means nothing without an interface, and has none.
#[must_use]
pub fn lacks_zone(address: &SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(address) if address.ip().is_unicast_link_local() && address.scope_id() == 0)
}

/// The address and port as 0.8 prints them: without brackets, and with the zone as the user wrote it.
#[must_use]
pub fn shown(address: &SocketAddr, host: &Host, port: u16) -> String {
    match (address.ip(), host.zone()) {
        (IpAddr::V6(ip), Some(zone)) => format!("{ip}%{zone}:{port}"),
        (ip, _) => format!("{ip}:{port}"),
    }
}

/// What is wrong with a word of the command line (KNOCK-3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WordError {
    /// No host, or nothing between two `--`.
    NoHost,
    /// Nothing to hit at this host.
    NoPort(Host),
    /// This can be no host.
    Host(String),
    /// A port, or the protocol after it.
    Port {
        /// The whole word.
        word: String,
        /// What is wrong in it.
        fault: SequenceFault,
    },
    /// `pause:` is followed by something other than milliseconds.
    Pause(String),
}

impl WordError {
    /// What belongs there instead.
    #[must_use]
    pub fn expected(&self) -> &'static str {
        match self {
            Self::NoHost => "a host, then its ports, as in `gate.example.org 7000 8000:udp 9000`",
            Self::NoPort(_) => "the ports to hit after the host, as in `gate.example.org 7000 8000:udp 9000`",
            Self::Host(word) if word.parse::<u16>().is_ok() => "a host before the ports: a name or an address",
            Self::Host(_) => "a name, an IPv4 or an IPv6 address; ports follow as words of their own",
            Self::Port { word, fault: SequenceFault::NotAPort(_) } if word.contains(',') => {
                "a number from 1 to 65535, and each port as a word of its own"
            }
            Self::Port { word, fault: SequenceFault::NotAPort(_) } if word.starts_with('-') => {
                "a number from 1 to 65535; options go before the first `--`"
            }
            Self::Port { fault: SequenceFault::Protocol(_), .. } => "`tcp` or `udp` after the colon",
            Self::Port { fault: SequenceFault::SecondProtocol(_), .. } => {
                "one protocol for each port; name the port twice to hit it with both"
            }
            Self::Port { .. } => "a number from 1 to 65535",
            Self::Pause(_) => "`pause`, or `pause:` and milliseconds, as in `pause:500`",
        }
    }
}

impl fmt::Display for WordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => f.write_str("no host")?,
            Self::NoPort(host) => write!(f, "no port for {}", Quoted(host.0.as_bytes()))?,
            Self::Host(word) => write!(f, "{} is not a host", Quoted(word.as_bytes()))?,
            Self::Port { word, fault: SequenceFault::EmptyElement } => {
                write!(f, "{} is not a port", Quoted(word.as_bytes()))?
            }
            Self::Port { word, fault: fault @ (SequenceFault::NotAPort(part) | SequenceFault::PortRange(part)) }
                if part == word.as_bytes() =>
            {
                fault.fmt(f)?;
            }
            // The fault is only a part of the word.
            Self::Port { word, fault } => write!(f, "{}: {fault}", Quoted(word.as_bytes()))?,
            Self::Pause(word) => write!(f, "{} is not a pause", Quoted(word.as_bytes()))?,
        }
        write!(f, "; expected {}", self.expected())
    }
}

impl Error for WordError {}

#[cfg(test)]
mod tests;
