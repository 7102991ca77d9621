//! Where one knock is stored: a cache line, and the lists that run through many of them.

use std::net::IpAddr;

use super::{Counted, Seen};
use crate::{port::Protocol, time::Instant};

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// The list of a door's knocks by age.
pub(super) const BY_DOOR: usize = 0;
/// The list of the knocks at stage 1 by age.
pub(super) const AT_STAGE_1: usize = 1;

/// How many numbers there are for knocks. They begin again after nine years of a million knocks a second.
pub(crate) const NUMBERS: u64 = 1 << 48;

#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    pub(super) previous: u32,
    pub(super) next: u32,
}

const UNLINKED: Links = Links { previous: NONE, next: NONE };

/// One knock. The first hit's identity stands in the slot, because most knocks never get further.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Slot {
    begun: Instant,
    /// By door and at stage 1. A knock that got further has its later counted hits, last first, in `Knocks::later`,
    /// where the second list's `next` was.
    pub(super) links: [Links; 2],
    first_sequence: u32,
    pub(super) door: u32,
    /// The next knock in the bucket; in a free slot, the next free one.
    pub(super) in_bucket: u32,
    number_low: u32,
    number_high: u16,
    first_source_port: u16,
    first_port: u16,
    state: State,
    pub(super) source: IpAddr,
}

const _: () = assert!(size_of::<Slot>() == 64, "a knock is to cost one cache line, and a million of them 64 MB");

/// Three things in a byte: the stage, up to 63 (0: the slot is free), the first hit's protocol, and whether the bucket's
/// next knock is of the same source.
#[derive(Clone, Copy, Debug)]
struct State(u8);

impl State {
    const STAGE: u8 = 0x3f;
    const UDP: u8 = 0x40;
    const FOLLOWED: u8 = 0x80;

    const FREE: Self = Self(0);

    /// Stage 1, and nothing follows.
    fn begun(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self(1),
            Protocol::Udp => Self(1 | Self::UDP),
        }
    }

    fn protocol(self) -> Protocol {
        if self.0 & Self::UDP == 0 { Protocol::Tcp } else { Protocol::Udp }
    }
}

impl Slot {
    /// A knock at stage 1 that is in no list and in no bucket yet.
    #[expect(clippy::cast_possible_truncation, reason = "the two parts of a number below 2^48")]
    pub(super) fn new(source: IpAddr, door: u32, number: u64, first: Counted) -> Self {
        Self {
            begun: first.at,
            links: [UNLINKED; 2],
            first_sequence: first.sequence,
            door,
            in_bucket: NONE,
            number_low: number as u32,
            number_high: (number >> 32) as u16,
            first_source_port: first.source_port,
            first_port: first.port,
            state: State::begun(first.protocol),
            source,
        }
    }

    /// Makes the slot that of another knock, of the same source at the same door; it keeps its place in the bucket.
    pub(super) fn replace(&mut self, number: u64, first: Counted) {
        let (in_bucket, followed) = (self.in_bucket, self.is_followed());
        *self = Self { in_bucket, ..Self::new(self.source, self.door, number, first) };
        self.set_followed(followed);
    }

    /// Gives the slot up; `next` is the free slot before it.
    pub(super) fn free(&mut self, next: u32) {
        self.state = State::FREE;
        self.in_bucket = next;
    }

    pub(super) fn is_free(&self) -> bool {
        self.stage() == 0
    }

    #[inline]
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    pub(super) fn number(&self) -> u64 {
        u64::from(self.number_high) << 32 | u64::from(self.number_low)
    }

    #[inline]
    pub(super) fn stage(&self) -> u8 {
        self.state.0 & State::STAGE
    }

    /// One stage further; gives the stage reached.
    pub(super) fn advance(&mut self) -> u8 {
        self.state.0 += 1;
        self.stage()
    }

    /// Whether the next knock in the bucket is of the same source.
    #[inline]
    pub(super) fn is_followed(&self) -> bool {
        self.state.0 & State::FOLLOWED != 0
    }

    pub(super) fn set_followed(&mut self, followed: bool) {
        self.state.0 = self.state.0 & !State::FOLLOWED | if followed { State::FOLLOWED } else { 0 };
    }

    pub(super) fn seen(&self) -> Seen {
        Seen { source: self.source, door: self.door, number: self.number(), stage: self.stage() }
    }

    /// The first hit.
    #[inline]
    pub(super) fn first(&self) -> Counted {
        Counted {
            at: self.begun,
            sequence: self.first_sequence,
            source_port: self.first_source_port,
            port: self.first_port,
            protocol: self.state.protocol(),
        }
    }

    /// Where the later counted hits stand; none at stage 1.
    pub(super) fn later(&self) -> u32 {
        if self.stage() > 1 { self.links[AT_STAGE_1].next } else { NONE }
    }
}

/// A doubly linked list through slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) head: u32,
    tail: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self { head: NONE, tail: NONE };

    pub(super) fn push_back(&mut self, slots: &mut [Slot], lane: usize, id: u32) {
        slots[id as usize].links[lane] = Links { previous: self.tail, next: NONE };
        if self.tail == NONE {
            self.head = id;
        } else {
            slots[self.tail as usize].links[lane].next = id;
        }
        self.tail = id;
    }

    pub(super) fn unlink(&mut self, slots: &mut [Slot], lane: usize, id: u32) {
        let Links { previous, next } = std::mem::replace(&mut slots[id as usize].links[lane], UNLINKED);
        if previous == NONE {
            self.head = next;
        } else {
            slots[previous as usize].links[lane].next = next;
        }
        if next == NONE {
            self.tail = previous;
        } else {
            slots[next as usize].links[lane].previous = previous;
        }
    }
}
