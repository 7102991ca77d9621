//! Which random cases there are: few ports, few clients, and many coincidences.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    Against,
    plan::{Commands, Door, Plan, Port, Sequences, Step, What},
};

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
        .boxed()
}

fn ports() -> impl Strategy<Value = Port> {
    (select(&[1_u16, 2, 3, 4][..]), proptest::bool::weighted(0.25)).prop_map(|(port, udp)| Port(port, udp))
}

fn doors(against: Against) -> impl Strategy<Value = Door> {
    let is_engine = against == Against::Engine;
    let bad: &[&str] =
        if is_engine { &["", "# 1,2", "#", "seven", "1,,2", "0", " "] } else { &["", "# 1,2", "#", "\\t"] };
    let sequence = || prop_oneof![4 => vec(ports(), 2..=4), 1 => vec(ports(), 1)];
    let lines = vec(prop_oneof![3 => sequence().prop_map(Ok), 1 => select(bad).prop_map(Err)], 0..4);
    let file = (lines, any::<bool>()).prop_map(|(lines, ends)| Sequences::OneTime(lines, ends));
    let sequences = prop_oneof![3 => sequence().prop_map(Sequences::Fixed), 1 => file];
    let timeouts = option::of(select(&[1_u32, 2, 5, 30][..]));
    let flags = option::of(select(&["syn", "syn,!ack", "!rst", "ack", "fin,syn"][..]));
    let targets = option::weighted(0.2, select(&["other", "other6", "server", "server2"][..]));
    let ignored: &[&str] = if is_engine { &["", "", "", "9", "9,9:udp"] } else { &[""] };
    let text = |text: &'static str| prop_oneof![3 => Just(Some(text)), 1 => Just(None)];
    let six = |text: &'static str| prop_oneof![3 => Just(None), 1 => Just(Some(text)), 1 => Just(Some(""))];
    let commands = (text("open %IP% "), text("close %IP%"), six("open6 %IP%%IP%"), six("close6 %IP%"))
        .prop_map(|(start, stop, start_6, stop_6)| Commands([start, stop, start_6, stop_6]));
    (sequences, timeouts, flags, targets, select(ignored), commands, option::of(select(&[0_u32, 1, 3][..]))).prop_map(
        |(sequences, seq_timeout, flags, target, ignored, commands, cmd_timeout)| Door {
            sequences,
            seq_timeout,
            flags,
            target,
            ignored,
            commands,
            cmd_timeout,
        },
    )
}

fn steps(against: Against) -> impl Strategy<Value = Step> {
    let after = prop_oneof![
        3 => select(&[0_u32, 10, 300][..]),
        1 => select(&[700, 999, 1000, 1001, 1700, 2000, 5000, 10_000, 26_000, 70_000][..]),
    ];
    (after, what(against)).prop_map(|(after, what)| Step { after, what })
}

fn what(against: Against) -> BoxedStrategy<What> {
    let who = || select(&["alice", "alice", "bob", "carol", "alice6", "bob6"][..]);
    let flags = || prop_oneof![4 => Just("syn"), 1 => select(&["ack", "syn,ack", "rst", "fin,syn", "none"][..])];
    let gap = select(&[0_u32, 10, 400, 1000][..]);
    let count = prop_oneof![3 => Just(4_usize), 2 => 1..4_usize];
    let from = prop_oneof![4 => Just(0_usize), 1 => 1..3_usize];
    let tails: &[&str] = match against {
        Against::Engine => &[
            "",
            "",
            "",
            "",
            " to other",
            " to server2",
            " trailer 6",
            " badsum",
            " data 20",
            " fragment 8",
            " fragment 0 more",
            " stamp 0",
            " cut 50",
            " cut 38",
        ],
        Against::Original => &["", "", "", "", " to other", " to server2", " trailer 6", " badsum", " data 20"],
    };
    let port = prop_oneof![4 => ports(), 1 => proptest::bool::ANY.prop_map(|udp| Port(9, udp))];
    let events: &[&str] = match against {
        Against::Engine => &["signal hup", "restart", "address del server/24", "address add server/24", "bob > icmp"],
        Against::Original => &["bob > icmp", "alice > icmp"],
    };
    prop_oneof![
        8 => (who(), 0..3_usize, 0..3_usize, from, count, gap, flags()).prop_map(
            |(who, door, line, from, count, gap, flags)| What::Run { who, door, line, from, count, gap, flags }
        ),
        6 => (who(), port, flags(), select(tails)).prop_map(|(who, port, flags, tail)| What::Hit { who, port, flags, tail }),
        2 => (0..5_usize).prop_map(|back| What::Again { back }),
        1 => who().prop_map(|who| What::Noise { who }),
        1 => select(events).prop_map(What::Event),
    ]
    .boxed()
}
