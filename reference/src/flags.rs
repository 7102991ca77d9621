//! TCP's control bits, and a door's demand on them (FLAGS-1, FLAGS-2).

use std::fmt;

/// The control bits of a TCP segment as they stand in byte 13 of its header (RFC 9293, section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

/// The flags that a configuration can name, with their bits, lowest bit first.
pub const NAMED: [(&str, u8); 6] =
    [("fin", 0x01), ("syn", 0x02), ("rst", 0x04), ("psh", 0x08), ("ack", 0x10), ("urg", 0x20)];

/// The names of the set flags, comma-separated; `-` for none. ECN's bits are not named.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, bit) in NAMED {
            if self.0 & bit != 0 {
                write!(f, "{separator}{name}")?;
                separator = ",";
            }
        }
        if separator.is_empty() { f.write_str("-") } else { Ok(()) }
    }
}

/// A door's `TCPFlags`: the flags that must be set and those that must be clear. The two never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlagFilter {
    set: u8,
    clear: u8,
}

impl FlagFilter {
    /// A filter that demands `set` and forbids `clear` (bits as in [`NAMED`]); `None` if a flag is in both or neither
    /// names any, which no segment or every segment would pass (CONF-2).
    #[must_use]
    pub fn new(set: TcpFlags, clear: TcpFlags) -> Option<Self> {
        (set.0 & clear.0 == 0 && set.0 | clear.0 != 0).then_some(Self { set: set.0, clear: clear.0 })
    }

    /// Whether a segment with `flags` concerns the door (FLAGS-1, FLAGS-2, FLAGS-3).
    #[must_use]
    #[inline]
    pub fn passes(self, flags: TcpFlags) -> bool {
        flags.0 & (self.set | self.clear) == self.set
    }

    /// The flags that must be set.
    #[must_use]
    pub fn set(self) -> TcpFlags {
        TcpFlags(self.set)
    }

    /// The flags that must be clear.
    #[must_use]
    pub fn clear(self) -> TcpFlags {
        TcpFlags(self.clear)
    }
}

/// As in a configuration: `syn,!ack`.
impl fmt::Display for FlagFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, bit) in NAMED {
            if self.set & bit != 0 {
                write!(f, "{separator}{name}")?;
                separator = ",";
            } else if self.clear & bit != 0 {
                write!(f, "{separator}!{name}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}
