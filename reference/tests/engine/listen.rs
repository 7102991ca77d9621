//! LISTEN-3, LISTEN-5, LISTEN-8, LISTEN-9: whose packets concern a door.

use knockd::{
    engine::{Engine, Input, Judged, Local, Locals, NotAClient, Unseen, Watch},
    wire::Hit,
};

use crate::{
    frames,
    world::{ALICE, CAROL, SERVER, World, ip},
};

const DOOR: &str = "[ssh]\nsequence = 1\n";
const OPENED: [&str; 2] = ["Stage 1", "OPEN SESAME"];

/// What `world` logs of one hit, without source and door.
fn messages(world: &mut World, hit: &Hit, loopback: bool) -> Vec<String> {
    world.packet_on(hit, loopback);
    world.said().iter().map(|line| line.rsplit(": ").next().unwrap_or_default().to_owned()).collect()
}

fn from(world: &mut World, source: &str, loopback: bool) -> Vec<String> {
    let hit = world.hit(source, "1");
    messages(world, &hit, loopback)
}

fn to(world: &mut World, destination: &str) -> Vec<String> {
    let source = if destination.contains(':') { CAROL } else { ALICE };
    let mut hit = world.hit(source, "1");
    hit.destination = ip(destination);
    messages(world, &hit, false)
}

#[test]
fn listen_3_a_packet_to_another_host_concerns_only_the_door_with_that_target() {
    let mut world = World::new("[ssh]\nsequence = 1\n[gate]\nsequence = 1\ntarget = 10.0.0.99\n");
    let log = |world: &mut World, destination| {
        let mut hit = world.hit(ALICE, "1");
        hit.destination = ip(destination);
        world.packet(&hit);
        world.said()
    };
    assert_eq!(log(&mut world, SERVER), ["10.0.0.7: ssh: Stage 1", "10.0.0.7: ssh: OPEN SESAME"]);
    assert_eq!(log(&mut world, "10.0.0.99"), ["10.0.0.7: gate: Stage 1", "10.0.0.7: gate: OPEN SESAME"]);
    assert!(log(&mut world, "10.0.0.98").is_empty());
}

#[test]
fn listen_3_without_known_addresses_every_unicast_destination_counts() {
    let mut world = World::with(DOOR, &[], |setup| setup.locals = Locals::AnyUnicast);
    for destination in [SERVER, "192.0.2.55", "10.0.0.255", "2001:db8::1"] {
        assert_eq!(to(&mut world, destination), OPENED, "{destination}");
    }
    for destination in ["255.255.255.255", "224.0.0.1", "0.0.0.0", "ff02::1", "::"] {
        assert!(to(&mut world, destination).is_empty(), "{destination}");
    }
    assert_eq!(from(&mut world, SERVER, false), OPENED, "LISTEN-9's own-address rule is off");
}

#[test]
fn listen_5_only_ipv4() {
    let mut world = World::with(DOOR, &[], |setup| setup.only_v4 = true);
    assert!(from(&mut world, CAROL, false).is_empty());
    assert_eq!(from(&mut world, ALICE, false), OPENED);
}

#[test]
fn listen_8_addresses_come_and_go_while_the_daemon_runs() {
    let mut world = World::new("[ssh]\nsequence = 1,2\n");
    assert!(to(&mut world, "192.0.2.1").is_empty());
    world.knock(ALICE, &["1"]);
    world.said();
    let local = |address| Local { address: ip(address), prefix: Some(24) };
    world.feed(Input::Addresses(Locals::These(vec![local("192.0.2.1")])));
    assert_eq!(to(&mut world, SERVER), [] as [&str; 0], "the old address is gone");
    let mut second = world.hit(ALICE, "2");
    second.destination = ip("192.0.2.1");
    assert_eq!(messages(&mut world, &second, false), ["Stage 2", "OPEN SESAME"], "the knock goes on at the new one");
    world.feed(Input::Addresses(Locals::These(Vec::new())));
    assert!(to(&mut world, "192.0.2.1").is_empty(), "an interface without addresses hears nothing");
}

#[test]
fn listen_9_what_cannot_be_a_client_makes_no_hit() {
    for source in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "10.0.0.255"] {
        let mut world = World::new(DOOR);
        assert!(from(&mut world, source, false).is_empty(), "{source}");
        assert!(from(&mut world, source, true).is_empty(), "{source} on loopback");
    }
}

#[test]
fn listen_9_a_host_knocks_on_itself_only_over_loopback() {
    for source in ["127.0.0.1", "::1", SERVER, "fd00::1"] {
        let mut world = World::new(DOOR);
        assert!(from(&mut world, source, false).is_empty(), "{source}");
        assert_eq!(from(&mut world, source, true), OPENED, "{source} on loopback");
    }
}

#[test]
fn listen_9_a_broadcast_address_follows_from_the_prefix() {
    let with = |prefix| {
        World::with(DOOR, &[], |setup| {
            setup.locals = Locals::These(vec![Local { address: ip(SERVER), prefix }]);
        })
    };
    for (prefix, source, is_client) in [
        (Some(24), "10.0.0.255", false),
        (Some(16), "10.0.0.255", true),
        (Some(16), "10.0.255.255", false),
        (Some(30), "10.0.0.3", false),
        (Some(31), "10.0.0.0", true),
        (Some(32), "10.0.0.2", true),
        (None, "10.0.0.255", true),
    ] {
        let opened = !from(&mut with(prefix), source, false).is_empty();
        assert_eq!(opened, is_client, "{source} beside {SERVER}/{prefix:?}");
    }
}

#[test]
fn listen_9_a_source_that_is_refused_does_not_spoil_either() {
    let mut world = World::new("[ssh]\nsequence = 1,2\n");
    let mut on_loopback = world.hit("127.0.0.1", "1");
    world.packet_on(&on_loopback, true);
    on_loopback.port = 9;
    world.packet_on(&on_loopback, false);
    (on_loopback.port, on_loopback.sequence) = (2, 99);
    world.packet_on(&on_loopback, true);
    world.expect(&["127.0.0.1: ssh: Stage 1", "127.0.0.1: ssh: Stage 2", "127.0.0.1: ssh: OPEN SESAME"]);
}

#[test]
fn listen_9_each_reason_has_its_words() {
    for (reason, words) in [
        (NotAClient::Unspecified, "the source is the unspecified address"),
        (NotAClient::Multicast, "the source is a multicast address"),
        (NotAClient::Broadcast, "the source is a broadcast address"),
        (NotAClient::Loopback, "the source is a loopback address, and the interface is not loopback"),
        (NotAClient::OwnAddress, "the source is one of the host's own addresses"),
    ] {
        assert_eq!(reason.to_string(), words);
    }
}

/// Notes what it is told, with the clauses.
#[derive(Default)]
struct Notes(Vec<String>);

impl Watch for Notes {
    const EVERY: bool = true;
    fn no_hit(&mut self, why: &Unseen) {
        self.0.push(format!("{}: no hit", why.clause()));
    }
    fn judged(&mut self, judged: &Judged) {
        let Judged { door, verdict, before, after, .. } = judged;
        self.0.push(format!("{}: door {door}, {verdict:?}, {before:?} to {after:?}", verdict.clause()));
    }
}

fn watched(engine: &mut Engine, bytes: &[u8]) -> Vec<String> {
    let mut notes = Notes::default();
    let input = Input::Frame { frame: frames::raw(bytes), loopback: false };
    engine.handle_watched(knockd::time::Instant::default(), input, &mut notes).for_each(drop);
    notes.0
}

#[test]
fn a_watcher_hears_why_of_every_frame_and_every_door() {
    let mut world =
        World::with("[a]\nsequence = 1,2\n[b]\nsequence = 9,1\ntcpflags = fin\n", &[], |setup| setup.only_v4 = true);
    let [first, second, impostor, v6] = [(ALICE, "1"), (ALICE, "2"), ("10.0.0.255", "1"), (CAROL, "1")]
        .map(|(who, port)| frames::packet(&world.hit(who, port)));
    let engine = &mut world.engine;
    let elsewhere = "FLAGS-3: door 1, FlagsDiffer, (0, None) to (0, None)";
    assert_eq!(watched(engine, &first), ["SEQ-1: door 0, Begins, (0, None) to (1, Some(1))", elsewhere]);
    assert_eq!(watched(engine, &first), ["SEQ-5: door 0, Repeats, (1, Some(1)) to (1, Some(1))", elsewhere]);
    assert_eq!(watched(engine, &second), ["SEQ-1: door 0, Completes, (1, Some(1)) to (0, None)", elsewhere]);
    assert_eq!(watched(engine, &impostor), ["LISTEN-9: no hit"]);
    assert_eq!(watched(engine, &v6), ["LISTEN-5: no hit"]);
    assert_eq!(watched(engine, &first[..30]), ["LISTEN-6: no hit"]);
}

/// What a watcher is told of the ports: the one that was right, how many there are, and the one that is right now.
#[derive(Default)]
struct Ports(Vec<(Option<u16>, u8, Option<u16>)>);

impl Watch for Ports {
    const EVERY: bool = true;
    fn no_hit(&mut self, why: &Unseen) {
        panic!("{why:?}");
    }
    fn judged(&mut self, judged: &Judged) {
        let number = |port: Option<knockd::port::Port>| port.map(|port| port.number.get());
        self.0.push((number(judged.expected), judged.ports, number(judged.next)));
    }
}

#[test]
fn a_watcher_hears_which_ports_are_right() {
    let mut world = World::new("[a]\nsequence = 7,8,9\n");
    let mut ports = Ports::default();
    for port in ["7", "8", "5", "7", "8", "9"] {
        let bytes = frames::packet(&world.hit(ALICE, port));
        let input = Input::Frame { frame: frames::raw(&bytes), loopback: false };
        world.engine.handle_watched(world.now, input, &mut ports).for_each(drop);
    }
    let told = [
        (Some(7), 3, Some(8)),
        (Some(8), 3, Some(9)),
        (Some(9), 3, None),
        (Some(7), 3, Some(8)),
        (Some(8), 3, Some(9)),
        (Some(9), 3, None),
    ];
    assert_eq!(ports.0, told);
}
