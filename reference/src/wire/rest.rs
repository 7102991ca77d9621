//! What is left of a frame while its headers are taken off.

use super::{Field, Frame, Header, Limit, NoHit};

/// The rest of a frame from some header on: how long it is on the wire, and what of it was captured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest<'a> {
    /// The captured bytes. Those beyond `wire` are padding, which no method lets through.
    bytes: &'a [u8],
    /// The length on the wire in bytes.
    wire: usize,
    /// Who said that it is `wire` bytes long.
    limit: Limit,
}

impl<'a> Rest<'a> {
    /// The whole frame. Its end is the original length, whatever the capture holds beyond it.
    #[inline]
    pub(super) fn of_frame(frame: Frame<'a>) -> Self {
        Self { bytes: frame.bytes, wire: frame.original_len, limit: Limit::Frame }
    }

    /// The first `N` bytes, which `header` needs.
    #[inline]
    pub(super) fn head<const N: usize>(self, header: Header) -> Result<&'a [u8; N], NoHit> {
        if self.wire < N {
            return Err(self.short(header, N));
        }
        match self.bytes.first_chunk() {
            Some(head) => Ok(head),
            None => Err(NoHit::Short {
                header,
                needed: saturate(N),
                left: saturate(self.bytes.len()),
                limit: Limit::Captured,
            }),
        }
    }

    /// What follows `header`, which is `length` bytes long; they need not have been captured.
    #[inline]
    pub(super) fn after(self, header: Header, length: usize) -> Result<Self, NoHit> {
        match self.wire.checked_sub(length) {
            Some(wire) => Ok(Self { bytes: self.bytes.get(length..).unwrap_or_default(), wire, limit: self.limit }),
            None => Err(self.short(header, length)),
        }
    }

    /// The same without what lies beyond `length` bytes: padding, if `field` is right, which `limit` then stands for.
    #[inline]
    pub(super) fn narrow(self, field: Field, length: u16, limit: Limit) -> Result<Self, NoHit> {
        let wire = self.holds(field, length)?;
        Ok(Self { bytes: self.bytes, wire, limit })
    }

    /// `length` again, if that many bytes are there on the wire as `field` claims.
    #[inline]
    pub(super) fn holds(self, field: Field, length: u16) -> Result<usize, NoHit> {
        if usize::from(length) <= self.wire {
            Ok(usize::from(length))
        } else {
            Err(NoHit::Beyond { field, value: length, left: saturate(self.wire), limit: self.limit })
        }
    }

    #[cold]
    fn short(self, header: Header, needed: usize) -> NoHit {
        NoHit::Short { header, needed: saturate(needed), left: saturate(self.wire), limit: self.limit }
    }
}

/// No header is longer than 2048 bytes and no length field says more than 65535, and what is left is reported only where
/// it is less than those: nothing is ever lost here.
fn saturate(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
