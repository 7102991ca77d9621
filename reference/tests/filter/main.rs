//! The kernel's filter beside the engine: it drops nothing that a door counts, and it drops what no door can count.

#[path = "../wire/frames.rs"]
#[expect(dead_code, reason = "the decoder's tests need more of them")]
mod frames;
mod machine;
mod seen;
mod world;

use std::{io::ErrorKind, os::unix::net::UnixDatagram};

use knockd::{
    daemon::filter::Interest,
    engine::{Engine, Input, Judged, Unseen, Watch},
    knock::Verdict,
    time::Instant,
    wire::{Frame, Link, decode},
};
use proptest::{collection::vec, prelude::*};
use socket2::{SockFilter, SockRef};

use self::{
    seen::{Capture, captures},
    world::{World, wants, worlds},
};

/// How much of a frame is captured.
const SNAPLEN: u32 = 512;

/// Whether a door counted something: what it judged beyond its addresses, flags and protocols.
#[derive(Default)]
struct Counts(bool);

impl Watch for Counts {
    const EVERY: bool = true;
    fn no_hit(&mut self, _: &Unseen) {}
    fn judged(&mut self, judged: &Judged) {
        self.0 |= match judged.verdict {
            Verdict::Elsewhere
            | Verdict::FlagsDiffer
            | Verdict::UdpNotCounted
            | Verdict::PortIgnored
            | Verdict::DoorDisabled(_) => false,
            // Without a knock of this source it spoils nothing now; with one it would.
            Verdict::NothingToSpoil
            | Verdict::Repeats
            | Verdict::Begins
            | Verdict::Advances
            | Verdict::Completes
            | Verdict::Discards
            | Verdict::Restarts => true,
        };
    }
}

fn frame(link: Link, bytes: &[u8]) -> Frame<'_> {
    Frame { link, bytes, original_len: bytes.len() }
}

fn passes(interest: &Interest, link: Link, capture: &Capture) -> bool {
    machine::run(&interest.program(link, SNAPLEN), &capture.kernel, capture.protocol) > 0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// Frames of every kind, right ones and spoilt ones, one after another, so that knocks are begun and spoilt.
    #[test]
    fn what_a_door_counts_passes(world in worlds(), all in vec(captures(), 1..24)) {
        let World { config, locals, only_v4, .. } = &world;
        let interest = Interest::new(config, locals, *only_v4);
        let (mut engine, _) = Engine::start(world.setup());
        for (second, capture) in (1..).zip(&all) {
            let frame = frame(capture.link, &capture.bytes);
            let mut counts = Counts::default();
            let at = Instant::from_nanos(second * 100_000_000);
            let effects = engine.handle_watched(at, Input::Frame { frame, loopback: false }, &mut counts).count();
            if counts.0 {
                prop_assert!(passes(&interest, capture.link, capture), "dropped: {:?} {:?}", capture, decode(frame));
            } else {
                prop_assert_eq!(effects, 0, "what no door counts has an effect: {:?}", capture);
            }
        }
    }

    /// The other way round, for frames whose lengths are right: what passes is wanted, as far as a filter of addresses,
    /// protocols and flags can tell.
    #[test]
    fn what_passes_is_wanted(world in worlds(), capture in seen::right_captures()) {
        let interest = Interest::new(&world.config, &world.locals, world.only_v4);
        let passes = passes(&interest, capture.link, &capture);
        match capture.packet() {
            // Nobody captures with this framing on Linux.
            _ if capture.link == Link::Null => prop_assert!(passes),
            Some(packet) => prop_assert_eq!(passes, wants(&world, &packet), "{:?}", packet),
            None => prop_assert!(!passes, "{:?}", capture),
        }
    }

    /// The kernel runs the programs as the machine of this test does.
    #[test]
    fn the_kernel_says_the_same(world in worlds(), all in vec(captures(), 1..24)) {
        let interest = Interest::new(&world.config, &world.locals, world.only_v4);
        for capture in all.iter().filter(|capture| !capture.kernel.is_empty()) {
            let program = interest.program(capture.link, SNAPLEN);
            // What goes through such a pair has no protocol.
            let ours = machine::run(&program, &capture.kernel, 0);
            let expected = usize::try_from(ours).expect("a length").min(capture.kernel.len());
            prop_assert_eq!(by_the_kernel(&program, &capture.kernel), expected, "{:?}", capture);
        }
    }
}

/// How many bytes the kernel lets through a pair of sockets with this filter.
fn by_the_kernel(program: &[libc::sock_filter], packet: &[u8]) -> usize {
    let (from, to) = UnixDatagram::pair().expect("a pair");
    let program: Vec<_> = program.iter().map(|step| SockFilter::new(step.code, step.jt, step.jf, step.k)).collect();
    SockRef::from(&to).attach_filter(&program).expect("the kernel takes it");
    to.set_nonblocking(true).expect("it is ours");
    from.send(packet).expect("there is room");
    match to.recv(&mut [0; 4096]) {
        Ok(length) => length,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(error) => panic!("{error}"),
    }
}
