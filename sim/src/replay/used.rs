//! One-time lines that are used up: whoever knocks on one of them is told so (ONCE-4).

use std::collections::BTreeMap;

use knockd::{
    config::Sequences,
    engine::{Doors, Spend},
    one_time::MARK,
    port::{Port, Protocol},
    sequence::Sequence,
    wire::Hit,
};

use super::{timeline::printable, words};

/// The ports of used lines: by door, port and whether it is UDP, where the first such line begins.
#[derive(Debug)]
pub(super) struct Used(BTreeMap<(u32, u16, bool), u64>);

impl Used {
    /// Those that the files of `doors` mark as used.
    pub(super) fn new(doors: &Doors) -> Self {
        let mut used = Self(BTreeMap::new());
        for (door, text) in (0..).zip(doors.texts()) {
            let mut offset = 0;
            for line in text.unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
                if line[0] == MARK {
                    used.add(door, offset, &line[1..]);
                }
                offset += line.len() as u64;
            }
        }
        used
    }

    /// Hears that a line is used up now.
    pub(super) fn spent(&mut self, spend: &Spend, doors: &Doors) {
        let door = spend.who.door.index;
        let text = doors.texts().nth(door as usize).flatten().unwrap_or_default();
        let from = usize::try_from(spend.offset).ok().and_then(|offset| text.get(offset..)).unwrap_or_default();
        self.add(door, spend.offset, from.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default());
    }

    fn add(&mut self, door: u32, offset: u64, line: &[u8]) {
        let line = line.trim_ascii_end();
        // The mark took a digit of the first port unless the line began with a blank; a comment is no sequence either way.
        let behind_comma = || line.iter().position(|byte| *byte == b',').map(|comma| &line[comma + 1..]);
        let sequence = Sequence::parse(line).ok().or_else(|| Sequence::parse(behind_comma()?).ok());
        for port in sequence.iter().flat_map(Sequence::ports) {
            self.0.entry(key(door, *port)).or_insert(offset);
        }
    }

    /// What to say to whoever hit the port of a used line; `file` is what the door has its sequences from.
    pub(super) fn hint(&self, door: u32, hit: &Hit, sequences: &Sequences) -> Option<String> {
        let Sequences::OneTime(file) = sequences else { return None };
        let offset = self.0.get(&(door, hit.port, hit.protocol == Protocol::Udp))?;
        let (port, file) = (words::port(hit), printable(&String::from_utf8_lossy(file)));
        Some(format!("{port} is in the line at byte {offset} of {file}, which is used up and opens no more"))
    }
}

fn key(door: u32, port: Port) -> (u32, u16, bool) {
    (door, port.number.get(), port.protocol == Protocol::Udp)
}
