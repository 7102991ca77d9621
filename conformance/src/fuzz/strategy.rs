//! Which random cases there are: few ports, few clients, and many coincidences.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    Against,
    plan::{Commands, Door, Plan, Port, Sequences, Step, What},
};

/// `TCPFlags`: every flag, set and clear.
const FLAG_FILTERS: &[&str] = &[
    "syn",
    "syn",
    "SYN,!ACK",
    "!rst",
    "ack",
    "fin,syn",
    "fin",
    "psh,ack",
    "urg",
    "!psh,!urg",
    "!fin",
    "!syn",
    "rst,!syn",
    "fin,syn,rst,psh,ack,urg",
];

/// The flags of segments.
const FLAGS: &[&str] = &[
    "ack",
    "syn,ack",
    "rst",
    "fin,syn",
    "none",
    "fin",
    "psh,ack",
    "urg,psh,fin",
    "rst,ack",
    "syn,ece,cwr",
    "fin,syn,rst,psh,ack,urg",
];

/// What else a packet may have, where it can have it.
const TAILS: &[&str] = &[
    " to other",
    " to server2",
    " trailer 6",
    " badsum",
    " data 20",
    " options 01010101",
    " total 20",
    " total 39",
    " total 200",
    " payload 8",
    " payload 200",
    " doff 4",
    " doff 15",
    " length 4",
    " length 200",
    " fragment 8",
    " fragment 0 more",
    " ext hop",
    " ext dst,ah",
    " ext route1",
    " vlan 7",
];

/// What only the engine is asked about: the C program reads on behind what was captured.
const ENGINES_TAILS: &[&str] = &[" stamp 0", " cut 50", " cut 38", " ihl 4", " ihl 6", " vlan 7,8", " data 20 ihl 15"];

/// Plans whose every part both subjects can be given.
pub(super) fn plans(against: Against) -> BoxedStrategy<Plan> {
    let links: &[&str] = match against {
        Against::Engine => &["ethernet", "ethernet", "ethernet", "ethernet", "sll", "sll2", "raw", "null", "loop"],
        Against::Original => &["ethernet", "ethernet", "ethernet", "sll", "raw"],
    };
    let bounds = match against {
        Against::Engine => option::weighted(0.2, 1..5_usize).boxed(),
        Against::Original => Just(None).boxed(),
    };
    let takes = prop_oneof![3 => Just((0, 0)), 1 => (select(&[0, 300, 1000, 2500][..]), select(&[0_u8, 3][..]))];
    (
        vec(doors(against), 1..=3),
        vec(steps(against), 1..25),
        select(links),
        proptest::bool::weighted(0.05),
        bounds,
        takes,
    )
        .prop_map(|(doors, steps, link, only_v4, bound, takes)| Plan { doors, steps, link, only_v4, bound, takes })
        .prop_map(move |plan| if against == Against::Original { without_stops_at_a_restart(plan) } else { plan })
        .boxed()
}

/// Which child the C program waits for when it ends is a race, so that where it ends no child may be left.
fn without_stops_at_a_restart(mut plan: Plan) -> Plan {
    if plan.steps.iter().any(|step| matches!(step.what, What::Event("restart"))) {
        plan.takes = (0, plan.takes.1);
        for door in &mut plan.doors {
            door.commands.0[1] = None;
            door.commands.0[3] = None;
        }
    }
    plan
}

fn ports() -> impl Strategy<Value = Port> {
    (select(&[1_u16, 2, 3, 4][..]), proptest::bool::weighted(0.25)).prop_map(|(port, udp)| Port(port, udp))
}

fn doors(against: Against) -> impl Strategy<Value = Door> {
    let is_engine = against == Against::Engine;
    let bad: &[&str] =
        if is_engine { &["", "# 1,2", "#", "seven", "1,,2", "0", " "] } else { &["", "# 1,2", "#", "\\t"] };
    let sequence = || prop_oneof![8 => vec(ports(), 2..=4), 2 => vec(ports(), 1), 1 => vec(ports(), 5..=8)];
    let lines = vec(prop_oneof![3 => sequence().prop_map(Ok), 1 => select(bad).prop_map(Err)], 0..4);
    let file = (lines, any::<bool>()).prop_map(|(lines, ends)| Sequences::OneTime(lines, ends));
    let sequences = prop_oneof![3 => sequence().prop_map(Sequences::Fixed), 1 => file];
    let timeouts = option::of(select(&[1_u32, 2, 5, 30][..]));
    let flags = option::of(select(FLAG_FILTERS));
    let targets = option::weighted(0.2, select(&["other", "other6", "server", "server2", "server6", "server2-6"][..]));
    let ignored: &[&str] = if is_engine { &["", "", "", "9", "9,9:udp"] } else { &[""] };
    let text = |text: &'static str| prop_oneof![3 => Just(Some(text)), 1 => Just(None)];
    let six = |text: &'static str| prop_oneof![3 => Just(None), 1 => Just(Some(text)), 1 => Just(Some(""))];
    let commands = (text("open %IP% "), text("close %IP%"), six("open6 %IP%%IP%"), six("close6 %IP%"))
        .prop_map(|(start, stop, start_6, stop_6)| Commands([start, stop, start_6, stop_6]));
    (
        sequences,
        timeouts,
        flags,
        targets,
        select(ignored),
        commands,
        option::of(select(&[0_u32, 1, 3][..])),
        any::<bool>(),
    )
        .prop_map(|(sequences, seq_timeout, flags, target, ignored, commands, cmd_timeout, aliases)| Door {
            sequences,
            seq_timeout,
            flags,
            target,
            ignored,
            commands,
            cmd_timeout,
            aliases,
        })
}

fn steps(against: Against) -> impl Strategy<Value = Step> {
    let after = prop_oneof![
        6 => select(&[0_u32, 1, 10, 300][..]),
        // Close to a limit, to the whole seconds of the C program's clock, and to what is remembered.
        2 => select(&[700, 999, 1000, 1001, 1700, 1999, 2000, 2001, 4999, 5000, 5001, 10_000][..]),
        1 => select(&[24_999, 25_000, 25_001, 26_000, 30_000, 63_999, 64_000, 70_000][..]),
        1 => 0..6000_u32,
    ];
    (after, what(against)).prop_map(|(after, what)| Step { after, what })
}

fn what(against: Against) -> BoxedStrategy<What> {
    let usual = || select(&["alice", "alice", "alice", "bob", "carol", "alice6", "alice6", "bob6"][..]);
    // Who can be no client, or is the host itself.
    let strange = || select(&["0.0.0.0", "224.0.0.5", "255.255.255.255", "127.0.0.1", "server", "broadcast"][..]);
    let who = || prop_oneof![15 => usual(), 1 => strange()];
    let flags = || prop_oneof![4 => Just("syn"), 1 => select(FLAGS)];
    let gap = select(&[0_u32, 1, 10, 400, 999, 1000, 1001][..]);
    let count = prop_oneof![3 => Just(8_usize), 2 => 1..4_usize];
    let from = prop_oneof![4 => Just(0_usize), 1 => 1..3_usize];
    let tails: &[&str] = if against == Against::Engine { ENGINES_TAILS } else { TAILS };
    let tail = || prop_oneof![2 => Just(""), 1 => select(TAILS), 1 => select(tails)];
    let rare = prop_oneof![9 => Just(""), 1 => select(TAILS)];
    let port = prop_oneof![4 => ports(), 1 => proptest::bool::ANY.prop_map(|udp| Port(9, udp))];
    let events: &[&str] = match against {
        Against::Engine => &["signal hup", "restart", "address del server/24", "address add server/24", "bob > icmp"],
        Against::Original => &["bob > icmp", "alice > icmp", "alice > proto 47", "alice6 > icmp", "restart"],
    };
    prop_oneof![
        8 => (who(), 0..3_usize, 0..3_usize, from, count, gap, flags(), rare).prop_map(
            |(who, door, line, from, count, gap, flags, tail)| What::Run { who, door, line, from, count, gap, flags, tail }
        ),
        6 => (who(), port, flags(), tail()).prop_map(|(who, port, flags, tail)| What::Hit { who, port, flags, tail }),
        2 => (0..5_usize).prop_map(|back| What::Again { back }),
        1 => who().prop_map(|who| What::Noise { who }),
        1 => select(events).prop_map(What::Event),
    ]
    .boxed()
}
