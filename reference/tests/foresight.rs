//! `Engine::foresee` is a hint: whatever it is told, right or wrong, no decision changes, and no work is counted.

mod frames;

use std::{net::IpAddr, time::Duration};

use knockd::{
    config::Config,
    engine::{Doors, Engine, Input, Limits, Locals, OneTimeFile, Setup},
    flags::TcpFlags,
    port::Protocol,
    time::Instant,
    wire::Hit,
};
use proptest::{collection::vec, prelude::*};

/// More than the engine takes for so few that it does not listen.
const CROWD: u32 = 1_200;

const CONFIG: &str = "[tcp]\nsequence = 1,2,3\ncommand = true\n[mixed]\nsequence = 1,2:udp\nseq_timeout = 2\n\
                      [udp]\nsequence = 4:udp,1\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.min(200), ..ProptestConfig::default() })]

    #[test]
    fn what_is_foretold_changes_nothing(
        bound in 1_100_usize..2_600,
        packets in vec(packet(CROWD + 100), 300),
        batches in vec((1_usize..80, 0_usize..120), 10),
        lies in vec(packet(2 * CROWD), 40),
    ) {
        let firsts = (0..CROWD).map(|source| Packet { source, port: 1, udp: false, pause: 0, repeat: false });
        let packets: Vec<_> = firsts.chain(packets).collect();
        let frames: Vec<_> = (1..).zip(&packets).map(|(n, packet)| packet.bytes(n)).collect();
        let lies: Vec<_> = (1..).zip(&lies).map(|(n, packet)| packet.bytes(n)).collect();
        let (mut plain, mut told) = (engine(bound), engine(bound));
        let mut batches = batches.into_iter().cycle();
        let mut now = Instant::default();
        let mut place = 0;
        while place < frames.len() {
            let (batch, foretold) = batches.next().unwrap_or((1, 1));
            let truth = frames[place..].iter().take(foretold);
            told.foresee(truth.chain(&lies[..foretold % lies.len()]).map(|bytes| frames::raw(bytes)));
            let end = frames.len().min(place + batch);
            for (bytes, packet) in frames[place..end].iter().zip(&packets[place..end]) {
                now = now.after(Duration::from_millis(packet.pause));
                let [left, right] = [&mut plain, &mut told].map(|engine| {
                    let input = Input::Frame { frame: frames::raw(bytes), loopback: false };
                    engine.handle(now, input).map(|effect| format!("{effect:?}")).collect::<Vec<_>>()
                });
                prop_assert_eq!(left, right);
                prop_assert_eq!((plain.work(), plain.knocks()), (told.work(), told.knocks()));
            }
            place = end;
        }
        prop_assert!(plain.work() > u64::from(CROWD), "nothing was decided");
    }
}

#[derive(Clone, Debug)]
struct Packet {
    source: u32,
    port: u16,
    udp: bool,
    /// Milliseconds before it.
    pause: u64,
    /// Whether its sequence number is one that others have, too.
    repeat: bool,
}

impl Packet {
    fn bytes(&self, number: u32) -> Vec<u8> {
        let (source, destination): (IpAddr, IpAddr) = if self.source.is_multiple_of(2) {
            ((0x0a00_0000 | self.source).to_be_bytes().into(), [192, 0, 2, 1].into())
        } else {
            (
                (0xfd00_u128 << 112 | u128::from(self.source)).to_be_bytes().into(),
                (0xfd00_u128 << 112).to_be_bytes().into(),
            )
        };
        frames::packet(&Hit {
            source,
            destination,
            source_port: 40_000,
            port: self.port,
            protocol: if self.udp { Protocol::Udp } else { Protocol::Tcp },
            flags: TcpFlags(0x02),
            sequence: if self.repeat { 1 } else { number },
        })
    }
}

fn packet(sources: u32) -> impl Strategy<Value = Packet> {
    let pause = prop_oneof![9 => 0_u64..10, 1 => 500_u64..5_000];
    (0..sources, 1_u16..6, proptest::bool::weighted(0.3), pause, any::<bool>())
        .prop_map(|(source, port, udp, pause, repeat)| Packet { source, port, udp, pause, repeat })
}

fn engine(bound: usize) -> Engine {
    let (config, _) = Config::parse(CONFIG.as_bytes()).expect("a good configuration");
    let doors = Doors::load(config, |_: &[u8]| Err::<OneTimeFile, _>("there are no files")).expect("no file is needed");
    let limits = Limits { knocks: bound, ..Limits::default() };
    Engine::start(Setup { doors, locals: Locals::AnyUnicast, limits, only_v4: false, seed: 7 }).0
}
