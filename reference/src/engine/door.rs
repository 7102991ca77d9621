//! A door while the daemon runs: its rules, its one-time file, and the knocks that wait for their mark.

use std::{collections::VecDeque, net::IpAddr, sync::Arc};

use super::{Doors, OneTimeFile, SpendId, door_index};
use crate::{
    clause::Clause,
    config,
    event::{DoorRef, Event, Who},
    knock::Rules,
    one_time::{Line, OneTime, Unusable},
    port::Port,
    sequence::Sequence,
};

#[derive(Debug)]
pub(super) struct Door {
    pub(super) config: Arc<config::Door>,
    pub(super) rules: Rules,
    pub(super) one_time: Option<File>,
    /// Completed knocks whose marks are not known to be written, in order; the first one's has been asked for.
    pub(super) triggers: VecDeque<Trigger>,
}

/// A one-time file and the line in use.
#[derive(Debug)]
pub(super) struct File {
    lines: OneTime,
    line: Option<Line>,
    identity: String,
    /// The lines whose marks were being written when the text was read.
    spent: Vec<u64>,
}

/// A mark that is being written.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) id: SpendId,
    /// The file's path as written, and what makes it this file.
    file: (Vec<u8>, String),
    offset: u64,
}

impl InFlight {
    /// The offset of the marked line if the file at `path` is the one, whatever path led to it. A file that took the
    /// place of another is the same to be safe: most of its lines are.
    pub(super) fn offset_in(&self, path: &[u8], file: &OneTimeFile) -> Option<u64> {
        (self.file.0 == path || self.file.1 == file.identity).then_some(self.offset)
    }
}

/// A completed knock whose line is to be spent before the door opens (ONCE-6).
#[derive(Debug)]
pub(super) struct Trigger {
    pub(super) id: SpendId,
    pub(super) who: Who,
    pub(super) offset: u64,
    /// The line's first byte.
    pub(super) expected: u8,
    pub(super) stage: u8,
    pub(super) takes_last_line: bool,
}

impl Door {
    /// The doors of a configuration, with their first sequences; `log` hears what there is to say of their files.
    pub(super) fn all(doors: Doors, mut log: impl FnMut(Event)) -> Vec<Self> {
        let Doors { config, files } = doors;
        let pairs = config.doors.into_iter().zip(files).enumerate();
        pairs.map(|(index, (config, file))| Self::new(door_index(index), config, file, Vec::new(), &mut log)).collect()
    }

    /// One door; the lines at the offsets `spent` are being marked and are passed over.
    pub(super) fn new(
        index: u32,
        config: config::Door,
        file: Option<OneTimeFile>,
        spent: Vec<u64>,
        log: &mut impl FnMut(Event),
    ) -> Self {
        let config = Arc::new(config);
        let mut one_time = None;
        let sequence = match (&config.sequences, file) {
            (config::Sequences::Fixed(sequence), _) => Ok(sequence.clone()),
            (config::Sequences::OneTime(_), file) => {
                let door = DoorRef { index, config: config.clone() };
                let OneTimeFile { used_up, text, identity } = file.unwrap_or_default();
                let mut lines = OneTime::after(used_up, text);
                let line = next_line(&mut lines, &door, &spent, log);
                let sequence = line.as_ref().map(|line| line.sequence.clone()).ok_or(Clause::Once7);
                one_time = Some(File { lines, line, identity, spent });
                if sequence.is_err() {
                    log(Event::Disabled { door, by: None, failure: None });
                }
                sequence
            }
        };
        let rules = Rules::new(&config, sequence);
        Self { config, rules, one_time, triggers: VecDeque::new() }
    }

    /// Queues a knock that completed the line in use and takes the next line. Says whether it is first in the queue,
    /// and what was passed over.
    pub(super) fn trigger(&mut self, id: SpendId, who: Who) -> (bool, Vec<Event>) {
        let mut events = Vec::new();
        let Some(File { lines, line, spent, .. }) = &mut self.one_time else { return (false, events) };
        let Some(used) = line.take() else { return (false, events) };
        let expected = lines.first_byte(&used);
        *line = next_line(lines, &who.door, spent, &mut |event| events.push(event));
        let next = line.as_ref().map(|line| line.sequence.clone()).ok_or(Clause::Once7);
        let takes_last_line = next.is_err();
        self.rules.set_sequence(next);
        let stage = u8::try_from(used.sequence.ports().len()).unwrap_or(u8::MAX);
        self.triggers.push_back(Trigger { id, who, offset: used.offset, expected, stage, takes_last_line });
        (self.triggers.len() == 1, events)
    }

    /// The mark that was asked for and not answered.
    pub(super) fn in_flight(&self) -> Option<InFlight> {
        let (trigger, file) = (self.triggers.front()?, self.one_time.as_ref()?);
        let path = trigger.who.door.file().to_vec();
        Some(InFlight { id: trigger.id, file: (path, file.identity.clone()), offset: trigger.offset })
    }

    /// Whether this is the mark that it waits for.
    pub(super) fn asks(&self, spend: SpendId) -> bool {
        self.triggers.front().is_some_and(|trigger| trigger.id == spend)
    }

    /// Takes the sequence away, for the reason that `clause` gives; gives the knocks that waited.
    pub(super) fn disable(&mut self, clause: Clause) -> VecDeque<Trigger> {
        self.rules.set_sequence(Err(clause));
        if let Some(file) = &mut self.one_time {
            file.line = None;
        }
        std::mem::take(&mut self.triggers)
    }

    /// Whose knock at this door, which is the `index`-th.
    pub(super) fn who(&self, index: u32, source: IpAddr, knock: u64) -> Who {
        Who { source, door: DoorRef { index, config: self.config.clone() }, knock }
    }
}

fn next_line(lines: &mut OneTime, door: &DoorRef, spent: &[u64], log: &mut impl FnMut(Event)) -> Option<Line> {
    let ignored = &door.config.ignored;
    let is_ignored =
        |sequence: &Sequence| -> Option<Port> { sequence.ports().iter().copied().find(|port| ignored.contains(port)) };
    lines.next_line(
        |offset, sequence| {
            if spent.contains(&offset) {
                Some(Unusable::Spent)
            } else {
                is_ignored(sequence).map(Unusable::PortIgnored)
            }
        },
        |skipped| log(Event::LineSkipped { door: door.clone(), skipped }),
    )
}
