//! Unpacking gzip (RFC 1952) to the last byte before a fault.
//!
//! `flate2`'s own gzip decoder drops what it has unpacked in the call in which it meets corrupt data, which may be every
//! packet of a small capture. Its deflate decoder counts, so the members are framed here and nothing is lost.

use std::io::{self, BufRead, Read};

use flate2::{Crc, bufread::DeflateDecoder};

/// Unpacks the members of a gzip file, one after the other.
pub(super) struct Gunzip<R: BufRead> {
    deflate: DeflateDecoder<R>,
    crc: Crc,
    place: Place,
}

/// What comes next in the file.
enum Place {
    /// A member's header.
    Header,
    /// Its packed data.
    Data,
    /// A fault, to be told after the bytes before it.
    Fault(io::Error),
    /// Nothing: the end was reached, or the fault was told.
    End,
}

impl<R: BufRead> Gunzip<R> {
    /// Unpacks `read`, from its first byte.
    pub(super) fn new(read: R) -> Self {
        Self { deflate: DeflateDecoder::new(read), crc: Crc::new(), place: Place::Header }
    }

    /// Skips a member's header (RFC 1952, 2.3).
    fn header(&mut self) -> io::Result<()> {
        const CHECKED: u8 = 1 << 1;
        const EXTRA: u8 = 1 << 2;
        const NAME: u8 = 1 << 3;
        const COMMENT: u8 = 1 << 4;
        let read = self.deflate.get_mut();
        let [0x1f, 0x8b, method, flags, ..] = take::<10>(read)? else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "other data follows it"));
        };
        if method != 8 || flags & 0xe0 != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its header is of an unknown kind"));
        }
        if flags & EXTRA != 0 {
            let len = u16::from_le_bytes(take(read)?);
            skip(read.take(len.into()), len.into())?;
        }
        for _ in 0..(flags & (NAME | COMMENT)).count_ones() {
            while take::<1>(read)? != [0] {}
        }
        if flags & CHECKED != 0 {
            take::<2>(read)?;
        }
        Ok(())
    }

    /// Checks a member's trailer, and makes ready for the next one.
    fn trailer(&mut self) -> io::Result<Place> {
        let trailer = take::<8>(self.deflate.get_mut())?;
        let [a, b, c, d] = self.crc.sum().to_le_bytes();
        let [e, f, g, h] = self.crc.amount().to_le_bytes();
        if trailer != [a, b, c, d, e, f, g, h] {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum differs"));
        }
        self.crc.reset();
        // Tapes and block devices pad with zeros.
        loop {
            match self.deflate.get_mut().fill_buf()? {
                [] => return Ok(Place::End),
                [0, ..] => self.deflate.get_mut().consume(1),
                _ => return Ok(Place::Header),
            }
        }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.place, Place::End) {
                Place::End => return Ok(0),
                Place::Fault(error) => return Err(error),
                Place::Header => {
                    self.header()?;
                    self.deflate.reset_data();
                }
                Place::Data => {}
            }
            let before = self.deflate.total_out();
            let result = self.deflate.read(room);
            // What the decoder counts has been written, whether or not it failed after that.
            let count = usize::try_from(self.deflate.total_out() - before).unwrap_or(room.len());
            self.crc.update(room.get(..count).unwrap_or_default());
            self.place = match result {
                Ok(0) if !room.is_empty() => self.trailer().unwrap_or_else(Place::Fault),
                Ok(_) => Place::Data,
                Err(error) => Place::Fault(error),
            };
            if count > 0 || room.is_empty() {
                return Ok(count);
            }
        }
    }
}

fn take<const N: usize>(read: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    read.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn skip(mut read: impl Read, len: u64) -> io::Result<()> {
    if io::copy(&mut read, &mut io::sink())? == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
