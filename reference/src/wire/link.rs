//! The link layers (LISTEN-4): what lies before the IP packet, and which version of IP it announces.

use super::{Frame, Header, Link, NoHit, rest::Rest};

pub(super) const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;

/// Tags before a frame's real ethertype, at most.
const MAX_TAGS: usize = 2;

/// The frame without its link header, and the IP version that the header announces, if it says.
#[inline]
pub(super) fn strip(link: Link, frame: Rest<'_>) -> Result<(Rest<'_>, Option<u8>), NoHit> {
    match link {
        Link::Ethernet => {
            let head: &[u8; 14] = frame.head(Header::Ethernet)?;
            under_ethertype(u16::from_be_bytes([head[12], head[13]]), frame.after(Header::Ethernet, 14)?)
        }
        Link::Sll => {
            let head: &[u8; 16] = frame.head(Header::Sll)?;
            under_ethertype(u16::from_be_bytes([head[14], head[15]]), frame.after(Header::Sll, 16)?)
        }
        Link::Sll2 => {
            let head: &[u8; 20] = frame.head(Header::Sll2)?;
            under_ethertype(u16::from_be_bytes([head[0], head[1]]), frame.after(Header::Sll2, 20)?)
        }
        Link::Raw => Ok((frame, None)),
        Link::Null => {
            let family = *frame.head::<4>(Header::Null)?;
            Ok((frame.after(Header::Null, 4)?, Some(version_of_family(family)?)))
        }
    }
}

/// `ARPHRD_LOOPBACK`: Linux's hardware type of `lo`.
const LOOPBACK: [u8; 2] = 772_u16.to_be_bytes();

impl Frame<'_> {
    /// Whether the frame itself tells that it was captured on a loopback interface: BSD's loopback framing, or the
    /// hardware type in a Linux cooked header, which is told of each packet (LISTEN-9).
    #[must_use]
    pub fn tells_loopback(&self) -> bool {
        match self.link {
            Link::Null => true,
            Link::Sll => self.bytes.get(2..4) == Some(&LOOPBACK),
            Link::Sll2 => self.bytes.get(8..10) == Some(&LOOPBACK),
            Link::Ethernet | Link::Raw => false,
        }
    }
}

/// Takes the VLAN tags off (IEEE 802.1Q; 0x88a8 is 802.1ad's, 0x9100 an older habit). libpcap puts the tag that a
/// network card took off back behind the protocol field of a cooked header, where it looks like Ethernet's.
#[inline]
fn under_ethertype(mut ethertype: u16, mut rest: Rest<'_>) -> Result<(Rest<'_>, Option<u8>), NoHit> {
    let mut tags = 0;
    while matches!(ethertype, 0x8100 | 0x88a8 | 0x9100) {
        if tags == MAX_TAGS {
            return Err(NoHit::Tags);
        }
        let tag: &[u8; 4] = rest.head(Header::Vlan)?;
        ethertype = u16::from_be_bytes([tag[2], tag[3]]);
        rest = rest.after(Header::Vlan, 4)?;
        tags += 1;
    }
    match ethertype {
        ETHERTYPE_IPV4 => Ok((rest, Some(4))),
        ETHERTYPE_IPV6 => Ok((rest, Some(6))),
        _ => Err(NoHit::NotIp { ethertype }),
    }
}

/// The family is in the byte order of the machine that captured, or in network order (link type 108). `AF_INET` is 2
/// everywhere; `AF_INET6` is 10 on Linux, 24, 28 and 30 on the BSDs. Read in the wrong order they are at least 2^24, so
/// the smaller reading is the right one.
#[inline]
fn version_of_family(bytes: [u8; 4]) -> Result<u8, NoHit> {
    match u32::from_be_bytes(bytes).min(u32::from_le_bytes(bytes)) {
        2 => Ok(4),
        10 | 24 | 28 | 30 => Ok(6),
        family => Err(NoHit::Family(family)),
    }
}
