//! The machine that runs a filter, as in the BSD Packet Filter's paper: an accumulator, an index, jumps forwards.

use libc::sock_filter;

/// Where Linux shows a packet's protocol.
const PROTOCOL: u32 = 0xffff_f000;

/// How many bytes of `packet` the program lets through, and 0 for none. `protocol` is what the kernel knows it by.
///
/// # Panics
///
/// The program has an instruction that no filter of ours needs, or runs over its end.
pub(crate) fn run(program: &[sock_filter], packet: &[u8], protocol: u16) -> u32 {
    let (mut a, mut x) = (0_u32, 0_u32);
    let mut next = 0;
    loop {
        let sock_filter { code, jt, jf, k } = program[next];
        next += 1;
        let load = |at: u32, size: usize| {
            let at = usize::try_from(at).expect("an address of 32 bits");
            let bytes = packet.get(at..at.checked_add(size)?)?;
            Some(bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
        };
        // A load beyond the packet ends the program: nothing is let through.
        match code {
            0x20 if k == PROTOCOL => a = u32::from(protocol),
            0x20 | 0x28 | 0x30 | 0x40 | 0x48 | 0x50 => {
                let at = if code & 0x40 != 0 { x.wrapping_add(k) } else { k };
                let size = [4, 2, 1][usize::from(code >> 3 & 3)];
                match load(at, size) {
                    Some(word) => a = word,
                    None => return 0,
                }
            }
            0x01 => x = k,
            0x07 => x = a,
            0x54 => a &= k,
            0x64 => a <<= k,
            0x0c => a = a.wrapping_add(x),
            0x05 => next += usize::try_from(k).expect("an address of 32 bits"),
            0x15 => next += usize::from(if a == k { jt } else { jf }),
            0x06 => return k,
            _ => panic!("instruction {code:#04x} is not known here"),
        }
    }
}
