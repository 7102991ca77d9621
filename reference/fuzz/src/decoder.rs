//! The frame decoder: any frame on any link, whole, cut by the capture, cut on the wire, and padded.

use knockd::wire::{Frame, Hit, Limit, Link, NoHit, decode};

use crate::oracles::{etherparse_hit, smoltcp_hit};

const LINKS: [Link; 5] = [Link::Ethernet, Link::Sll, Link::Sll2, Link::Raw, Link::Null];

/// The input is the link layer, a place to cut at, a number of bytes, and the frame.
///
/// # Panics
///
/// Something that must hold does not.
pub fn decoder(input: &[u8]) {
    let Some(([link, at, more], bytes)) = input.split_first_chunk() else { return };
    let link = LINKS[usize::from(*link) % LINKS.len()];
    let (at, more) = (usize::from(*at).min(bytes.len()), usize::from(*more));
    let whole = decode(Frame { link, bytes, original_len: bytes.len() });
    oracles_agree(link, bytes, whole);
    cut_by_the_capture(Frame { link, bytes: &bytes[..at], original_len: bytes.len() }, whole);
    cut_on_the_wire(link, bytes, at, whole);
    padded(link, bytes, more, whole);
    // A length that no frame has: captures are files, and files lie.
    judge(decode(Frame { link, bytes, original_len: usize::MAX }));
}

/// Two decoders by others find the same hit in the packet behind an Ethernet header, as far as they can be asked.
fn oracles_agree(link: Link, bytes: &[u8], whole: Result<Hit, NoHit>) {
    judge(whole);
    let Some(ethernet) = on_ethernet(link, bytes) else { return assert!(whole.is_err(), "{whole:?}") };
    assert_eq!(whole.ok(), smoltcp_hit(&ethernet), "smoltcp");
    if let Ok(theirs) = etherparse_hit(&ethernet) {
        assert_eq!(whole.ok(), theirs, "etherparse");
    }
    if link != Link::Ethernet {
        let same = decode(Frame { link: Link::Ethernet, bytes: &ethernet, original_len: ethernet.len() });
        assert_eq!(whole.ok(), same.ok(), "on ethernet");
    }
}

/// The same packet in an Ethernet frame; `None` where the link header alone tells that there is no hit.
fn on_ethernet(link: Link, bytes: &[u8]) -> Option<Vec<u8>> {
    let (ethertype, packet) = match link {
        Link::Ethernet => return Some(bytes.to_vec()),
        Link::Sll => (bytes.get(14..16)?.try_into().ok()?, bytes.get(16..)?),
        Link::Sll2 => (bytes.get(..2)?.try_into().ok()?, bytes.get(20..)?),
        Link::Raw => match bytes.first()? >> 4 {
            4 => ([0x08, 0x00], bytes),
            6 => ([0x86, 0xdd], bytes),
            _ => return None,
        },
        Link::Null => match bytes.first_chunk()? {
            [2, 0, 0, 0] | [0, 0, 0, 2] => ([0x08, 0x00], &bytes[4..]),
            [10 | 24 | 28 | 30, 0, 0, 0] | [0, 0, 0, 10 | 24 | 28 | 30] => ([0x86, 0xdd], &bytes[4..]),
            _ => return None,
        },
    };
    Some([&[0; 12], &ethertype[..], packet].concat())
}

/// A capture that ends early says so, or gives the answer of the whole frame; so it makes no hit, and no other one.
fn cut_by_the_capture(cut: Frame<'_>, whole: Result<Hit, NoHit>) {
    let answer = decode(cut);
    judge(answer);
    let early = matches!(answer, Err(NoHit::Short { limit: Limit::Captured, .. }));
    assert!(answer == whole || early, "{answer:?} of {whole:?}");
}

/// What the capture holds behind the frame's end is not read; and where the frame ends before the packet does, there is
/// no hit, or it is the same packet in less padding.
fn cut_on_the_wire(link: Link, bytes: &[u8], at: usize, whole: Result<Hit, NoHit>) {
    let answer = decode(Frame { link, bytes: &bytes[..at], original_len: at });
    judge(answer);
    assert_eq!(decode(Frame { link, bytes, original_len: at }), answer, "bytes beyond the frame were looked at");
    assert!(answer.is_err() || answer == whole, "{answer:?} of {whole:?}");
}

/// Padding is no part of a packet, captured or not.
fn padded(link: Link, bytes: &[u8], more: usize, whole: Result<Hit, NoHit>) {
    let longer = [bytes, &vec![0x5a; more]].concat();
    let answer = decode(Frame { link, bytes: &longer, original_len: longer.len() });
    judge(answer);
    if whole.is_ok() {
        assert_eq!(answer, whole, "padding was captured");
        let lost = Frame { link, bytes, original_len: bytes.len() + more };
        assert_eq!(decode(lost), whole, "padding was not captured");
    }
}

/// A refusal's numbers are such as to refuse by, and its words and its clause are there.
fn judge(answer: Result<Hit, NoHit>) {
    let Err(refusal) = answer else { return };
    let words = refusal.to_string();
    assert!(!words.is_empty() && words == words.to_lowercase(), "{words}");
    assert!(["LISTEN-4", "LISTEN-6", "LISTEN-7"].contains(&refusal.clause().id()), "{words}");
    match refusal {
        NoHit::Short { needed, left, .. } => assert!(left < needed, "{words}"),
        NoHit::Below { value, least, .. } => assert!(value < least, "{words}"),
        NoHit::Beyond { value, left, .. } => assert!(left < value, "{words}"),
        NoHit::Fragment { offset } => assert!(offset > 0 && offset.is_multiple_of(8), "{words}"),
        NoHit::SegmentsLeft(count) => assert!(count > 0, "{words}"),
        NoHit::Version { found, announced } => {
            assert!(
                found < 16 && Some(found) != announced && !(announced.is_none() && [4, 6].contains(&found)),
                "{words}"
            );
        }
        NoHit::Protocol(number) => assert!(![6, 17].contains(&number), "{words}"),
        NoHit::NotIp { ethertype } => assert!(![0x0800, 0x86dd].contains(&ethertype), "{words}"),
        NoHit::Tags | NoHit::Family(_) => {}
    }
}
