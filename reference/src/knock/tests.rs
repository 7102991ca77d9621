//! Every verdict, and which of two reasons comes first.

use super::*;
use crate::{config::Config, flags::TcpFlags};

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// The rules of a door with these lines besides its sequence.
fn rules(sequence: &str, lines: &str) -> Rules {
    let text = format!("[d]\nSequence = {sequence}\n{lines}");
    let (config, _) = Config::parse(text.as_bytes()).expect("a good configuration");
    Rules::new(&config.doors[0], Sequence::parse(sequence.as_bytes()).map_err(|_| Clause::Once7))
}

fn hit(port: u16, protocol: Protocol, flags: u8) -> Hit {
    Hit {
        source: [10, 0, 0, 7].into(),
        destination: [10, 0, 0, 1].into(),
        source_port: 40_000,
        port,
        protocol,
        flags: TcpFlags(flags),
        sequence: 1,
    }
}

fn syn(port: u16) -> Hit {
    hit(port, Protocol::Tcp, SYN)
}

fn datagram(port: u16) -> Hit {
    hit(port, Protocol::Udp, 0)
}

/// The verdict on a hit that repeats none.
fn fresh(rules: &Rules, hit: &Hit, stage: u8) -> Verdict {
    rules.judge(hit, true, stage, || false)
}

/// The verdict on a hit that may repeat one.
fn repeated(rules: &Rules, hit: &Hit, stage: u8) -> Verdict {
    rules.judge(hit, true, stage, || true)
}

#[test]
fn seq_1_the_next_port_moves_the_knock() {
    let rules = rules("1,2,3", "");
    assert_eq!(fresh(&rules, &syn(1), 0), Verdict::Begins);
    assert_eq!(fresh(&rules, &syn(2), 1), Verdict::Advances);
    assert_eq!(fresh(&rules, &syn(3), 2), Verdict::Completes);
    for other in [2, 3, 9] {
        assert_eq!(fresh(&rules, &syn(other), 0), Verdict::NothingToSpoil, "{other}");
    }
}

#[test]
fn seq_3_and_seq_4_a_wrong_port_discards_the_knock_and_the_first_one_begins_another() {
    let rules = rules("1,2,3", "");
    for (stage, wrong) in [(1, 3), (1, 9), (2, 2), (2, 9)] {
        assert_eq!(fresh(&rules, &syn(wrong), stage), Verdict::Discards, "{wrong} at stage {stage}");
    }
    for stage in [1, 2] {
        assert_eq!(fresh(&rules, &syn(1), stage), Verdict::Restarts, "at stage {stage}");
        assert_eq!(fresh(&rules, &datagram(1), stage), Verdict::Discards, "the other protocol at stage {stage}");
    }
}

#[test]
fn seq_8_a_door_of_one_port_opens_upon_each_hit() {
    assert_eq!(fresh(&rules("1", ""), &syn(1), 0), Verdict::Completes);
}

#[test]
fn seq_5_a_repeat_is_ignored_whatever_it_would_do() {
    let rules = rules("1,2:udp,3", "");
    for (hit, stage) in [
        (syn(1), 0),
        (syn(9), 0),
        (syn(1), 1),
        (syn(9), 1),
        (datagram(1), 1),
        (datagram(2), 2),
        (syn(3), 2),
        (datagram(2), 0),
    ] {
        assert_eq!(repeated(&rules, &hit, stage), Verdict::Repeats, "{hit:?} at stage {stage}");
    }
}

#[test]
fn seq_5_a_datagram_that_is_due_is_no_repeat() {
    let rules = rules("1:udp,1:udp,1:udp", "");
    assert_eq!(repeated(&rules, &datagram(1), 0), Verdict::Repeats, "no knock is in progress");
    assert_eq!(repeated(&rules, &datagram(1), 1), Verdict::Advances);
    assert_eq!(repeated(&rules, &datagram(1), 2), Verdict::Completes);
}

#[test]
fn flags_3_and_flags_4_what_the_filter_stops_is_ignored() {
    let tcp = rules("1,2", "TCPFlags = syn,!ack\n");
    assert_eq!(fresh(&tcp, &hit(1, Protocol::Tcp, SYN | ACK), 0), Verdict::FlagsDiffer);
    assert_eq!(fresh(&tcp, &hit(9, Protocol::Tcp, ACK), 1), Verdict::FlagsDiffer);
    assert_eq!(fresh(&tcp, &syn(1), 0), Verdict::Begins);
    assert_eq!(fresh(&tcp, &datagram(9), 1), Verdict::UdpNotCounted);
    let mixed = rules("1,2:udp", "TCPFlags = syn\n");
    assert_eq!(fresh(&mixed, &datagram(9), 1), Verdict::Discards, "the sequence names a UDP port");
    let all = rules("1,2", "");
    assert_eq!(fresh(&all, &hit(1, Protocol::Tcp, ACK), 0), Verdict::Begins, "FLAGS-6");
    assert_eq!(fresh(&all, &datagram(9), 1), Verdict::Discards, "without a filter every datagram counts");
}

#[test]
fn flags_4_whether_datagrams_count_follows_the_present_sequence() {
    let mut rules = rules("1,2", "TCPFlags = syn\n");
    for (sequence, verdict) in [("1:udp,2", Verdict::Begins), ("1,2", Verdict::UdpNotCounted)] {
        rules.set_sequence(Ok(Sequence::parse(sequence.as_bytes()).expect("a sequence")));
        assert_eq!(fresh(&rules, &datagram(1), 0), verdict, "{sequence}");
    }
    rules.set_sequence(Err(Clause::Once6));
    assert_eq!(fresh(&rules, &datagram(1), 0), Verdict::UdpNotCounted);
}

#[test]
fn listen_3_a_target_is_judged_instead_of_the_local_addresses() {
    let without = rules("1,2", "");
    assert_eq!(without.judge(&syn(1), false, 0, || false), Verdict::Elsewhere);
    for (target, local, verdict) in [
        ("10.0.0.1", false, Verdict::Begins),
        ("10.0.0.1", true, Verdict::Begins),
        ("10.0.0.2", true, Verdict::Elsewhere),
        ("10.0.0.2", false, Verdict::Elsewhere),
    ] {
        let with = rules("1,2", &format!("Target = {target}\n"));
        assert_eq!(with.judge(&syn(1), local, 0, || false), verdict, "{target}, local: {local}");
    }
}

#[test]
fn seq_11_an_ignored_port_neither_moves_nor_spoils() {
    let rules = rules("1,2", "Ignore_Ports = 443,53:udp\n");
    for (hit, verdict) in [
        (syn(443), Verdict::PortIgnored),
        (datagram(53), Verdict::PortIgnored),
        (datagram(443), Verdict::Discards),
        (syn(53), Verdict::Discards),
    ] {
        assert_eq!(fresh(&rules, &hit, 1), verdict, "{hit:?}");
    }
}

#[test]
fn a_door_without_a_sequence_says_why_and_expects_nothing() {
    for clause in [Clause::Once7, Clause::Once6] {
        let mut rules = rules("1,2", "");
        rules.set_sequence(Err(clause));
        assert_eq!(fresh(&rules, &syn(1), 0), Verdict::DoorDisabled(clause));
        assert_eq!(rules.sequence(), None);
        assert_eq!(rules.expects(0), (None, 0));
    }
}

#[test]
fn what_a_door_expects_is_the_port_after_the_last_right_one() {
    let rules = rules("1,2:udp", "");
    let ports = rules.sequence().expect("it has one").ports().to_vec();
    assert_eq!(rules.expects(0), (Some(ports[0]), 2));
    assert_eq!(rules.expects(1), (Some(ports[1]), 2));
    assert_eq!(rules.expects(2), (None, 2));
}

#[test]
fn of_several_reasons_the_first_one_counts() {
    let mut rules = rules("1,2", "TCPFlags = syn\nTarget = 10.0.0.1\nIgnore_Ports = 443\n");
    let mut elsewhere = hit(443, Protocol::Tcp, ACK);
    elsewhere.destination = [10, 0, 0, 2].into();
    rules.set_sequence(Err(Clause::Once7));
    assert_eq!(repeated(&rules, &elsewhere, 0), Verdict::Elsewhere);
    assert_eq!(repeated(&rules, &hit(443, Protocol::Tcp, ACK), 0), Verdict::FlagsDiffer);
    assert_eq!(repeated(&rules, &datagram(443), 0), Verdict::UdpNotCounted);
    assert_eq!(repeated(&rules, &syn(443), 0), Verdict::PortIgnored);
    assert_eq!(repeated(&rules, &syn(1), 0), Verdict::DoorDisabled(Clause::Once7));
}

/// The clauses by which a log or a replay explains a verdict.
#[test]
fn every_verdict_names_its_clause() {
    for (verdict, clause) in [
        (Verdict::Elsewhere, Clause::Listen3),
        (Verdict::FlagsDiffer, Clause::Flags3),
        (Verdict::UdpNotCounted, Clause::Flags4),
        (Verdict::PortIgnored, Clause::Seq11),
        (Verdict::DoorDisabled(Clause::Once6), Clause::Once6),
        (Verdict::Repeats, Clause::Seq5),
        (Verdict::NothingToSpoil, Clause::Seq1),
        (Verdict::Begins, Clause::Seq1),
        (Verdict::Advances, Clause::Seq1),
        (Verdict::Completes, Clause::Seq1),
        (Verdict::Discards, Clause::Seq3),
        (Verdict::Restarts, Clause::Seq4),
    ] {
        assert_eq!(verdict.clause(), clause, "{verdict:?}");
    }
}
