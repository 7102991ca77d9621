//! Captures that come in pieces: standard input, pipes, and whatever is packed.

use std::{
    fmt,
    io::{self, BufReader, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Bytes, Capture, Fault, MEBIBYTE, Problem, Progress, Visit,
    fault::Looks,
    format::{Format, Stop, is_gzip},
    gzip::Gunzip,
};

/// How many packed bytes are read at once.
const PACKED: usize = 1 << 16;

/// A capture that is read as it comes, a window at a time.
pub(super) struct Stream {
    name: String,
    read: Box<dyn Read + Send>,
    /// Whether `read` unpacks, so that what it cannot do is the packed data's fault.
    packed: bool,
    /// The bytes that were read of the file itself.
    taken: Arc<AtomicU64>,
    total: Option<u64>,
    format: Format,
    buffer: Vec<u8>,
    /// The end of what is filled of `buffer`; its start is where the format stands.
    filled: usize,
}

impl Stream {
    /// Reads the header of the capture that comes out of `read`, which brings `total` bytes if that is known.
    pub(super) fn open(name: String, read: impl Read + Send + 'static, total: Option<u64>) -> Result<Self, Fault> {
        let taken = Arc::new(AtomicU64::new(0));
        let mut read = Counted { read, taken: Arc::clone(&taken) };
        let mut buffer = vec![0; MEBIBYTE];
        let fault = |problem| Fault::of_file(&name, problem);
        let mut filled = peek(&mut read, &mut buffer).map_err(|error| fault(Problem::read(error)))?;
        let packed = buffer.get(..filled).is_some_and(is_gzip);
        let mut read: Box<dyn Read + Send> = if packed {
            let head = buffer.get(..filled).unwrap_or_default().to_vec();
            Box::new(Gunzip::new(BufReader::with_capacity(PACKED, io::Cursor::new(head).chain(read))))
        } else {
            Box::new(read)
        };
        if packed {
            filled = peek(&mut read, &mut buffer).map_err(|error| fault(blame(packed, error)))?;
        }
        match Format::detect(buffer.get(..filled).unwrap_or_default()) {
            Ok(format) => {
                let header = format.header_len();
                buffer.copy_within(header..filled, 0);
                filled -= header;
                Ok(Self { name, read, packed, taken, total, format, buffer, filled })
            }
            Err(Problem::NotACapture(looks)) if packed => {
                Err(fault(Problem::NotACapture(Looks::Packed(Box::new(looks)))))
            }
            Err(problem) => Err(fault(problem)),
        }
    }

    pub(super) fn fine(&self) -> bool {
        self.format.fine()
    }

    /// See [`super::Reader::read`].
    #[inline]
    pub(super) fn read(mut self, visit: &mut impl Visit) -> Result<(), Fault> {
        let mut base = self.format.header_len() as u64;
        loop {
            let window = self.buffer.get(..self.filled).unwrap_or_default();
            let step = self.format.walk(window, base, usize::MAX, visit);
            base += step.used as u64;
            self.buffer.copy_within(step.used..self.filled, 0);
            self.filled -= step.used;
            let problem = match step.stop {
                // All of the window was asked for, so it is not left early.
                Stop::Enough => continue,
                Stop::Bad(problem) => problem,
                Stop::Short { needs, problem } => {
                    visit.pause(self.progress());
                    match self.more(needs) {
                        Ok(0) if self.filled == 0 => return Ok(()),
                        Ok(0) => problem,
                        Ok(_) => continue,
                        Err(problem) => problem,
                    }
                }
            };
            return Err(Fault::of_packet(&self.name, self.format.next(), base, problem));
        }
    }

    /// See [`super::Reader::into_memory`].
    pub(super) fn into_memory(mut self) -> Capture {
        // The header's bytes are gone and nobody looks at them again; their room keeps the offsets right.
        let header = self.format.header_len();
        let mut bytes = vec![0; header];
        let broken = loop {
            bytes.extend_from_slice(self.buffer.get(..self.filled).unwrap_or_default());
            self.filled = 0;
            match self.more(1) {
                Ok(0) => break None,
                Ok(_) => {}
                Err(problem) => break Some(problem),
            }
        };
        Capture { name: self.name, bytes: Bytes::Owned(bytes), format: self.format, broken }
    }

    /// Reads once, so that a short read is handed on at once; the buffer has room for at least `needs` bytes.
    fn more(&mut self, needs: usize) -> Result<usize, Problem> {
        if self.buffer.len() < needs {
            self.buffer.resize(needs + MEBIBYTE, 0);
        }
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        match self.read.read(room) {
            Ok(count) => {
                self.filled += count;
                Ok(count)
            }
            Err(error) => Err(blame(self.packed, error)),
        }
    }

    fn progress(&self) -> Progress {
        Progress { bytes: self.taken.load(Ordering::Relaxed), total: self.total }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("name", &self.name).field("format", &self.format).finish_non_exhaustive()
    }
}

/// Whose fault an error is: the packed data's, or the system's.
fn blame(packed: bool, error: io::Error) -> Problem {
    let data = [io::ErrorKind::InvalidInput, io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
    if packed && data.contains(&error.kind()) { Problem::Gzip(Arc::new(error)) } else { Problem::read(error) }
}

/// Reads until `buffer` holds enough to tell the format or there is no more, and says how many bytes it holds.
fn peek(read: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < Format::PEEK {
        match read.read(buffer.get_mut(filled..).unwrap_or_default())? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// Counts what is read, and reads again when a signal interrupts.
struct Counted<R> {
    read: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.read.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.taken.fetch_add(count as u64, Ordering::Relaxed);
                    return Ok(count);
                }
            }
        }
    }
}
