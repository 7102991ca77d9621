//! Configurations and hosts for the filter, and what they want in plain words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use knockd::{
    config::{Config, Sequences},
    engine::{Doors, Limits, Local, Locals, OneTimeFile, Setup},
    port::Protocol,
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::seen::Packet;

/// IPv6's extension headers, behind which a filter does not look.
const EXTENSIONS: [u8; 8] = [0, 43, 44, 51, 60, 135, 139, 140];

/// From so many addresses of a family on, all pass.
const MANY: usize = 65;

/// A configuration on a host.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) locals: Vec<Local>,
    pub(crate) only_v4: bool,
}

impl World {
    pub(crate) fn setup(&self) -> Setup {
        let read = |path: &[u8]| -> Result<_, String> {
            let identity = String::from_utf8_lossy(path).into_owned();
            Ok(OneTimeFile { text: b" 7000:udp,7001\n 7000\n 53:udp\n".to_vec(), identity, ..OneTimeFile::default() })
        };
        Setup {
            doors: Doors::load(self.config.clone(), read).expect("each has a file of its own"),
            locals: Locals::These(self.locals.clone()),
            limits: Limits::default(),
            only_v4: self.only_v4,
            seed: 0,
        }
    }
}

/// Whether anybody wants such a packet.
pub(crate) fn wants(world: &World, packet: &Packet) -> bool {
    let doors = &world.config.doors;
    let with_target = doors.iter().filter_map(|door| door.target);
    let own = world.locals.iter().map(|local| local.address).filter(|_| doors.iter().any(|door| door.target.is_none()));
    let mut wanted: Vec<_> = own.chain(with_target).filter(|one| !(world.only_v4 && one.is_ipv6())).collect();
    wanted.retain(|one| one.is_ipv4() == packet.destination.is_ipv4());
    wanted.sort();
    wanted.dedup();
    if wanted.len() < MANY && !wanted.contains(&packet.destination) {
        return false;
    }
    match packet.protocol {
        6 => {
            let mut sets: Vec<_> =
                doors.iter().map(|door| door.flags.map(|flags| (flags.set().0, flags.clear().0))).collect();
            sets.sort();
            sets.dedup();
            // From so many sets of flags on, all pass.
            let passes = |set: u8, clear: u8| packet.flags & set == set && packet.flags & clear == 0;
            sets.len() > 32 || sets.iter().any(|set| set.is_none_or(|(set, clear)| passes(set, clear)))
        }
        17 => doors.iter().any(|door| match &door.sequences {
            Sequences::Fixed(sequence) => {
                door.flags.is_none() || sequence.ports().iter().any(|port| port.protocol == Protocol::Udp)
            }
            Sequences::OneTime(_) => true,
        }),
        other => packet.destination.is_ipv6() && EXTENSIONS.contains(&other),
    }
}

/// An address of each family: of this host, of a target, or of a neighbour who differs in one part.
pub(crate) fn addresses() -> impl Strategy<Value = (Ipv4Addr, Ipv6Addr)> {
    let v4 = ["198.51.100.2", "198.51.100.3", "198.50.100.2", "2.51.100.2", "192.0.2.1", "10.0.0.3", "10.0.0.64"];
    let v6 = ["2001:db8::2", "2001:db8::3", "2001:db8:0:0:1::2", "fe80::2", "2001:db9::2", "2001:db8:1::2", "fd00::40"];
    let parsed = |text: &str| text.parse::<IpAddr>().expect("an address");
    let v4 = select(v4.map(parsed).to_vec()).prop_map(|address| match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => unreachable!("the list is of IPv4"),
    });
    let v6 = select(v6.map(parsed).to_vec()).prop_map(|address| match address {
        IpAddr::V6(address) => address,
        IpAddr::V4(_) => unreachable!("the list is of IPv6"),
    });
    (v4, v6)
}

fn door() -> impl Strategy<Value = String> {
    let ports = vec((select(&[22_u16, 53, 7000, 7001, 9000]), select(&["", "", ":udp"])), 1..4);
    let sequence = ports.prop_map(|ports| {
        let ports: Vec<_> = ports.into_iter().map(|(port, protocol)| format!("{port}{protocol}")).collect();
        format!("Sequence = {}", ports.join(","))
    });
    let flags = "(!?(fin|syn),)?!?(ack|rst|psh|urg)".prop_map(|flags| format!("TCPFlags = {flags}"));
    let target = prop_oneof![
        addresses().prop_map(|(address, _)| format!("Target = {address}")),
        addresses().prop_map(|(_, address)| format!("Target = {address}")),
    ];
    let rest = (
        prop_oneof![4 => sequence, 1 => Just("One_Time_Sequences = FILE".to_owned())],
        prop::option::weighted(0.8, flags),
        prop::option::weighted(0.3, target),
        prop::option::weighted(0.2, Just("Ignore_Ports = 443,443:udp".to_owned())),
    );
    rest.prop_map(|(sequence, flags, target, ignored)| {
        [Some(sequence), flags, target, ignored].into_iter().flatten().collect::<Vec<_>>().join("\n")
    })
}

/// Some doors, or more sets of flags than a filter tells apart.
fn configurations() -> impl Strategy<Value = Config> {
    // Each takes one set of flags alone.
    let exact = |number: usize| {
        let names = ["fin", "syn", "rst", "psh", "ack", "urg"].into_iter().enumerate();
        let flags = names.map(|(bit, name)| if number >> bit & 1 == 1 { name.to_owned() } else { format!("!{name}") });
        format!("Sequence = 7000\nTCPFlags = {}", flags.collect::<Vec<_>>().join(","))
    };
    let doors = prop_oneof![
        8 => vec(door(), 1..5),
        1 => (31..=33_usize).prop_map(move |count| (0..count).map(exact).collect()),
    ];
    doors.prop_map(|doors| {
        let named = |(number, door): (usize, String)| {
            format!("[door{number}]\n{}\n", door.replace("FILE", &number.to_string()))
        };
        let text: String = doors.into_iter().enumerate().map(named).collect();
        Config::parse(text.as_bytes()).unwrap_or_else(|errors| panic!("{text}: {errors:?}")).0
    })
}

/// A host with some of the addresses, or with more than a filter tells apart.
pub(crate) fn worlds() -> impl Strategy<Value = World> {
    let many = prop_oneof![8 => Just(0_u8), 1 => 62..67_u8];
    (configurations(), vec(addresses(), 0..3), many, any::<bool>()).prop_map(|(config, some, many, only_v4)| {
        let more =
            (0..many).map(|host| (Ipv4Addr::new(10, 0, 0, host), Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host.into())));
        let both = some.into_iter().chain(more).flat_map(|(v4, v6)| [IpAddr::V4(v4), IpAddr::V6(v6)]);
        let locals = both.map(|address| Local { address, prefix: None }).collect();
        World { config, locals, only_v4 }
    })
}
