//! A knock sequence and its text form: `7000,8000:udp,9000` (SEQ-2, SEQ-8, CONF-3).

use crate::port::{Port, Protocol};

/// The most ports that a sequence may have (SEQ-8).
pub const MAX_PORTS: usize = 32;

/// One to 32 ports, in the order in which they are to be hit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sequence(Box<[Port]>);

impl Sequence {
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
