//! Captures made by hand, byte by byte.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

/// The byte order of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u64(self, value: u64) -> [u8; 8] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

/// The file header of a classic pcap, version 2.4.
pub(crate) fn header(order: Order, nanos: bool, network: u32) -> Vec<u8> {
    let magic = if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let mut file = order.u32(magic).to_vec();
    file.extend([order.u16(2), order.u16(4)].concat());
    file.extend([order.u32(0), order.u32(0), order.u32(0), order.u32(network)].concat());
    file
}

/// A record of a classic pcap.
pub(crate) fn record(order: Order, seconds: u32, fraction: u32, bytes: &[u8], original: u32) -> Vec<u8> {
    let captured = u32::try_from(bytes.len()).expect("a small number");
    let mut record = [seconds, fraction, captured, original].map(|field| order.u32(field)).concat();
    record.extend(bytes);
    record
}

/// A pcapng block of type `kind`; `body` is padded to four bytes.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let len = order.u32(u32::try_from(padded).expect("a small number") + 12);
    let mut block = [order.u32(kind), len].concat();
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(len);
    block
}

/// A section header block of unknown length, version 1.0.
pub(crate) fn section(order: Order) -> Vec<u8> {
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend([order.u16(1), order.u16(0)].concat());
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

/// An interface description block.
pub(crate) fn interface(order: Order, linktype: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = [order.u16(linktype), order.u16(0)].concat();
    body.extend(order.u32(snaplen));
    for (code, value) in options {
        body.extend([order.u16(*code), order.u16(u16::try_from(value.len()).expect("a small number"))].concat());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    if !options.is_empty() {
        body.extend([0; 4]);
    }
    block(order, 1, &body)
}

/// The value of `if_tsoffset`.
pub(crate) fn tsoffset(order: Order, seconds: i64) -> [u8; 8] {
    order.u64(u64::from_ne_bytes(seconds.to_ne_bytes()))
}

/// An enhanced packet block.
pub(crate) fn packet(order: Order, interface: u32, ticks: u64, bytes: &[u8], original: u32) -> Vec<u8> {
    let captured = u32::try_from(bytes.len()).expect("a small number");
    let [high, low] = halves(ticks);
    let mut body = [interface, high, low, captured, original].map(|field| order.u32(field)).concat();
    body.extend(bytes);
    block(order, 6, &body)
}

/// An obsolete packet block, with three packets dropped before it.
pub(crate) fn obsolete_packet(order: Order, interface: u16, ticks: u64, bytes: &[u8], original: u32) -> Vec<u8> {
    let captured = u32::try_from(bytes.len()).expect("a small number");
    let [high, low] = halves(ticks);
    let mut body = [order.u16(interface), order.u16(3)].concat();
    body.extend([high, low, captured, original].map(|field| order.u32(field)).concat());
    body.extend(bytes);
    block(order, 2, &body)
}

/// A simple packet block.
pub(crate) fn simple_packet(order: Order, bytes: &[u8], original: u32) -> Vec<u8> {
    let mut body = order.u32(original).to_vec();
    body.extend(bytes);
    block(order, 3, &body)
}

/// `bytes` as gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).expect("a vector takes all");
    packed.finish().expect("a vector takes all")
}

fn halves(ticks: u64) -> [u32; 2] {
    [u32::try_from(ticks >> 32).expect("a small number"), u32::try_from(ticks & 0xffff_ffff).expect("a small number")]
}
