//! Reading captures: classic pcap in both byte orders and both resolutions, pcapng, gzip of either.
//!
//! A [`Reader`] hands every packet to a [`Visit`], in the file's order, and ends with `Ok` at the file's end or with a
//! [`Fault`] that says which packet, at which byte, and what was wrong. Whatever came before the fault has been
//! visited. Regular files are mapped; standard input, pipes and gzip are streamed, so that a live
//! `tcpdump -w - | ...` is decided packet by packet.
//!
//! What libpcap reads is read: a snapshot length of 0, packets longer than it (up to [`MAX_CAPTURED`]), a second's
//! fraction of a second or more (it carries), a captured length above the original one (the frame then ends at its
//! original length, LISTEN-6).
//!
//! # Why no library walks the records
//!
//! `pcap-file` rejects a whole capture for what libpcap takes: an interface's picosecond stamps, a set reserved field, a
//! comment cut inside a character, a captured length above the original one. Its errors name neither packet nor byte,
//! and stand for ever. Reading raw records and checking them here would leave it the framing, a dozen lines a format,
//! between the file and a loop that has about 3 ns for it. The tests compare both readers, packet by packet.

mod classic;
mod fault;
mod format;
mod gzip;
mod pcapng;
mod stream;
mod write;

use std::{fmt, fs::File, io, ops::Deref, path::Path};

use knockd::{time::Instant, wire::Frame};
use mapped::Mapped;

pub use fault::{Fault, Looks, Part, Problem};
use format::{Format, Stop};
use stream::Stream;
pub use write::PcapWriter;

/// The longest packet that is read, in bytes: libpcap's own limit.
pub const MAX_CAPTURED: usize = 262_144;

/// How many bytes are visited at most between two calls of [`Visit::pause`].
const MEBIBYTE: usize = 1 << 20;

/// One packet of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its number in the capture, from 1.
    pub number: u64,
    /// Where its record begins, in bytes from the start of the (unpacked) file.
    pub offset: u64,
    /// When it was captured, in nanoseconds since the Unix epoch (TIME-2). A pcapng Simple Packet Block carries no
    /// time and gets the epoch, which the engine takes for "no later than the packet before".
    pub at: Instant,
    /// What was captured.
    pub frame: Frame<'a>,
    /// Whether it was seen on a loopback interface, as far as the capture tells: link type NULL or LOOP, or a pcapng
    /// interface called `lo` or `lo0`. Such sources may be the host itself (LISTEN-9).
    pub loopback: bool,
    /// Whether the capture's stamps are finer than microseconds: for pcapng, those of any interface so far.
    pub fine: bool,
}

/// What is done with a capture's packets.
pub trait Visit {
    /// Called for every packet, in the file's order.
    fn record(&mut self, record: Record<'_>);

    /// Called before more input is awaited and at least once a MiB: the place to flush what was decided.
    fn pause(&mut self, _progress: Progress) {}
}

/// How far a capture has been read, in bytes of the file as it lies on the disk (packed ones for gzip).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The bytes read so far.
    pub bytes: u64,
    /// The file's length, unless it is a pipe.
    pub total: Option<u64>,
}

/// A capture whose header has been read, and nothing more.
#[derive(Debug)]
pub struct Reader(Source);

#[derive(Debug)]
enum Source {
    Memory(Capture),
    Stream(Stream),
}

impl Reader {
    /// Opens the capture at `path`, or standard input for `-`, and reads its header.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is empty, is no capture, is cut within its header, or (classic pcap) has an unknown
    /// link type.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        if path.as_os_str() == "-" {
            return Self::from_read("standard input", io::stdin());
        }
        let name = path.display().to_string();
        let unreadable = |error| Fault::of_file(&name, Problem::read(error));
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Self::from_read(name, file);
        }
        let bytes = Mapped::new(&file).map_err(unreadable)?;
        if format::is_gzip(&bytes) {
            return Stream::open(name, file, Some(metadata.len())).map(|stream| Self(Source::Stream(stream)));
        }
        Capture::new(name, Bytes::Mapped(bytes)).map(|capture| Self(Source::Memory(capture)))
    }

    /// Reads a capture's header from `bytes`; `name` stands for the file in faults.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`].
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, Fault> {
        if format::is_gzip(&bytes) {
            return Self::from_read(name, io::Cursor::new(bytes));
        }
        Capture::new(name.into(), Bytes::Owned(bytes)).map(|capture| Self(Source::Memory(capture)))
    }

    /// Reads a capture's header from `read`, and the packets as they come; `name` stands for the file in faults.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`].
    pub fn from_read(name: impl Into<String>, read: impl io::Read + Send + 'static) -> Result<Self, Fault> {
        Stream::open(name.into(), read, None).map(|stream| Self(Source::Stream(stream)))
    }

    /// Whether the stamps are known to be finer than microseconds. The header of a classic pcap settles it; a pcapng
    /// describes its interfaces later, see [`Record::fine`].
    #[must_use]
    pub fn fine(&self) -> bool {
        match &self.0 {
            Source::Memory(capture) => capture.format.fine(),
            Source::Stream(stream) => stream.fine(),
        }
    }

    /// Visits every packet.
    ///
    /// # Errors
    ///
    /// What ended the capture early; the packets before it have been visited.
    #[inline]
    pub fn read(self, visit: &mut impl Visit) -> Result<(), Fault> {
        match self.0 {
            Source::Memory(capture) => capture.read(visit),
            Source::Stream(stream) => stream.read(visit),
        }
    }

    /// The whole capture, unpacked, to be visited more than once. A stream that breaks off is no error here: every
    /// visit ends with its fault.
    #[must_use]
    pub fn into_memory(self) -> Capture {
        match self.0 {
            Source::Memory(capture) => capture,
            Source::Stream(stream) => stream.into_memory(),
        }
    }
}

/// A whole capture in memory.
#[derive(Debug)]
pub struct Capture {
    name: String,
    bytes: Bytes,
    format: Format,
    /// Why the bytes end, when it is not the file's own end.
    broken: Option<Problem>,
}

impl Capture {
    fn new(name: String, bytes: Bytes) -> Result<Self, Fault> {
        match Format::detect(&bytes) {
            Ok(format) => Ok(Self { name, bytes, format, broken: None }),
            Err(problem) => Err(Fault::of_file(&name, problem)),
        }
    }

    /// Visits every packet, from the first.
    ///
    /// # Errors
    ///
    /// What ended the capture early; the packets before it have been visited.
    #[inline]
    pub fn read(&self, visit: &mut impl Visit) -> Result<(), Fault> {
        let mut format = self.format.clone();
        let bytes: &[u8] = &self.bytes;
        let total = Some(bytes.len() as u64);
        let mut at = format.header_len();
        loop {
            let window = bytes.get(at..).unwrap_or_default();
            let step = format.walk(window, at as u64, MEBIBYTE, visit);
            at += step.used;
            let problem = match step.stop {
                Stop::Enough => {
                    visit.pause(Progress { bytes: at as u64, total });
                    continue;
                }
                Stop::Short { .. } if at == bytes.len() && self.broken.is_none() => return Ok(()),
                Stop::Short { problem, .. } => self.broken.clone().unwrap_or(problem),
                Stop::Bad(problem) => problem,
            };
            return Err(Fault::of_packet(&self.name, format.next(), at as u64, problem));
        }
    }
}

enum Bytes {
    Mapped(Mapped),
    Owned(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// Only the length: a capture's bytes would drown everything else.
impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}
