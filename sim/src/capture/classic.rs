//! Classic pcap: a file header of 24 bytes, then records of 16 bytes and a packet.
//!
//! This is the loop that has to keep up with memory: it is compiled into each [`Visit`], reads a record's header as
//! one block of 16 bytes, and leaves everything that is wrong to functions out of line.

use knockd::{
    time::Instant,
    wire::{Frame, Link},
};
use prefetch_index::prefetch_index;

use super::{
    MAX_CAPTURED, Record, Visit,
    fault::{Part, Problem},
    format::{Step, Stop},
};

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// How many bytes ahead of the record in hand the capture is asked for. The processor reads ahead by itself, but stops
/// while a packet that matters waits for the engine's tables; this much is there already when it has done.
const AHEAD: usize = 3 << 10;

/// A classic pcap, at one of its records.
#[derive(Clone, Debug)]
pub(super) struct Classic {
    big_endian: bool,
    /// Nanoseconds in one unit of a stamp's fraction: 1000 or 1.
    unit: u64,
    link: Link,
    next: u64,
}

impl Classic {
    /// The length of the file header.
    pub(super) const HEADER: usize = 24;

    /// Reads the file header, if `bytes` begin with one's magic number.
    pub(super) fn detect(bytes: &[u8]) -> Option<Result<Self, Problem>> {
        let magic = bytes.first_chunk::<4>()?;
        let (big_endian, magic) = match (u32::from_le_bytes(*magic), u32::from_be_bytes(*magic)) {
            (little @ (MICROSECONDS | NANOSECONDS), _) => (false, little),
            (_, big @ (MICROSECONDS | NANOSECONDS)) => (true, big),
            _ => return None,
        };
        let unit = if magic == NANOSECONDS { 1 } else { 1000 };
        Some(match bytes.first_chunk() {
            Some(header) => Self::new(header, big_endian, unit),
            None => Err(Problem::cut(Part::FileHeader, Self::HEADER, bytes.len())),
        })
    }

    fn new(header: &[u8; Self::HEADER], big_endian: bool, unit: u64) -> Result<Self, Problem> {
        let &[_, _, _, _, v0, v1, v2, v3, .., n0, n1, n2, n3] = header;
        let (major, minor, network) = if big_endian {
            (u16::from_be_bytes([v0, v1]), u16::from_be_bytes([v2, v3]), u16::from_be_bytes([n2, n3]))
        } else {
            (u16::from_le_bytes([v0, v1]), u16::from_le_bytes([v2, v3]), u16::from_le_bytes([n0, n1]))
        };
        // Before 2.3 the two lengths of a record stood in the other order.
        if major != 2 || minor < 3 {
            return Err(Problem::Version { format: "pcap", major, minor });
        }
        // The upper half of the field tells of frame check sequences, which are trailing bytes like any others.
        let link = Link::from_linktype(network).ok_or(Problem::LinkType { number: network, interface: None })?;
        Ok(Self { big_endian, unit, link, next: 1 })
    }

    pub(super) fn fine(&self) -> bool {
        self.unit == 1
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// See [`super::format::Format::walk`].
    #[inline]
    pub(super) fn walk<V: Visit>(&mut self, window: &[u8], base: u64, enough: usize, visit: &mut V) -> Step {
        if self.big_endian {
            self.walk_as::<V, true>(window, base, enough, visit)
        } else {
            self.walk_as::<V, false>(window, base, enough, visit)
        }
    }

    #[inline]
    fn walk_as<V: Visit, const BIG: bool>(&mut self, window: &[u8], base: u64, enough: usize, visit: &mut V) -> Step {
        let Self { unit, link, next: mut number, .. } = *self;
        let loopback = link == Link::Null;
        let fine = self.fine();
        let mut rest = window;
        // The least that is left before enough was visited; of a shorter window all is visited.
        let least = (window.len() + 1).saturating_sub(enough);
        let stop = loop {
            if rest.len() < least {
                break Stop::Enough;
            }
            prefetch_index(rest, AHEAD);
            let Some((header, body)) = rest.split_first_chunk::<16>() else {
                break short_header(rest.len());
            };
            let [seconds, fraction, captured, original] = fields::<BIG>(header);
            let captured = captured as usize;
            if captured > MAX_CAPTURED {
                break too_long(captured);
            }
            let Some((bytes, after)) = body.split_at_checked(captured) else {
                break short_record(captured, body.len());
            };
            // Cannot overflow: 2^32 s are 4.3e18 ns, and 2^32 us are 4.3e12.
            let at = Instant::from_nanos(u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * unit);
            let frame = Frame { link, bytes, original_len: original as usize };
            let offset = base + (window.len() - rest.len()) as u64;
            visit.record(Record { number, offset, at, frame, loopback, fine });
            number += 1;
            rest = after;
        };
        self.next = number;
        Step { used: window.len() - rest.len(), stop }
    }
}

/// The four numbers of a record's header: seconds, fraction, captured length, original length.
#[inline]
fn fields<const BIG: bool>(header: &[u8; 16]) -> [u32; 4] {
    let &[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = header;
    [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]]
        .map(|field| if BIG { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) })
}

#[cold]
fn short_header(left: usize) -> Stop {
    Stop::Short { needs: 16, problem: Problem::cut(Part::RecordHeader, 16, left) }
}

#[cold]
fn short_record(says: usize, left: usize) -> Stop {
    Stop::Short { needs: 16 + says, problem: Problem::cut(Part::Record, says, left) }
}

#[cold]
fn too_long(says: usize) -> Stop {
    Stop::Bad(Problem::TooLong { part: Part::Record, says: says as u64, most: MAX_CAPTURED as u64 })
}
