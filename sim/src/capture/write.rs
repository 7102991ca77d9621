//! Writing classic pcap, for tests, benches and generated traffic.

use std::io::{self, Write};

use knockd::time::Instant;

/// Writes a classic, little-endian pcap.
#[derive(Debug)]
pub struct PcapWriter<W: Write> {
    write: W,
    nanos: bool,
}

impl<W: Write> PcapWriter<W> {
    /// Begins a capture of link type `linktype`, with stamps in nanoseconds if `nanos`, else in microseconds.
    ///
    /// # Errors
    ///
    /// What `write` says.
    pub fn new(mut write: W, linktype: u16, nanos: bool) -> io::Result<Self> {
        let magic: u32 = if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        let [a, b, c, d] = magic.to_le_bytes();
        let [l, m] = linktype.to_le_bytes();
        // Version 2.4, no time zone, no accuracy, snapshot length 262144.
        write.write_all(&[a, b, c, d, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, l, m, 0, 0])?;
        Ok(Self { write, nanos })
    }

    /// Appends a packet of `original_len` bytes on the wire, of which `bytes` were captured at `at` (since the Unix
    /// epoch; cut to the capture's resolution).
    ///
    /// # Errors
    ///
    /// What the writer says; [`io::ErrorKind::InvalidInput`] for a time after 2106 or a length of 4 GiB or more.
    pub fn record(&mut self, at: Instant, bytes: &[u8], original_len: usize) -> io::Result<()> {
        let invalid = |_| io::Error::new(io::ErrorKind::InvalidInput, "a time or length does not fit in 32 bits");
        let nanos = at.as_nanos();
        let fraction = nanos % 1_000_000_000 / if self.nanos { 1 } else { 1000 };
        let header = [
            u32::try_from(nanos / 1_000_000_000).map_err(invalid)?,
            u32::try_from(fraction).map_err(invalid)?,
            u32::try_from(bytes.len()).map_err(invalid)?,
            u32::try_from(original_len).map_err(invalid)?,
        ];
        header.iter().try_for_each(|field| self.write.write_all(&field.to_le_bytes()))?;
        self.write.write_all(bytes)
    }

    /// Flushes, and gives back what was written to.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        self.write.flush()?;
        Ok(self.write)
    }
}
