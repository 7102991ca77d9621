//! What can be wrong with a capture, and how it is told.

use std::{fmt, io, sync::Arc};

/// Why a capture could not be read to its end.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The file's name.
    pub file: String,
    /// The number of the packet that could not be read, from 1; none when the fault lies in the file's header.
    pub packet: Option<u64>,
    /// Where the bad record or block begins, in bytes from the start of the (unpacked) file.
    pub offset: Option<u64>,
    /// What is wrong.
    pub problem: Problem,
}

impl Fault {
    /// A fault of the file as a whole or of its header.
    pub(super) fn of_file(file: &str, problem: Problem) -> Self {
        Self { file: file.to_owned(), packet: None, offset: None, problem }
    }

    /// A fault of the record at `offset`.
    #[cold]
    pub(super) fn of_packet(file: &str, packet: u64, offset: u64, problem: Problem) -> Self {
        Self { file: file.to_owned(), packet: Some(packet), offset: Some(offset), problem }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if let (Some(packet), Some(offset)) = (self.packet, self.offset) {
            write!(f, "packet {packet} at byte {offset}: ")?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Problem::Read(error) | Problem::Gzip(error) = &self.problem { Some(error.as_ref()) } else { None }
    }
}

/// What is wrong with a capture. Lengths are in bytes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The system does not let it be opened or read.
    Read(Arc<io::Error>),
    /// The gzip data is cut short or corrupt.
    Gzip(Arc<io::Error>),
    /// There is not one byte.
    Empty,
    /// It begins like no capture.
    NotACapture(Looks),
    /// The format's version is not one that is known.
    Version {
        /// The format's name.
        format: &'static str,
        /// The number before the point.
        major: u16,
        /// The number after it.
        minor: u16,
    },
    /// A link type that is not decoded (LISTEN-4).
    LinkType {
        /// Its number in the registry of link types.
        number: u16,
        /// The pcapng interface that has it, from 0.
        interface: Option<u32>,
    },
    /// The file ends inside `part`.
    Cut {
        /// What is cut.
        part: Part,
        /// The bytes that it says it has, or needs.
        says: u64,
        /// The bytes that the file has left for it.
        left: u64,
    },
    /// `part` is longer than anything sensible.
    TooLong {
        /// What is too long.
        part: Part,
        /// The bytes that it says it has.
        says: u64,
        /// The limit.
        most: u64,
    },
    /// The byte-order magic of a section header.
    ByteOrder([u8; 4]),
    /// A block's length is below 12 or no multiple of 4.
    BlockLength(u32),
    /// A block's length at its end is not the one at its beginning.
    BlockEnds {
        /// The length at its beginning.
        begins: u32,
        /// The length at its end.
        ends: u32,
    },
    /// A block is shorter than its own content.
    BlockHolds {
        /// What is in the block.
        part: Part,
        /// The bytes that it needs.
        says: u64,
        /// The bytes that the block has for it.
        left: u64,
    },
    /// A packet names an interface that its section has not described.
    Interface {
        /// The interface, from 0.
        number: u32,
        /// How many are described.
        known: u32,
    },
    /// An interface's `if_tsresol` is finer than can be counted in 64 bits, or an option has the wrong length.
    InterfaceOption {
        /// The interface, from 0.
        interface: u32,
        /// The option's name.
        name: &'static str,
        /// Its bytes.
        value: Vec<u8>,
    },
    /// A time before 1970 or after 2262: later ones leave too little of [`knockd::time::Instant`]'s range for what is due then.
    Time {
        /// The stamp as it stands in the file.
        ticks: u64,
        /// The interface, from 0.
        interface: u32,
    },
}

impl Problem {
    pub(super) fn read(error: io::Error) -> Self {
        Self::Read(Arc::new(error))
    }

    pub(super) fn cut(part: Part, says: usize, left: usize) -> Self {
        Self::Cut { part, says: says as u64, left: left as u64 }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot be read: {error}"),
            Self::Gzip(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the gzip data is cut short")
            }
            Self::Gzip(error) => write!(f, "the gzip data is corrupt: {error}"),
            Self::Empty => f.write_str("the file is empty"),
            Self::NotACapture(looks) => write!(f, "not a capture (pcap, pcapng, or gzip of one): {looks}"),
            Self::Version { format, major, minor } => write!(f, "unknown {format} version {major}.{minor}"),
            Self::LinkType { number, interface } => {
                write!(f, "unknown link type {number}")?;
                if let Some(interface) = interface {
                    write!(f, " of interface {interface}")?;
                }
                f.write_str("; supported are ")?;
                f.write_str(super::format::SUPPORTED_LINKS)
            }
            Self::Cut { part, says, left } => write!(f, "{part} {says} bytes, {left} are left in the file"),
            Self::TooLong { part, says, most } => write!(f, "{part} {says} bytes, at most {most} are read"),
            Self::ByteOrder([a, b, c, d]) => {
                write!(f, "the section header's byte-order magic is {a:02x}{b:02x}{c:02x}{d:02x}")
            }
            Self::BlockLength(says) => {
                write!(f, "the block says {says} bytes, which is less than 12 or no multiple of 4")
            }
            Self::BlockEnds { begins, ends } => {
                write!(f, "the block says {begins} bytes at its beginning and {ends} at its end")
            }
            Self::BlockHolds { part, says, left } => write!(f, "{part} {says} bytes, {left} are left in its block"),
            Self::Interface { number, known } => {
                write!(f, "the packet names interface {number}, the section has described {known}")
            }
            Self::InterfaceOption { interface, name, value } => {
                write!(f, "interface {interface} has an unusable {name}:")?;
                value.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
            Self::Time { ticks, interface } => {
                write!(f, "the packet's time, {ticks} on interface {interface}'s clock, is before 1970 or after 2262")
            }
        }
    }
}

/// A part of a capture that has a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The header of the file.
    FileHeader,
    /// The header of a record.
    RecordHeader,
    /// The packet in a record.
    Record,
    /// The header of a pcapng block.
    BlockHeader,
    /// A pcapng block.
    Block,
    /// The fixed fields of a pcapng block.
    Fields,
    /// The packet in a pcapng block.
    Packet,
    /// An option of a pcapng interface.
    Option,
}

/// The part and its verb: what follows is a number of bytes.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FileHeader => "the file header needs",
            Self::RecordHeader => "the record header needs",
            Self::Record => "the record says",
            Self::BlockHeader => "the block header needs",
            Self::Block => "the block says",
            Self::Fields => "the block's fields need",
            Self::Packet => "the packet says",
            Self::Option => "an interface's option says",
        })
    }
}

/// What a file that is no capture looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looks {
    /// A format that can be named.
    Like(&'static str),
    /// A gzip file whose content looks like that.
    Packed(Box<Looks>),
    /// Its first bytes.
    Begins(Vec<u8>),
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Like(name) => write!(f, "it looks like {name}"),
            Self::Packed(content) => write!(f, "it is gzip, and inside {content}"),
            Self::Begins(bytes) => {
                f.write_str("it begins with the bytes")?;
                bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
        }
    }
}
