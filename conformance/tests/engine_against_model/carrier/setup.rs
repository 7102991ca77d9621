//! The model's doors as the engine is told of them.

use std::{num::NonZeroU16, time::Duration};

use knockd::{
    config, engine,
    flags::{FlagFilter, TcpFlags},
    port,
    sequence::Sequence,
};

use knock_conformance::model::{self, Protocol};

use crate::scenario::Scenario;

/// Everything that the engine needs to know before the first packet of `scenario`.
pub(crate) fn setup(scenario: &Scenario) -> engine::Setup {
    let case = &scenario.case;
    let doors = case.doors.iter().map(door).collect();
    let config = config::Config { options: config::Options::default(), doors };
    let read = |path: &[u8]| {
        let path = String::from_utf8_lossy(path).into_owned();
        let text = path.trim_start_matches('/').parse().ok().and_then(|index: usize| scenario.files.get(index));
        let file =
            |text: &String| engine::OneTimeFile { text: text.clone().into(), identity: path, ..Default::default() };
        text.map(file).ok_or("no such file")
    };
    let locals = case.locals.as_ref().map_or(engine::Locals::AnyUnicast, |locals| {
        let local = |&(address, length)| engine::Local { address, prefix: Some(length) };
        engine::Locals::These(locals.iter().map(local).collect())
    });
    engine::Setup {
        doors: engine::Doors::load(config, read).expect("every one-time file is there, and is one door's"),
        locals,
        limits: engine::Limits { knocks: case.max_knocks, ..engine::Limits::default() },
        only_v4: case.only_v4,
        seed: 0,
    }
}

fn door(door: &model::Door) -> config::Door {
    let sequences = match &door.sequences {
        model::Sequences::Fixed(ports) => {
            let ports: Vec<port::Port> = ports.iter().map(port).collect();
            config::Sequences::Fixed(Sequence::new(&ports).expect("a sequence has one to four ports"))
        }
        model::Sequences::OneTime(path) => config::Sequences::OneTime(path.clone().into()),
    };
    let mut ignored: Vec<port::Port> = door.ignored.iter().map(port).collect();
    ignored.sort_unstable();
    ignored.dedup();
    config::Door {
        name: door.name.clone(),
        sequences,
        seq_timeout: Duration::from_secs(door.seq_timeout),
        flags: door.flags.map(|(set, clear)| {
            FlagFilter::new(TcpFlags(set), TcpFlags(clear)).expect("no flag is to be both set and clear")
        }),
        target: door.target,
        ignored,
        v4: commands(&door.v4),
        v6: commands(&door.v6),
        cmd_timeout: Duration::from_secs(door.cmd_timeout),
    }
}

fn port(port: &model::Port) -> port::Port {
    let model::Port(number, protocol) = *port;
    let protocol = match protocol {
        Protocol::Tcp => port::Protocol::Tcp,
        Protocol::Udp => port::Protocol::Udp,
    };
    port::Port { number: NonZeroU16::new(number).expect("no door names port 0"), protocol }
}

/// The model's word for a protocol.
pub(super) fn protocol(protocol: port::Protocol) -> Protocol {
    match protocol {
        port::Protocol::Tcp => Protocol::Tcp,
        port::Protocol::Udp => Protocol::Udp,
    }
}

fn commands(commands: &model::Commands) -> config::Commands {
    let bytes = |text: &Option<String>| text.clone().map(String::into_bytes);
    config::Commands { start: bytes(&commands.start), stop: bytes(&commands.stop) }
}
