//! Which doors begin with which port: the question that most packets answer with "none".

use crate::{
    port::{Port, Protocol},
    wire::Hit,
};

const WORDS: usize = 65_536 / 64;

/// For each port and protocol, the doors whose sequence begins with it.
#[derive(Debug)]
pub(super) struct FirstPorts {
    /// A bit for each port: TCP's words, then UDP's. 16 KiB, of which a flood touches the first half.
    bits: Box<[u64; 2 * WORDS]>,
    /// By port, then by door.
    doors: Vec<(u16, Protocol, u32)>,
}

impl FirstPorts {
    /// From the first port of each door that has one.
    pub(super) fn new(firsts: impl Iterator<Item = (u32, Port)>) -> Self {
        let mut doors: Vec<_> = firsts.map(|(door, port)| (port.number.get(), port.protocol, door)).collect();
        doors.sort_unstable();
        let mut bits = Box::new([0; 2 * WORDS]);
        for (port, protocol, _) in &doors {
            let (word, bit) = place(*port, *protocol);
            bits[word] |= bit;
        }
        Self { bits, doors }
    }

    /// Whether any door begins with this port.
    #[inline(always)]
    pub(super) fn contains(&self, port: u16, protocol: Protocol) -> bool {
        let (word, bit) = place(port, protocol);
        self.bits[word] & bit != 0
    }

    /// The doors that begin with this hit's port, in order.
    pub(super) fn doors(&self, hit: &Hit) -> impl Iterator<Item = u32> + '_ {
        let key = (hit.port, hit.protocol);
        let from = self.doors.partition_point(|(port, protocol, _)| (*port, *protocol) < key);
        let is_key = move |entry: &&(u16, Protocol, u32)| (entry.0, entry.1) == key;
        self.doors[from..].iter().take_while(is_key).map(|(_, _, door)| *door)
    }
}

#[inline(always)]
fn place(port: u16, protocol: Protocol) -> (usize, u64) {
    let place = usize::from(port) | usize::from(protocol == Protocol::Udp) << 16;
    (place >> 6, 1 << (place & 63))
}
