//! A pcapng interface: its link type, its name and its clock.

use knockd::time::Instant;

use super::{Order, split_fields};
use crate::capture::{Part, Problem};

const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

/// One interface of a section.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    pub(super) linktype: u16,
    /// The longest packet that was captured; 0 for no limit.
    pub(super) snaplen: u32,
    /// Whether its name is that of a loopback interface.
    pub(super) loopback: bool,
    clock: Clock,
    /// Seconds that its stamps lag behind the epoch's.
    offset: i64,
}

/// The unit of an interface's stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    /// 10 to the minus this, in seconds; at most 19.
    Decimal(u8),
    /// 2 to the minus this, in seconds; at most 63.
    Binary(u8),
}

impl Interface {
    /// Reads the body of an interface description block.
    pub(super) fn new(body: &[u8], number: u32, order: Order) -> Result<Self, Problem> {
        let (&[l0, l1, _, _, s0, s1, s2, s3], mut options) = split_fields::<8>(body)?;
        let mut interface = Self {
            linktype: order.u16([l0, l1]),
            snaplen: order.u32([s0, s1, s2, s3]),
            loopback: false,
            clock: Clock::Decimal(6),
            offset: 0,
        };
        while let Some((&[c0, c1, n0, n1], after)) = options.split_first_chunk::<4>() {
            let code = order.u16([c0, c1]);
            let len = usize::from(order.u16([n0, n1]));
            if code == 0 {
                break;
            }
            let Some((value, after)) = after.split_at_checked(len) else {
                let (says, left) = (len as u64, after.len() as u64);
                return Err(Problem::BlockHolds { part: Part::Option, says, left });
            };
            interface.option(code, value, number, order)?;
            // Options are padded to four bytes; the block's length is a multiple of four, so the padding is there.
            options = after.get(len.next_multiple_of(4) - len..).unwrap_or_default();
        }
        Ok(interface)
    }

    fn option(&mut self, code: u16, value: &[u8], interface: u32, order: Order) -> Result<(), Problem> {
        let unusable = |name| Problem::InterfaceOption { interface, name, value: value.to_vec() };
        match code {
            IF_NAME => {
                // Some writers count a closing zero byte as part of the name.
                let name = value.strip_suffix(b"\0").unwrap_or(value);
                self.loopback = name == b"lo" || name == b"lo0";
            }
            IF_TSRESOL => self.clock = Clock::new(value).ok_or_else(|| unusable("if_tsresol"))?,
            IF_TSOFFSET => {
                let &value =
                    value.first_chunk::<8>().filter(|_| value.len() == 8).ok_or_else(|| unusable("if_tsoffset"))?;
                self.offset = match order {
                    Order::Little => i64::from_le_bytes(value),
                    Order::Big => i64::from_be_bytes(value),
                };
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether its stamps are finer than microseconds.
    pub(super) fn fine(&self) -> bool {
        match self.clock {
            Clock::Decimal(digits) => digits > 6,
            // 2^-19 s are 1.9 us, 2^-20 s are 0.95 us.
            Clock::Binary(bits) => bits > 19,
        }
    }

    /// The moment that the stamp `ticks` tells, if the clock of the engine can tell it too.
    pub(super) fn time(&self, ticks: u64) -> Option<Instant> {
        let ticks = u128::from(ticks);
        let nanos = match self.clock {
            Clock::Decimal(digits @ 0..=9) => ticks * 10u128.pow(9 - u32::from(digits)),
            Clock::Decimal(digits) => ticks / 10u128.pow(u32::from(digits) - 9),
            Clock::Binary(bits) => (ticks * 1_000_000_000) >> bits,
        };
        // Neither product comes near 2^127: the stamp is below 2^64, a second has less than 2^30 ns.
        let nanos = i128::try_from(nanos).ok()? + i128::from(self.offset) * 1_000_000_000;
        // Half of the clock's range is left for what is due after the last packet.
        i64::try_from(nanos).ok().and_then(|nanos| u64::try_from(nanos).ok()).map(Instant::from_nanos)
    }
}

impl Clock {
    /// Reads the value of `if_tsresol`: one byte, whose highest bit chooses the base. The limits are libpcap's: beyond
    /// them one second has more ticks than 64 bits count.
    fn new(value: &[u8]) -> Option<Self> {
        match *value {
            [digits @ 0..=19] => Some(Self::Decimal(digits)),
            [byte @ 0x80..=0xbf] => Some(Self::Binary(byte & 0x7f)),
            _ => None,
        }
    }
}
