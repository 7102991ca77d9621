//! What the engine and the model are both given, and what both answer.

use std::{collections::BTreeMap, net::IpAddr};

use knock_conformance::{
    model::{self, Daemon, Deviations, Disk, Door, Hit, Port, Surroundings, What},
    time,
};

/// Nanoseconds since any origin.
pub(crate) type Nanos = u64;

/// One second.
pub(crate) const SECOND: Nanos = time::SECOND.0;

/// What was captured: a hit, or a frame that carries none and only shows what time it is.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) stamp: Nanos,
    pub(crate) hit: Option<Hit>,
}

/// A daemon's surroundings and everything that it will see.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) doors: Vec<Door>,
    /// The sequences of each door, those of its one-time file one by one.
    pub(crate) sequences: Vec<Vec<Vec<Port>>>,
    /// The interface's addresses, each with the length of its prefix; `None`: any unicast address is ours.
    pub(crate) locals: Option<Vec<(IpAddr, u8)>>,
    /// Whether the interface is a loopback, where a host knocks on itself.
    pub(crate) loopback: bool,
    pub(crate) only_v4: bool,
    pub(crate) max_knocks: usize,
    pub(crate) packets: Vec<Packet>,
}

/// A case, and the text of each door's one-time file; empty for a door without one.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) case: Case,
    pub(crate) files: Vec<String>,
}

/// One decision. `time` is missing at the start, `packet` (from 1) there and for timers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) time: Option<Nanos>,
    pub(crate) packet: Option<usize>,
    pub(crate) door: usize,
    pub(crate) what: What,
    /// Whose knock and which, counted from 1 in the order in which knocks begin; none at the start.
    pub(crate) knock: Option<(IpAddr, u64)>,
}

/// Everything that the model decides about `scenario`, in order; commands take no time.
pub(crate) fn decide(scenario: &Scenario) -> Vec<Event> {
    let case = &scenario.case;
    let mut disk = Disk::default();
    for (index, text) in scenario.files.iter().enumerate() {
        disk.put(&path(index), text.clone().into_bytes());
    }
    let around = Surroundings {
        locals: case.locals.clone(),
        only_v4: case.only_v4,
        max_knocks: case.max_knocks,
        commands: BTreeMap::new(),
        deviations: Deviations::NONE,
    };
    let mut daemon =
        Daemon::new(case.doors.clone(), around, disk).expect("every one-time file is there, and is one door's");
    for Packet { stamp, hit } in &case.packets {
        daemon.packet(time::Nanos(*stamp), hit.as_ref(), case.loopback);
    }
    daemon.advance(time::Nanos(Nanos::MAX));
    let mut events: Vec<Event> = daemon.take_events().into_iter().filter_map(event).collect();
    // For one packet the doors report in the file's order, also those that lose a knock to another one's.
    events
        .chunk_by_mut(|a, b| a.packet.is_some() && a.packet == b.packet)
        .for_each(|of_one| of_one.sort_by_key(|event| event.door));
    events
}

/// The path of a door's one-time file.
pub(crate) fn path(door: usize) -> String {
    format!("/{door}")
}

/// What is only a wording or a warning is not compared.
fn event(event: model::Event) -> Option<Event> {
    let door = event.door?;
    if matches!(event.what, What::Skipped { .. }) {
        return None;
    }
    let what = if let What::Disable { unmarked, .. } = event.what {
        What::Disable { file: String::new(), unmarked }
    } else {
        event.what
    };
    let is_at_start = matches!(what, What::Disable { .. }) && door.knock.is_none();
    let time = (!is_at_start).then_some(event.time.0);
    Some(Event { time, packet: event.packet, door: door.index, what, knock: door.knock })
}
