//! LOG-2 and LOG-4: every message, to the letter.

use std::sync::Arc;

use knockd::{
    clause::Clause,
    config::Config,
    engine::Effect,
    event::{DoorRef, Event, Who},
    flags::TcpFlags,
    one_time::{SkipReason, Skipped},
    port::Protocol,
    sequence::Sequence,
    wire::Hit,
};

use crate::world::{ALICE, CAROL, World, ip};

fn who(source: &str) -> Who {
    Who { source: ip(source), door: door(), knock: 1 }
}

fn door() -> DoorRef {
    let (config, _) = Config::parse(b"[ssh]\none_time_sequences = /etc/otp\n").expect("a good configuration");
    DoorRef { index: 0, config: Arc::new(config.doors[0].clone()) }
}

fn hit(protocol: Protocol) -> Hit {
    Hit {
        source: ip(CAROL),
        destination: ip("fd00::1"),
        source_port: 40_000,
        port: 22,
        protocol,
        flags: TcpFlags(0x12),
        sequence: 17,
    }
}

/// One of each kind, those with two wordings twice.
fn all() -> Vec<Event> {
    let skipped = |reason| Event::LineSkipped { door: door(), skipped: Skipped { number: 3, reason } };
    let fault = Sequence::parse(b"70000").expect_err("no sequence");
    let discarded = |clause, hit| Event::Discarded { who: who(CAROL), stage: 2, clause, hit };
    vec![
        Event::Stage { who: who(ALICE), stage: 1 },
        Event::Stage { who: who(CAROL), stage: 32 },
        Event::Opened { who: who(ALICE) },
        Event::TimedOut { who: who(ALICE), stage: 2 },
        discarded(Clause::Seq3, Some(hit(Protocol::Tcp))),
        discarded(Clause::Seq3, Some(hit(Protocol::Udp))),
        discarded(Clause::Once4, None),
        Event::Running { who: who(ALICE), command: b"iptables -s 10.0.0.7".as_slice().into() },
        Event::Running { who: who(ALICE), command: b"caf\xc3\xa9 \xff".as_slice().into() },
        Event::Failed { who: who(ALICE), status: 127 },
        Event::Killed { who: who(ALICE), signal: 15 },
        Event::Refused { who: who(ALICE), reason: "argument list too long".to_owned() },
        Event::CommandTimeout { who: who(ALICE) },
        skipped(SkipReason::Unparsable(fault)),
        skipped(SkipReason::PortIgnored(Sequence::parse(b"53:udp").expect("a sequence").first())),
        Event::Disabled { door: door(), by: None, failure: None },
        Event::Disabled { door: door(), by: Some((ip(ALICE), 1)), failure: Some("read-only file system".to_owned()) },
        Event::Crowded { bound: 100_000 },
        Event::Busy { bound: 10_000 },
        Event::LeftOut { count: 1 },
        Event::LeftOut { count: 1_234 },
        Event::StartingUp { interface: "eth0".to_owned() },
        Event::ShuttingDown,
        Event::Rereading { file: "/etc/knockd.conf".to_owned() },
    ]
}

#[test]
fn log_2_every_message() {
    let lines: Vec<_> = all().iter().map(Event::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    10.0.0.7: ssh: Stage 1
    fd00::9: ssh: Stage 32
    10.0.0.7: ssh: OPEN SESAME
    10.0.0.7: ssh: sequence timeout (stage 2)
    fd00::9: ssh: knock discarded at stage 2 (SEQ-3) by tcp 40000 > [fd00::1]:22 [syn,ack] seq 17
    fd00::9: ssh: knock discarded at stage 2 (SEQ-3) by udp 40000 > [fd00::1]:22
    fd00::9: ssh: knock discarded at stage 2 (ONCE-4)
    ssh: running command: iptables -s 10.0.0.7
    ssh: running command: café �
    ssh: command returned non-zero status code (127)
    ssh: command was ended by signal 15
    ssh: command could not be run: argument list too long
    10.0.0.7: ssh: command timeout
    ssh: /etc/otp line 3 is passed over: port `70000` is out of range; expected a port from 1 to 65535
    ssh: /etc/otp line 3 is passed over: port 53:udp is in Ignore_Ports
    ssh: no usable sequence left in /etc/otp: door disabled
    ssh: cannot mark the used line in /etc/otp: read-only file system: door disabled
    more than 100000 unfinished knocks: dropping the oldest of the lowest stage
    more than 10000 commands waiting: further knocks do not open
    1 message left out
    1234 messages left out
    starting up, listening on eth0
    shutting down
    re-reading config file: /etc/knockd.conf
    ");
}

#[test]
fn log_2_a_host_name_stands_behind_the_address_of_a_knocker() {
    for event in all() {
        let plain = event.to_string();
        assert_eq!(event.with_host(None).to_string(), plain);
        let named = event.with_host(Some("alice.example")).to_string();
        let knocker = [ALICE, CAROL].into_iter().find(|source| plain.starts_with(source));
        let expected =
            knocker.map_or(plain.clone(), |source| plain.replacen(source, &format!("{source} (alice.example)"), 1));
        assert_eq!(named, expected);
    }
    assert_eq!(
        Event::Opened { who: who(ALICE) }.with_host(Some("alice.example")).to_string(),
        "10.0.0.7 (alice.example): ssh: OPEN SESAME"
    );
}

#[test]
fn log_4_discards_are_for_debugging_and_nothing_else_is() {
    for event in all() {
        assert_eq!(event.is_debug(), matches!(event, Event::Discarded { .. }), "{event}");
    }
}

#[test]
fn log_4_the_last_hit_logs_its_stage_and_then_open_sesame() {
    let mut world = World::new("[ssh]\nsequence = 1,2:udp\n");
    world.knock(ALICE, &["1", "2:udp"]);
    world.expect(&["10.0.0.7: ssh: Stage 1", "10.0.0.7: ssh: Stage 2", "10.0.0.7: ssh: OPEN SESAME"]);
}

#[test]
fn log_4_a_discard_names_its_clause_and_its_packet() {
    let mut world = World::new("[ssh]\nsequence = 1,2\n");
    world.knock(ALICE, &["1", "9:udp", "1"]);
    world.knock(CAROL, &["1"]);
    let mut restart = world.hit(CAROL, "1");
    restart.flags = TcpFlags(0x3f);
    world.packet(&restart);
    world.expect(&[
        "10.0.0.7: ssh: Stage 1",
        "(debug) 10.0.0.7: ssh: knock discarded at stage 1 (SEQ-3) by udp 40000 > 10.0.0.1:9",
        "10.0.0.7: ssh: Stage 1",
        "fd00::9: ssh: Stage 1",
        "(debug) fd00::9: ssh: knock discarded at stage 1 (SEQ-3) by tcp 40000 > [fd00::1]:1 [fin,syn,rst,psh,ack,urg] seq 5",
        "fd00::9: ssh: Stage 1",
    ]);
}

/// What belongs together in a log is told by its number: each knock has its own, counted from 1.
#[test]
fn each_knock_has_a_number_of_its_own() {
    let mut world = World::new("[one]\nsequence = 1\n[two]\nsequence = 2,3\n");
    world.knock(ALICE, &["1"]);
    world.knock(CAROL, &["2", "2", "3"]);
    world.knock(ALICE, &["2", "3", "1"]);
    let stages = world
        .history
        .iter()
        .filter_map(|effect| if let Effect::Log(Event::Stage { who, .. }) = effect { Some(who.knock) } else { None });
    assert_eq!(stages.collect::<Vec<_>>(), [1, 2, 3, 3, 4, 4, 5]);
}
