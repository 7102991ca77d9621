//! Scans and crowds: one line, many packets.

use std::net::{IpAddr, Ipv4Addr};

/// The ports of a scan, in the order in which they are hit.
#[must_use]
pub(super) fn ports(first: u16, last: u16, except: &[u16], shuffle: Option<u64>) -> Vec<u16> {
    let mut ports: Vec<u16> = (first.min(last)..=first.max(last)).filter(|port| !except.contains(port)).collect();
    if first > last {
        ports.reverse();
    }
    if let Some(seed) = shuffle {
        shuffled(&mut ports, seed);
    }
    ports
}

/// The sources of a crowd.
pub(super) fn crowd(count: u32) -> impl Iterator<Item = IpAddr> {
    (1..=count).map(|number| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)))
}

/// Fisher and Yates' shuffle on splitmix64: the order must stay the same for ever, whatever library changes.
fn shuffled(ports: &mut [u16], seed: u64) {
    let mut state = seed;
    for place in (1..ports.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let choices = place as u64 + 1;
        #[expect(clippy::cast_possible_truncation, reason = "a remainder below the number of ports")]
        ports.swap(place, (mixed % choices) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_hits_each_port_once() {
        assert_eq!(ports(3, 6, &[5], None), [3, 4, 6]);
        assert_eq!(ports(6, 3, &[], None), [6, 5, 4, 3]);
        let mut shuffled = ports(1, 100, &[], Some(7));
        assert_eq!(shuffled[..8], [15, 63, 25, 43, 18, 6, 5, 65]);
        assert_ne!(shuffled, ports(1, 100, &[], Some(8)));
        shuffled.sort_unstable();
        assert_eq!(shuffled, ports(1, 100, &[], None));
    }
}
