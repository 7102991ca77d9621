//! What a visit saw, and every way to carry the same bytes to it.

use std::io::{self, Read};

use knocksim::capture::{Fault, Progress, Reader, Record, Visit};

/// A record with its bytes copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) nanos: u64,
    pub(crate) link: knockd::wire::Link,
    pub(crate) bytes: Vec<u8>,
    pub(crate) original_len: usize,
    pub(crate) loopback: bool,
    pub(crate) fine: bool,
}

/// Keeps everything.
#[derive(Debug, Default)]
pub(crate) struct Keep {
    pub(crate) records: Vec<Seen>,
    pub(crate) pauses: Vec<Progress>,
}

impl Visit for Keep {
    fn record(&mut self, record: Record<'_>) {
        self.records.push(Seen {
            number: record.number,
            offset: record.offset,
            nanos: record.at.as_nanos(),
            link: record.frame.link,
            bytes: record.frame.bytes.to_vec(),
            original_len: record.frame.original_len,
            loopback: record.loopback,
            fine: record.fine,
        });
    }

    fn pause(&mut self, progress: Progress) {
        self.pauses.push(progress);
    }
}

/// The records of a capture, and the words of the fault that ended it.
pub(crate) type Told = (Vec<Seen>, Option<String>);

/// Visits what `reader` brings.
pub(crate) fn read(reader: Result<Reader, Fault>) -> Told {
    let mut keep = Keep::default();
    let result = reader.and_then(|reader| reader.read(&mut keep));
    (keep.records, result.err().map(|fault| fault.to_string()))
}

/// Visits `bytes` from memory.
pub(crate) fn from_memory(bytes: &[u8]) -> Told {
    read(Reader::from_bytes("x", bytes.to_vec()))
}

/// Visits `bytes` as they come from a stream that reads `pieces` bytes at a time, over and over.
pub(crate) fn from_stream(bytes: &[u8], pieces: &[usize]) -> Told {
    read(Reader::from_read("x", Trickle::new(bytes, pieces)))
}

/// Loads a stream of `bytes` and visits it twice.
pub(crate) fn from_loaded(bytes: &[u8], pieces: &[usize]) -> Told {
    let capture = match Reader::from_read("x", Trickle::new(bytes, pieces)) {
        Ok(reader) => reader.into_memory(),
        Err(fault) => return (Vec::new(), Some(fault.to_string())),
    };
    let [first, second] = [(); 2].map(|()| {
        let mut keep = Keep::default();
        let result = capture.read(&mut keep);
        (keep.records, result.err().map(|fault| fault.to_string()))
    });
    assert_eq!(first, second, "a loaded capture is the same at every visit");
    first
}

/// Reads in pieces of given lengths.
pub(crate) struct Trickle {
    bytes: io::Cursor<Vec<u8>>,
    pieces: Vec<usize>,
    turn: usize,
}

impl Trickle {
    pub(crate) fn new(bytes: &[u8], pieces: &[usize]) -> Self {
        Self { bytes: io::Cursor::new(bytes.to_vec()), pieces: pieces.to_vec(), turn: 0 }
    }
}

impl Read for Trickle {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let piece = self.pieces.get(self.turn).copied().unwrap_or(room.len()).clamp(1, room.len());
        self.turn = (self.turn + 1) % self.pieces.len().max(1);
        self.bytes.read(&mut room[..piece])
    }
}
