//! Which format a capture has, by its first bytes, and one way to walk either.

use super::{
    Visit,
    classic::Classic,
    fault::{Looks, Problem},
    pcapng::{self, Pcapng},
};

/// How far a walk over a window of the capture came.
pub(super) struct Step {
    /// The bytes that were visited: whole records only.
    pub(super) used: usize,
    /// Why it stopped there.
    pub(super) stop: Stop,
}

/// Why a walk stopped.
pub(super) enum Stop {
    /// It came as far as it was asked to.
    Enough,
    /// The next record needs `needs` bytes, and the window has fewer. `problem` is what is wrong if no more come.
    Short { needs: usize, problem: Problem },
    /// The next record is bad.
    Bad(Problem),
}

/// A capture's format and what has been learnt of it so far.
#[derive(Clone, Debug)]
pub(super) enum Format {
    Classic(Classic),
    Pcapng(Pcapng),
}

impl Format {
    /// Enough bytes to tell the format, and fewer than the shortest capture of either has.
    pub(super) const PEEK: usize = Classic::HEADER;

    /// The format of the capture that begins with `bytes`: all of it, or at least [`Format::PEEK`] of it.
    pub(super) fn detect(bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.is_empty() {
            return Err(Problem::Empty);
        }
        if bytes.starts_with(&pcapng::MAGIC) {
            return Ok(Self::Pcapng(Pcapng::new()));
        }
        match Classic::detect(bytes) {
            Some(classic) => classic.map(Self::Classic),
            None => Err(Problem::NotACapture(looks_like(bytes))),
        }
    }

    /// Where the first record or block begins.
    pub(super) fn header_len(&self) -> usize {
        match self {
            Self::Classic(_) => Classic::HEADER,
            Self::Pcapng(_) => 0,
        }
    }

    /// Whether stamps are finer than microseconds, as far as is known.
    pub(super) fn fine(&self) -> bool {
        match self {
            Self::Classic(classic) => classic.fine(),
            Self::Pcapng(pcapng) => pcapng.fine(),
        }
    }

    /// The number of the next packet.
    pub(super) fn next(&self) -> u64 {
        match self {
            Self::Classic(classic) => classic.next(),
            Self::Pcapng(pcapng) => pcapng.next(),
        }
    }

    /// Visits the whole records in `window`, which begins at `base` in the file, and stops after the one that reaches
    /// `enough` bytes.
    #[inline]
    pub(super) fn walk<V: Visit>(&mut self, window: &[u8], base: u64, enough: usize, visit: &mut V) -> Step {
        match self {
            Self::Classic(classic) => classic.walk(window, base, enough, visit),
            Self::Pcapng(pcapng) => pcapng.walk(window, base, enough, visit),
        }
    }
}

/// Whether `bytes` begin as gzip does. Names are not looked at: a capture may be called anything.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// What [`knockd::wire::Link::from_linktype`] knows, for a person.
pub(super) const SUPPORTED_LINKS: &str = "Ethernet (1), raw IP (12, 14, 101, 228, 229), NULL and LOOP (0, 108), \
                                          Linux cooked (113) and Linux cooked v2 (276)";

/// What `bytes`, which begin no capture, may be instead.
fn looks_like(bytes: &[u8]) -> Looks {
    const KNOWN: [(&[u8], &str); 12] = [
        (&[0xa1, 0xb2, 0xcd, 0x34], "a pcap of the patched libpcap with 24-byte records, which is not read"),
        (&[0x34, 0xcd, 0xb2, 0xa1], "a pcap of the patched libpcap with 24-byte records, which is not read"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
        (b"BZh", "bzip2"),
        (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
        (b"PK\x03\x04", "zip"),
        (&[0x1f, 0x8b], "gzip"),
        (b"snoop\0\0\0", "a snoop capture"),
        (b"RTSS", "a Network Monitor capture"),
        (b"GMBU", "a Network Monitor capture"),
        (b"\x7fELF", "a program"),
    ];
    if let Some((_, name)) = KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Looks::Like(name);
    }
    let head = bytes.get(..Format::PEEK).unwrap_or(bytes);
    if head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        return Looks::Like("text");
    }
    Looks::Begins(bytes.iter().take(4).copied().collect())
}
