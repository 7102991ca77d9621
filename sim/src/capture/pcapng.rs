//! pcapng (draft-ietf-opsawg-pcapng): blocks, of which those of sections, interfaces and packets are read.
//!
//! Block bodies are read as libpcap reads them: an interface's options other than its name, its clock and the clock's
//! offset are not looked at, and the fields that nothing here depends on may hold anything.

mod interface;

use knockd::{
    time::Instant,
    wire::{Frame, Link},
};

use super::{
    MAX_CAPTURED, Record, Visit,
    fault::{Part, Problem},
    format::{Step, Stop},
};
use interface::Interface;

/// How every pcapng begins: the type of a section header block, alike in both byte orders.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// The longest block that is read: libpcap's limit.
const MAX_BLOCK: u32 = 16 << 20;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// The byte order of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

/// A pcapng, at one of its blocks.
#[derive(Clone, Debug)]
pub(super) struct Pcapng {
    order: Order,
    /// Those of this section.
    interfaces: Vec<Interface>,
    fine: bool,
    next: u64,
}

/// One whole block.
struct Block<'a> {
    kind: u32,
    body: &'a [u8],
}

impl Pcapng {
    pub(super) fn new() -> Self {
        Self { order: Order::Little, interfaces: Vec::new(), fine: false, next: 1 }
    }

    pub(super) fn fine(&self) -> bool {
        self.fine
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// See [`super::format::Format::walk`].
    pub(super) fn walk<V: Visit>(&mut self, window: &[u8], base: u64, enough: usize, visit: &mut V) -> Step {
        let mut rest = window;
        let stop = loop {
            let used = window.len() - rest.len();
            if used >= enough {
                break Stop::Enough;
            }
            let (block, after) = match self.frame(rest) {
                Ok(framed) => framed,
                Err(stop) => break stop,
            };
            match self.block(&block, base + used as u64) {
                Ok(Some(record)) => {
                    visit.record(record);
                    self.next += 1;
                }
                Ok(None) => {}
                Err(problem) => break Stop::Bad(problem),
            }
            rest = after;
        };
        Step { used: window.len() - rest.len(), stop }
    }

    /// Splits the first block off `rest`. A section header sets the byte order.
    fn frame<'a>(&mut self, rest: &'a [u8]) -> Result<(Block<'a>, &'a [u8]), Stop> {
        let Some(&[k0, k1, k2, k3, l0, l1, l2, l3, m0, m1, m2, m3]) = rest.first_chunk::<12>() else {
            return Err(Stop::Short { needs: 12, problem: Problem::cut(Part::BlockHeader, 12, rest.len()) });
        };
        let kind = self.order.u32([k0, k1, k2, k3]);
        if kind == SECTION_HEADER {
            self.order = match [m0, m1, m2, m3] {
                [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
                [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
                magic => return Err(Stop::Bad(Problem::ByteOrder(magic))),
            };
        }
        let says = self.order.u32([l0, l1, l2, l3]);
        if says < 12 || !says.is_multiple_of(4) {
            return Err(Stop::Bad(Problem::BlockLength(says)));
        }
        if says > MAX_BLOCK {
            let (says, most) = (u64::from(says), u64::from(MAX_BLOCK));
            return Err(Stop::Bad(Problem::TooLong { part: Part::Block, says, most }));
        }
        let needs = says as usize;
        let Some((block, after)) = rest.split_at_checked(needs) else {
            return Err(Stop::Short { needs, problem: Problem::cut(Part::Block, needs, rest.len()) });
        };
        let (body, ends) = block
            .get(8..)
            .and_then(<[u8]>::split_last_chunk::<4>)
            .map_or((&[][..], says), |(body, ends)| (body, self.order.u32(*ends)));
        if ends != says {
            return Err(Stop::Bad(Problem::BlockEnds { begins: says, ends }));
        }
        Ok((Block { kind, body }, after))
    }

    /// Takes in what a block tells, and gives the packet if it is one.
    fn block<'a>(&mut self, block: &Block<'a>, offset: u64) -> Result<Option<Record<'a>>, Problem> {
        match block.kind {
            SECTION_HEADER => self.section(block.body).map(|()| None),
            INTERFACE_DESCRIPTION => {
                let number = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
                let interface = Interface::new(block.body, number, self.order)?;
                self.fine |= interface.fine();
                self.interfaces.push(interface);
                Ok(None)
            }
            ENHANCED_PACKET | OBSOLETE_PACKET => self.packet(block, offset).map(Some),
            SIMPLE_PACKET => self.simple_packet(block.body, offset).map(Some),
            _ => Ok(None),
        }
    }

    fn section(&mut self, body: &[u8]) -> Result<(), Problem> {
        let (&[_, _, _, _, a, b, c, d], _) = split_fields::<8>(body)?;
        let (major, minor) = (self.order.u16([a, b]), self.order.u16([c, d]));
        if major != 1 {
            return Err(Problem::Version { format: "pcapng", major, minor });
        }
        self.interfaces.clear();
        Ok(())
    }

    fn packet<'a>(&self, block: &Block<'a>, offset: u64) -> Result<Record<'a>, Problem> {
        let (&[i0, i1, i2, i3, ref numbers @ ..], data) = split_fields::<20>(block.body)?;
        let number = if block.kind == OBSOLETE_PACKET {
            // The other two bytes count packets that were dropped.
            u32::from(self.order.u16([i0, i1]))
        } else {
            self.order.u32([i0, i1, i2, i3])
        };
        let &[h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, o0, o1, o2, o3] = numbers;
        let ticks = u64::from(self.order.u32([h0, h1, h2, h3])) << 32 | u64::from(self.order.u32([l0, l1, l2, l3]));
        let captured = self.order.u32([c0, c1, c2, c3]);
        let original = self.order.u32([o0, o1, o2, o3]);
        let interface = self.interface(number)?;
        let at = interface.time(ticks).ok_or(Problem::Time { ticks, interface: number })?;
        self.record(number, interface, at, data, captured, original, offset)
    }

    fn simple_packet<'a>(&self, body: &'a [u8], offset: u64) -> Result<Record<'a>, Problem> {
        let (original, data) = split_fields::<4>(body)?;
        let original = self.order.u32(*original);
        let interface = self.interface(0)?;
        let captured = if interface.snaplen == 0 { original } else { original.min(interface.snaplen) };
        self.record(0, interface, Instant::default(), data, captured, original, offset)
    }

    fn interface(&self, number: u32) -> Result<&Interface, Problem> {
        let known = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        self.interfaces.get(number as usize).ok_or(Problem::Interface { number, known })
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a packet, whichever block they come from")]
    fn record<'a>(
        &self,
        number: u32,
        interface: &Interface,
        at: Instant,
        data: &'a [u8],
        captured: u32,
        original: u32,
        offset: u64,
    ) -> Result<Record<'a>, Problem> {
        let captured = captured as usize;
        if captured > MAX_CAPTURED {
            return Err(Problem::TooLong { part: Part::Packet, says: captured as u64, most: MAX_CAPTURED as u64 });
        }
        let Some(bytes) = data.get(..captured) else {
            return Err(Problem::BlockHolds { part: Part::Packet, says: captured as u64, left: data.len() as u64 });
        };
        let linktype = interface.linktype;
        let link =
            Link::from_linktype(linktype).ok_or(Problem::LinkType { number: linktype, interface: Some(number) })?;
        let frame = Frame { link, bytes, original_len: original as usize };
        let loopback = link == Link::Null || interface.loopback;
        Ok(Record { number: self.next, offset, at, frame, loopback, fine: self.fine })
    }
}

/// Splits a block's fixed fields off its body.
fn split_fields<const N: usize>(body: &[u8]) -> Result<(&[u8; N], &[u8]), Problem> {
    body.split_first_chunk().ok_or(Problem::BlockHolds { part: Part::Fields, says: N as u64, left: body.len() as u64 })
}
