//! The engine alone: frames in memory, effects dropped, in nanoseconds a packet.

use std::{hint::black_box, time::Duration};

use criterion::{BatchSize, Criterion, Throughput};
use knock_benches::{
    crowd::{Crowd, Load},
    doors::{self, ONE_DOOR},
    traffic::{FRAME, Kind, LOCAL, Packet, Traffic},
};
use knockd::{
    config::Config,
    engine::{Doors, Engine, Input, Limits, Local, Locals, Setup},
    wire::{Frame, Link},
};

const PACKETS: usize = 100_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    traffic(&mut criterion);
    crowds(&mut criterion);
    criterion.final_summary();
}

/// A fresh engine meets each kind of traffic, with one door and with sixty of 32 ports.
fn traffic(c: &mut Criterion) {
    for (name, text) in [("1 door", ONE_DOOR.to_owned()), ("60 doors", doors::many(60, 32, 1))] {
        let setup = setup(&text);
        let mut group = c.benchmark_group(format!("engine/{name}"));
        group.throughput(Throughput::Elements(PACKETS as u64));
        group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
        for kind in Kind::ALL {
            let mut traffic = Traffic::new(kind, 1);
            let packets: Vec<Packet> = (0..PACKETS).map(|_| traffic.packet()).collect();
            group.bench_function(format!("{kind:?}"), |b| {
                let engine = || Engine::start(setup.clone()).0;
                b.iter_batched(engine, |engine| feed(engine, black_box(&packets)), BatchSize::PerIteration);
            });
        }
        group.finish();
    }
}

/// One round among ten and among 100,000 half-finished knocks; `floor` goes up to a million.
fn crowds(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine/crowd");
    group.throughput(Throughput::Elements(Crowd::PACKETS as u64));
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for load in Load::ALL {
        for knocks in [10, 100_000] {
            let mut crowd = Crowd::new(knocks, load, true, 1).expect("the configuration is right");
            group.bench_function(format!("{load:?}/{knocks}"), |b| {
                b.iter_custom(|rounds| (0..rounds).map(|_| crowd.round()).sum());
            });
        }
    }
    group.finish();
}

fn setup(text: &str) -> Setup {
    let (config, _) = Config::parse(text.as_bytes()).expect("the configuration is right");
    let doors = Doors::load(config, |_| Err(())).expect("no door has a file");
    let locals = Locals::These(vec![Local { address: LOCAL.into(), prefix: Some(24) }]);
    Setup { doors, locals, limits: Limits::default(), only_v4: false, seed: 0 }
}

/// Gives the engine back, so that its end is not timed.
fn feed(mut engine: Engine, packets: &[Packet]) -> Engine {
    for packet in packets {
        let frame = Frame { link: Link::Ethernet, bytes: &packet.frame, original_len: FRAME };
        engine.handle(packet.at, Input::Frame { frame, loopback: false }).for_each(|effect| drop(black_box(effect)));
    }
    engine
}
