//! What an engine starts with: doors with the texts of their one-time files, addresses, bounds.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use crate::{
    clause::Clause,
    config::{Config, Sequences},
    one_time::UsedUp,
    wire::Hit,
};

/// Everything that an engine needs to know before its first frame.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The configuration and the texts of its files.
    pub doors: Doors,
    /// The interface's addresses.
    pub locals: Locals,
    /// The bounds.
    pub limits: Limits,
    /// `-4`: IPv6 is ignored (LISTEN-5).
    pub only_v4: bool,
    /// Keys the hash tables. A daemon takes a random one, so that nobody outside can choose addresses that collide;
    /// no decision depends on it.
    pub seed: u64,
}

/// Bounds on what strangers can make the engine keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Half-finished knocks, at least 1 (SEQ-10). Each costs about 90 bytes.
    pub knocks: usize,
    /// Commands that run at once, at least 1 (CMD-8).
    pub running_commands: usize,
    /// Start commands that wait for a place, at least 1, since each passes through the queue (CMD-8).
    pub waiting_starts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { knocks: 100_000, running_commands: 32, waiting_starts: 10_000 }
    }
}

/// A configuration with the texts of its one-time files.
#[derive(Clone, Debug)]
pub struct Doors {
    pub(super) config: Config,
    /// For each door its file, if it has one.
    pub(super) files: Vec<Option<OneTimeFile>>,
}

/// A one-time file as its reader found it.
#[derive(Clone, Debug, Default)]
pub struct OneTimeFile {
    /// The lines at its beginning that are left out of the text; the default leaves out none.
    pub used_up: UsedUp,
    /// All its bytes that follow.
    pub text: Vec<u8>,
    /// What makes it this file and no other, whatever path led to it: device and inode, say (ONCE-11).
    pub identity: String,
}

/// Why a configuration that parses cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError<E> {
    /// A door's one-time file cannot be read (ONCE-7).
    Unreadable {
        /// The door's name.
        door: String,
        /// The path as written.
        file: String,
        /// Why.
        error: E,
    },
    /// Two doors have the same one-time file: a line used at one could open the other (ONCE-11).
    Shared {
        /// The second door's name.
        door: String,
        /// Its path as written.
        file: String,
        /// The first door's name.
        with: String,
    },
}

impl<E> LoadError<E> {
    /// The clause that makes it an error.
    #[must_use]
    pub fn clause(&self) -> Clause {
        match self {
            Self::Unreadable { .. } => Clause::Once7,
            Self::Shared { .. } => Clause::Once11,
        }
    }
}

impl<E: fmt::Display> fmt::Display for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { door, file, error } => {
                write!(f, "door [{door}]: cannot read the one-time file {file}: {error}")
            }
            Self::Shared { door, file, with } => write!(
                f,
                "door [{door}]: the one-time file {file} is also door [{with}]'s: give each door a file of its own"
            ),
        }
    }
}

impl<E: fmt::Display + fmt::Debug> std::error::Error for LoadError<E> {}

impl Doors {
    /// Completes `config` with what `read` finds at the paths of its one-time files.
    ///
    /// # Errors
    ///
    /// Every file that cannot be read and every file that two doors share, in the doors' order.
    pub fn load<E>(
        config: Config,
        mut read: impl FnMut(&[u8]) -> Result<OneTimeFile, E>,
    ) -> Result<Self, Vec<LoadError<E>>> {
        let mut errors = Vec::new();
        let mut owners = BTreeMap::new();
        let mut files = Vec::with_capacity(config.doors.len());
        for door in &config.doors {
            let Sequences::OneTime(path) = &door.sequences else {
                files.push(None);
                continue;
            };
            let name = door.name.clone();
            let file = String::from_utf8_lossy(path).into_owned();
            match read(path) {
                Ok(found) => {
                    if let Some(with) = owners.insert(found.identity.clone(), name.clone()) {
                        errors.push(LoadError::Shared { door: name, file, with });
                    }
                    files.push(Some(found));
                }
                Err(error) => errors.push(LoadError::Unreadable { door: name, file, error }),
            }
        }
        if errors.is_empty() { Ok(Self { config, files }) } else { Err(errors) }
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The same doors under other names, for whoever shows them: `name` is asked for each, in order. No decision depends
    /// on a name.
    #[must_use]
    pub fn renamed(mut self, mut name: impl FnMut(&str) -> String) -> Self {
        for door in &mut self.config.doors {
            door.name = name(&door.name);
        }
        self
    }

    /// For each door, in order, the text of its one-time file.
    pub fn texts(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.files.iter().map(|file| file.as_ref().map(|file| file.text.as_slice()))
    }
}

/// One address of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// The address.
    pub address: IpAddr,
    /// The length of its network's prefix, from which an IPv4 network's broadcast address follows (LISTEN-9).
    pub prefix: Option<u8>,
}

/// Where a hit must go to concern a door without `Target` (LISTEN-3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locals {
    /// To any unicast address: for captures whose host's addresses nobody knows. The rule that a host's own addresses
    /// cannot be clients (LISTEN-9) is off, since no address is known to be its own.
    AnyUnicast,
    /// To one of these.
    These(Vec<Local>),
}

/// Why a packet's source cannot be a client (LISTEN-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAClient {
    /// `0.0.0.0` or `::`.
    Unspecified,
    /// A group's address.
    Multicast,
    /// The limited broadcast address, or that of one of the interface's networks.
    Broadcast,
    /// A loopback address on another interface.
    Loopback,
    /// One of the host's own addresses on an interface that is not loopback.
    OwnAddress,
}

impl fmt::Display for NotAClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "the source is the unspecified address",
            Self::Multicast => "the source is a multicast address",
            Self::Broadcast => "the source is a broadcast address",
            Self::Loopback => "the source is a loopback address, and the interface is not loopback",
            Self::OwnAddress => "the source is one of the host's own addresses",
        })
    }
}

/// [`Locals`] made ready for each packet.
#[derive(Debug)]
pub(super) struct Addresses {
    /// `None`: any unicast address.
    own: Option<Vec<IpAddr>>,
    broadcasts: Vec<Ipv4Addr>,
}

impl Addresses {
    pub(super) fn new(locals: &Locals) -> Self {
        let Locals::These(list) = locals else { return Self { own: None, broadcasts: Vec::new() } };
        let broadcast = |local: &Local| match (local.address, local.prefix) {
            // RFC 3021: networks of 31 and 32 bits have no broadcast address.
            (IpAddr::V4(v4), Some(prefix @ 0..=30)) => Some(Ipv4Addr::from_bits(v4.to_bits() | u32::MAX >> prefix)),
            _ => None,
        };
        Self {
            own: Some(list.iter().map(|local| local.address).collect()),
            broadcasts: list.iter().filter_map(broadcast).collect(),
        }
    }

    /// Whether a hit went to one of the interface's addresses (LISTEN-3).
    pub(super) fn is_local(&self, address: IpAddr) -> bool {
        match &self.own {
            Some(own) => own.contains(&address),
            None => !(address.is_unspecified() || address.is_multicast() || self.is_broadcast(address)),
        }
    }

    /// Why the hit's source cannot be a client (LISTEN-9).
    pub(super) fn refuses(&self, hit: &Hit, loopback: bool) -> Option<NotAClient> {
        let source = hit.source;
        if source.is_unspecified() {
            Some(NotAClient::Unspecified)
        } else if source.is_multicast() {
            Some(NotAClient::Multicast)
        } else if self.is_broadcast(source) {
            Some(NotAClient::Broadcast)
        } else if loopback {
            None
        } else if source.is_loopback() {
            Some(NotAClient::Loopback)
        } else if self.own.as_ref().is_some_and(|own| own.contains(&source)) {
            Some(NotAClient::OwnAddress)
        } else {
            None
        }
    }

    fn is_broadcast(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => v4.is_broadcast() || self.broadcasts.contains(&v4),
            IpAddr::V6(_) => false,
        }
    }
}
