//! The kernel's filter: which frames are worth handing over.
//!
//! It goes by addresses, protocols and flags, which only a reload or the host's addresses change; never by ports, since
//! any wrong port matters (SEQ-3), nor by sources, which it would learn too late. It may let through too much, never too
//! little: what it drops could not have been a hit at any door.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use libc::sock_filter;

use crate::{
    config::{Config, Sequences},
    engine::Local,
    port::Protocol,
    wire::Link,
};

/// How many addresses of a family are told apart; with more, all are let through.
const MOST_ADDRESSES: usize = 64;

/// How many sets of flags are told apart.
const MOST_FLAGS: usize = 32;

/// IPv6's extension headers, behind which anything may stand.
const EXTENSIONS: [u32; 8] = [0, 43, 44, 51, 60, 135, 139, 140];

/// What the doors can be interested in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    v4: BTreeSet<Ipv4Addr>,
    v6: BTreeSet<Ipv6Addr>,
    /// For each door the flags that are looked at and those of them that are set; `None` if some door takes all.
    flags: Option<BTreeSet<(u8, u8)>>,
    udp: bool,
}

impl Interest {
    /// What the doors of `config` are interested in on a host with these addresses.
    #[must_use]
    pub fn new(config: &Config, locals: &[Local], only_v4: bool) -> Self {
        let doors = &config.doors;
        let own = if doors.iter().any(|door| door.target.is_none()) { locals } else { &[] };
        let all = own.iter().map(|local| local.address).chain(doors.iter().filter_map(|door| door.target));
        let (mut v4, mut v6) = (BTreeSet::new(), BTreeSet::new());
        for address in all {
            match address {
                IpAddr::V4(address) => drop(v4.insert(address)),
                IpAddr::V6(address) if !only_v4 => drop(v6.insert(address)),
                IpAddr::V6(_) => {}
            }
        }
        let filters = doors.iter().map(|door| door.flags.map(|flags| (flags.set().0 | flags.clear().0, flags.set().0)));
        let flags = filters.collect::<Option<BTreeSet<_>>>().filter(|flags| flags.len() <= MOST_FLAGS);
        // A door that looks at flags takes UDP only while its sequence names some (FLAGS-4).
        let udp = doors.iter().any(|door| match &door.sequences {
            Sequences::Fixed(sequence) => {
                door.flags.is_none() || sequence.ports().iter().any(|port| port.protocol == Protocol::Udp)
            }
            Sequences::OneTime(_) => true,
        });
        Self { v4, v6, flags, udp }
    }

    /// The program for a socket that gives frames of this kind; what it accepts is cut to `snaplen` bytes.
    #[must_use]
    pub fn program(&self, link: Link, snaplen: u32) -> Vec<sock_filter> {
        let mut program = Program::default();
        match link {
            Link::Ethernet => {
                program.tell(LDX_IMM, 14);
                program.tell(LDH_ABS, 12);
                program.tags([16, 20], [18, 22]);
            }
            // The kernel gives what follows the link header, and the protocol beside it.
            Link::Sll | Link::Sll2 => {
                program.tell(LDX_IMM, 0);
                program.tell(LDW_ABS, PROTOCOL_BESIDE);
                program.tags([2, 6], [4, 8]);
            }
            Link::Raw => {
                program.tell(LDX_IMM, 0);
                program.tell(LDB_ABS, 0);
                program.tell(AND, 0xf0);
                program.when(0x40, To::V4);
                program.when(0x60, To::V6);
                program.go(To::Drop);
            }
            Link::Null => program.go(To::Accept),
        }
        if matches!(link, Link::Ethernet | Link::Sll | Link::Sll2) {
            program.when(0x0800, To::V4);
            program.when(0x86dd, To::V6);
            program.go(To::Drop);
        }
        self.v4(&mut program);
        self.v6(&mut program);
        program.here(To::Accept);
        program.tell(RETURN, snaplen);
        program.here(To::Drop);
        program.tell(RETURN, 0);
        program.finish()
    }

    fn v4(&self, program: &mut Program) {
        program.here(To::V4);
        program.tell(LDH_IND, 6);
        program.tell(AND, 0x1fff);
        program.unless(0, To::Drop);
        if self.v4.len() <= MOST_ADDRESSES {
            program.tell(LDW_IND, 16);
            for address in &self.v4 {
                program.when(address.to_bits(), To::Concerned4);
            }
            program.go(To::Drop);
        }
        program.here(To::Concerned4);
        program.tell(LDB_IND, 9);
        program.when(17, if self.udp { To::Accept } else { To::Drop });
        program.unless(6, To::Drop);
        program.tell(LDB_IND, 0);
        program.tell(AND, 0x0f);
        program.tell(SHIFT, 2);
        program.tell(ADD_X, 0);
        program.tell(TAX, 0);
        self.flags(program, 13);
    }

    fn v6(&self, program: &mut Program) {
        program.here(To::V6);
        if self.v6.len() <= MOST_ADDRESSES {
            for address in &self.v6 {
                program.when_v6(*address, To::Concerned6);
            }
            program.go(To::Drop);
        }
        program.here(To::Concerned6);
        program.tell(LDB_IND, 6);
        program.when(17, if self.udp { To::Accept } else { To::Drop });
        for extension in EXTENSIONS {
            program.when(extension, To::Accept);
        }
        program.unless(6, To::Drop);
        self.flags(program, 40 + 13);
    }

    /// Judges TCP's flags, which stand `at` bytes behind X.
    fn flags(&self, program: &mut Program, at: u32) {
        let Some(flags) = &self.flags else { return program.go(To::Accept) };
        for (looked_at, set) in flags {
            program.tell(LDB_IND, at);
            program.tell(AND, (*looked_at).into());
            program.when((*set).into(), To::Accept);
        }
        program.go(To::Drop);
    }
}

/// Loads into A: a byte, two or four, at a place or behind X; into X; arithmetic; ends. `linux/bpf_common.h`.
const LDB_ABS: u16 = 0x30;
const LDH_ABS: u16 = 0x28;
const LDW_ABS: u16 = 0x20;
const LDB_IND: u16 = 0x50;
const LDH_IND: u16 = 0x48;
const LDW_IND: u16 = 0x40;
const LDX_IMM: u16 = 0x01;
const AND: u16 = 0x54;
const SHIFT: u16 = 0x64;
const ADD_X: u16 = 0x0c;
const TAX: u16 = 0x07;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// Where the kernel shows a frame's protocol: `SKF_AD_OFF + SKF_AD_PROTOCOL`.
const PROTOCOL_BESIDE: u32 = 0xffff_f000;

/// Places in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    V4,
    V6,
    Concerned4,
    Concerned6,
    Accept,
    Drop,
}

/// A program in the making. Jumps lead forwards only.
#[derive(Default)]
struct Program {
    told: Vec<sock_filter>,
    /// Jumps whose length is not known yet.
    open: Vec<(usize, To)>,
}

impl Program {
    fn tell(&mut self, code: u16, k: u32) {
        self.told.push(sock_filter { code, jt: 0, jf: 0, k });
    }

    fn go(&mut self, to: To) {
        self.open.push((self.told.len(), to));
        self.tell(JUMP, 0);
    }

    /// Goes there if A is `value`.
    fn when(&mut self, value: u32, to: To) {
        self.told.push(sock_filter { code: JUMP_IF_EQUAL, jt: 0, jf: 1, k: value });
        self.go(to);
    }

    /// Goes there if A is not `value`.
    fn unless(&mut self, value: u32, to: To) {
        self.told.push(sock_filter { code: JUMP_IF_EQUAL, jt: 1, jf: 0, k: value });
        self.go(to);
    }

    /// Goes there if the packet behind X is for this address.
    fn when_v6(&mut self, address: Ipv6Addr, to: To) {
        let words = address.octets();
        for ((at, left), word) in [(24, 6), (28, 4), (32, 2), (36, 0)].into_iter().zip(words.as_chunks::<4>().0) {
            self.tell(LDW_IND, at);
            self.told.push(sock_filter { code: JUMP_IF_EQUAL, jt: 0, jf: left + 1, k: u32::from_be_bytes(*word) });
        }
        self.go(to);
    }

    /// Takes off up to two VLAN tags: A is the ethertype, X where the packet begins; behind a tag they are to be found
    /// `at` and become `x`.
    fn tags(&mut self, at: [u32; 2], x: [u32; 2]) {
        for (at, x) in at.into_iter().zip(x) {
            self.told.push(sock_filter { code: JUMP_IF_EQUAL, jt: 2, jf: 0, k: 0x8100 });
            self.told.push(sock_filter { code: JUMP_IF_EQUAL, jt: 1, jf: 0, k: 0x88a8 });
            self.told.push(sock_filter { code: JUMP_IF_EQUAL, jt: 0, jf: 2, k: 0x9100 });
            self.tell(LDX_IMM, x);
            self.tell(LDH_ABS, at);
        }
    }

    fn here(&mut self, place: To) {
        let here = self.told.len();
        for (from, _) in self.open.extract_if(.., |(_, to)| *to == place) {
            // No program has four thousand million steps.
            self.told[from].k = u32::try_from(here - from - 1).unwrap_or(u32::MAX);
        }
    }

    fn finish(self) -> Vec<sock_filter> {
        debug_assert!(self.open.is_empty());
        self.told
    }
}
