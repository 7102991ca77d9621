//! A case as a capture file.

use std::{io, time::Duration};

use pcap_file::{
    DataLink,
    pcap::{PcapHeader, PcapPacket, PcapTsResolution, PcapWriter},
};

use crate::{
    case::{Case, Link},
    frame::{self, NOBODY},
    time::Nanos,
};

/// When a case begins in a capture, in seconds since the epoch: a whole second, so that whole-second clocks have no
/// excuse. It is 2024-01-01 00:00:00 UTC.
pub const BEGIN: u64 = 1_704_067_200;

/// Writes the packets of a case as a capture: in microseconds unless the case wants nanoseconds. For each packet its
/// place among the timeline's events is the caller's to know; here are only packets.
///
/// # Errors
///
/// The output cannot be written.
pub fn write(case: &Case, output: impl io::Write) -> io::Result<()> {
    let header = PcapHeader {
        datalink: data_link(case.link),
        ts_resolution: if case.nano { PcapTsResolution::NanoSecond } else { PcapTsResolution::MicroSecond },
        ..PcapHeader::default()
    };
    let mut writer = PcapWriter::with_header(output, header).map_err(io::Error::other)?;
    for (at, packet) in case.timeline.packets() {
        let frame = frame::frame(packet, case.link, NOBODY);
        let length = u32::try_from(frame.original).map_err(io::Error::other)?;
        let record =
            PcapPacket::new(since_epoch(packet.stamp.unwrap_or(at)), length, &frame.bytes).map_err(io::Error::other)?;
        writer.write_packet(&record).map_err(io::Error::other)?;
    }
    Ok(())
}

/// A moment of a case in a capture.
#[must_use]
pub fn since_epoch(at: Nanos) -> Duration {
    Duration::from_secs(BEGIN) + Duration::from_nanos(at.0)
}

fn data_link(link: Link) -> DataLink {
    match link {
        Link::Ethernet => DataLink::ETHERNET,
        Link::Sll => DataLink::LINUX_SLL,
        Link::Sll2 => DataLink::LINUX_SLL2,
        Link::Raw => DataLink::RAW,
        Link::Null => DataLink::NULL,
        Link::Loop => DataLink::LOOP,
    }
}
