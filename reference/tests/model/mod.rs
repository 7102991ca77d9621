//! The contract as plainly as it can be written: vectors, linear scans, nothing clever and nothing shared with the
//! engine that it judges.
//!
//! [`decide`] takes doors, addresses and packets and returns all that a conforming daemon decides, in order. Commands
//! take no time here and every one-time line can be spent. What one packet means to one door is [`Daemon::meet`]; the
//! rest follows from there downwards.

mod vocabulary;

use std::net::IpAddr;

pub(crate) use vocabulary::*;

/// Everything that is decided about `case`, in order.
pub(crate) fn decide(case: &Case) -> Vec<Event> {
    let mut daemon = Daemon {
        case: case.clone(),
        now: 0,
        packet: None,
        begun: 0,
        knocks: Vec::new(),
        stops: Vec::new(),
        tcp_memory: Vec::new(),
        udp_memory: Vec::new(),
        events: Vec::new(),
    };
    for door in 0..case.doors.len() {
        if daemon.sequence(door).is_none() {
            daemon.events.push(Event { time: None, packet: None, door, what: What::Disable, knock: None }); // ONCE-7
        }
    }
    for (index, packet) in case.packets.iter().enumerate() {
        let now = packet.stamp.max(daemon.now); // TIME-2: an earlier stamp counts as the latest
        daemon.run_timers(now);
        daemon.now = now;
        daemon.packet = Some(index + 1);
        if let Some(hit) = &packet.hit {
            let before = daemon.events.len();
            for door in 0..case.doors.len() {
                daemon.meet(door, hit); // SEQ-6: each door judges by itself
            }
            daemon.events[before..].sort_by_key(|event| event.door);
        }
        daemon.packet = None;
    }
    daemon.run_timers(Nanos::MAX);
    daemon.events
}

/// A knock in progress; its stage is the number of its hits.
#[derive(Clone)]
struct Knock {
    number: u64,
    door: usize,
    source: IpAddr,
    begun: Nanos,
    hits: Vec<(Nanos, Hit)>,
}

/// A hit of a knock that has ended, ignored if it comes again before `until` (SEQ-5).
struct Memory {
    door: usize,
    hit: Hit,
    until: Nanos,
}

struct Stop {
    due: Nanos,
    door: usize,
    knock: (IpAddr, u64),
    command: String,
}

struct Daemon {
    case: Case,
    now: Nanos,
    packet: Option<usize>,
    begun: u64,
    /// In the order in which they began.
    knocks: Vec<Knock>,
    /// In the order in which they were ordered.
    stops: Vec<Stop>,
    /// In the order in which they were remembered.
    tcp_memory: Vec<Memory>,
    udp_memory: Vec<Memory>,
    events: Vec<Event>,
}

impl Daemon {
    /// What one hit means to one door.
    fn meet(&mut self, door: usize, hit: &Hit) {
        let Some(sequence) = self.sequence(door) else { return }; // ONCE-7: the door is disabled
        if !self.concerns(door, &sequence, hit) {
            return;
        }
        let mine = self.knocks.iter().position(|knock| knock.door == door && knock.source == hit.source);
        let is_next = mine.is_some_and(|mine| sequence[self.knocks[mine].hits.len()] == hit.port);
        let udp_that_advances = hit.port.1 == Protocol::Udp && is_next;
        if self.is_repeat(door, hit) && !udp_that_advances {
            return; // SEQ-5
        }
        match mine {
            Some(mine) if is_next => return self.count(mine, hit, &sequence), // SEQ-1
            Some(mine) => self.discard(mine, "SEQ-3"),
            None => {}
        }
        if hit.port == sequence[0] {
            self.begin(door, hit, &sequence); // SEQ-4 if it has just discarded one
        }
    }

    /// The door's sequence: of a one-time file the first line that has one and none of its ports ignored.
    fn sequence(&self, door: usize) -> Option<Vec<Port>> {
        self.line(door).map(|(_, ports)| ports)
    }

    /// The number of the line that holds the door's sequence, and the sequence.
    fn line(&self, door: usize) -> Option<(usize, Vec<Port>)> {
        let door = &self.case.doors[door];
        match &door.sequences {
            Sequences::Fixed(ports) => Some((0, ports.clone())),
            Sequences::OneTime(lines) => lines.iter().enumerate().find_map(|(number, line)| {
                let ports = line.ports.clone()?;
                (!ports.iter().any(|port| door.ignored.contains(port))).then_some((number, ports))
            }),
        }
    }

    /// Whether the hit is anything to the door, right or wrong.
    fn concerns(&self, door: usize, sequence: &[Port], hit: &Hit) -> bool {
        let door = &self.case.doors[door];
        let ours = match &self.case.locals {
            Some(locals) => locals.iter().any(|&(own, _)| own == hit.destination),
            None => is_unicast(hit.destination),
        };
        let fits = door.target.map_or(ours, |target| target == hit.destination); // LISTEN-3
        let passes = match (hit.port.1, door.flags) {
            (_, None) => true,
            (Protocol::Tcp, Some((set, clear))) => hit.flags & set == set && hit.flags & clear == 0, // FLAGS-1 to -3
            (Protocol::Udp, Some(_)) => sequence.iter().any(|port| port.1 == Protocol::Udp),         // FLAGS-4
        };
        fits && self.can_be_client(hit.source) && passes && !door.ignored.contains(&hit.port) // SEQ-11
    }

    /// LISTEN-9; LISTEN-5.
    fn can_be_client(&self, source: IpAddr) -> bool {
        let locals = self.case.locals.iter().flatten();
        let everyone = locals.clone().any(|&(own, length)| is_broadcast_of(own, length, source));
        let host = source.is_loopback() || locals.clone().any(|&(own, _)| own == source);
        let family = source.is_ipv4() || !self.case.only_v4;
        family && is_unicast(source) && !everyone && (self.case.loopback || !host)
    }

    /// SEQ-5: whether a knock of this source at this door has counted this very packet before.
    fn is_repeat(&self, door: usize, hit: &Hit) -> bool {
        let same = |earlier: &Hit| {
            (earlier.source, earlier.source_port, earlier.port, earlier.sequence)
                == (hit.source, hit.source_port, hit.port, hit.sequence)
        };
        let remembered = |memory: &Memory| memory.door == door && self.now < memory.until && same(&memory.hit);
        self.knocks.iter().any(|knock| knock.door == door && knock.hits.iter().any(|(_, earlier)| same(earlier)))
            || self.tcp_memory.iter().any(remembered)
            || self.udp_memory.iter().any(remembered)
    }

    fn begin(&mut self, door: usize, hit: &Hit, sequence: &[Port]) {
        self.begun += 1;
        self.knocks.push(Knock { number: self.begun, door, source: hit.source, begun: self.now, hits: Vec::new() });
        self.count(self.knocks.len() - 1, hit, sequence);
        if self.knocks.len() > self.case.max_knocks {
            // SEQ-10: the first of the least is the oldest of the lowest stage.
            let least = (0..self.knocks.len()).min_by_key(|&knock| self.knocks[knock].hits.len());
            self.discard(least.expect("a knock has just begun"), "SEQ-10");
        }
    }

    /// Counts the right hit, and opens the door if it was the last one.
    fn count(&mut self, mine: usize, hit: &Hit, sequence: &[Port]) {
        self.knocks[mine].hits.push((self.now, hit.clone()));
        let stage = self.knocks[mine].hits.len();
        self.say(&self.knocks[mine].clone(), What::Stage(stage));
        if stage == sequence.len() {
            self.open(mine);
        }
    }

    fn open(&mut self, mine: usize) {
        let knock = self.end(mine, true);
        let door = knock.door;
        self.spend(&knock);
        self.say(&knock, What::Open);
        let commands = match knock.source {
            IpAddr::V4(_) => self.case.doors[door].v4.clone(),
            IpAddr::V6(_) => self.case.doors[door].v6.clone(),
        }; // CMD-3
        let for_source = |command: String| command.replace("%IP%", &knock.source.to_string()); // CMD-1
        if let Some(start) = commands.start {
            self.say(&knock, What::Start(for_source(start)));
            if let Some(stop) = commands.stop {
                let due = self.now + self.case.doors[door].cmd_timeout * SECOND; // CMD-2
                let knock = (knock.source, knock.number);
                self.stops.push(Stop { due, door, knock, command: for_source(stop) });
            }
        }
        if self.sequence(door).is_none() {
            self.say(&knock, What::Disable); // ONCE-7
        }
    }

    /// Makes a comment of the line that `knock` has used, and ends the other knocks on it (ONCE-3, ONCE-4).
    fn spend(&mut self, knock: &Knock) {
        let line = self.line(knock.door).map(|(number, _)| number);
        let (Some(line), Sequences::OneTime(lines)) = (line, &mut self.case.doors[knock.door].sequences) else {
            return;
        };
        lines[line].ports = None;
        let offset = lines[line].offset;
        self.say(knock, What::Spend { offset });
        while let Some(other) = self.knocks.iter().position(|other| other.door == knock.door) {
            self.discard(other, "ONCE-4");
        }
    }

    fn discard(&mut self, knock: usize, clause: &'static str) {
        let knock = self.end(knock, false);
        self.say(&knock, What::Discard { stage: knock.hits.len(), clause });
    }

    /// Takes the knock out and remembers its hits: TCP's from when they came, UDP's only if they opened the door
    /// (SEQ-5).
    fn end(&mut self, knock: usize, opened: bool) -> Knock {
        let knock = self.knocks.remove(knock);
        for (at, hit) in knock.hits.clone() {
            let door = knock.door;
            match hit.port.1 {
                Protocol::Tcp => self.tcp_memory.push(Memory { door, hit, until: at + 64 * SECOND }),
                Protocol::Udp if opened => self.udp_memory.push(Memory { door, hit, until: self.now + SECOND }),
                Protocol::Udp => {}
            }
        }
        for memory in [&mut self.tcp_memory, &mut self.udp_memory] {
            while memory.len() > self.case.max_knocks {
                memory.remove(0); // SEQ-10
            }
        }
        knock
    }

    /// Runs what is due up to and with `until` (TIME-2, TIME-3): first what is due first, then by door, timeouts before
    /// stop commands, the oldest first.
    fn run_timers(&mut self, until: Nanos) {
        loop {
            let timeouts = self.knocks.iter().enumerate().map(|(index, knock)| {
                let due = knock.begun + self.case.doors[knock.door].seq_timeout * SECOND; // TIME-1
                (due, knock.door, "1 timeout", index)
            });
            let stops = self.stops.iter().enumerate().map(|(index, stop)| (stop.due, stop.door, "2 stop", index));
            let Some((due, _, kind, index)) = timeouts.chain(stops).min().filter(|first| first.0 <= until) else {
                return;
            };
            self.now = due;
            if kind == "1 timeout" {
                let knock = self.end(index, false);
                self.say(&knock, What::Timeout { stage: knock.hits.len() });
            } else {
                let Stop { door, knock, command, .. } = self.stops.remove(index);
                let what = What::Stop(command);
                self.events.push(Event { time: Some(due), packet: None, door, what, knock: Some(knock) });
            }
        }
    }

    fn say(&mut self, knock: &Knock, what: What) {
        let (time, packet, door) = (Some(self.now), self.packet, knock.door);
        self.events.push(Event { time, packet, door, what, knock: Some((knock.source, knock.number)) });
    }
}

/// Whether an address can be that of one host, as far as it alone tells.
fn is_unicast(address: IpAddr) -> bool {
    let everyone = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || everyone)
}

/// Whether `address` is the broadcast address of the IPv4 network of `own`: its last one, if it has one to spare.
fn is_broadcast_of(own: IpAddr, length: u8, address: IpAddr) -> bool {
    let (IpAddr::V4(own), IpAddr::V4(address)) = (own, address) else { return false };
    length <= 30 && address.to_bits() == own.to_bits() | (u32::MAX >> length)
}
