//! Whether a door is open for somebody, seen from outside: whoever knocked asks for a connection, and an answer is an
//! open door.

use std::{
    io,
    net::TcpListener,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::time::TimeSpec,
};

use super::{
    plan::{Probe, frame_bytes},
    sent::{Told, tell},
    wire::Wire,
    world::{CLIENT, World},
};
use crate::{time::Nanos, timeline::Flags, transcript::Sight};

/// How long an answer may take. Between two namespaces of one host it takes microseconds.
const PATIENCE: Duration = Duration::from_millis(200);
/// SYN and ACK.
const ANSWER: Flags = Flags(0x12);

/// Asks everybody's question, and tells the commands that the open doors stand for.
pub(super) fn ask(probes: &[Probe], world: &World) -> io::Result<Vec<(Nanos, Sight)>> {
    if probes.is_empty() {
        return Ok(Vec::new());
    }
    let mut ports: Vec<u16> = probes.iter().map(|probe| probe.port).collect();
    ports.sort_unstable();
    ports.dedup();
    // Somebody must be behind an open door. An address of IPv6 listens to both families.
    let behind: Vec<_> = ports.iter().map(|port| TcpListener::bind(("::", *port))).collect::<io::Result<_>>()?;
    let wire = world.at_client(|| Wire::listener(CLIENT))?;
    for probe in probes {
        world.introduce_client(probe.source)?;
        wire.send(&frame_bytes(&probe.frame).map_err(io::Error::other)?)?;
    }
    let mut open = vec![false; probes.len()];
    let since = Instant::now();
    while !open.iter().all(|open| *open) && since.elapsed() < PATIENCE {
        while let Some(frame) = wire.receive()? {
            let Some(Told { destination, from, flags: Some(ANSWER), .. }) = tell(&frame) else { continue };
            for (probe, open) in probes.iter().zip(&mut open) {
                *open |= probe.source == destination && probe.port == from;
            }
        }
        let left = PATIENCE.saturating_sub(since.elapsed());
        match ppoll(&mut [PollFd::new(wire.as_fd(), PollFlags::POLLIN)], Some(TimeSpec::from_duration(left)), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    drop(behind);
    let opened = probes.iter().zip(open).filter(|(_, open)| *open);
    Ok(opened.map(|(probe, _)| (probe.at, Sight::Run(probe.command.clone()))).collect())
}
