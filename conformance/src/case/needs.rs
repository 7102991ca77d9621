//! What a case needs of a subject: it follows from what it uses.

use std::collections::BTreeSet;

use super::{Case, Kind, Link};
use crate::{
    ability::Ability,
    timeline::{Event, Expect, Payload, Stream},
};

impl Case {
    /// Everything that a subject must be able to do to be judged by this case, but for patience and stamps, which
    /// depend on how long the subject waits and how exactly it knows the time.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<Ability> {
        let mut needs = BTreeSet::new();
        match &self.kind {
            Kind::Daemon { options, .. } => {
                needs.insert(Ability::Daemon);
                if !options.is_empty() {
                    needs.insert(Ability::Process);
                }
            }
            Kind::Client { .. } => {
                needs.insert(Ability::Client);
            }
        }
        needs.extend(match self.link {
            Link::Ethernet => None,
            Link::Sll => Some(Ability::LinkSll),
            Link::Sll2 => Some(Ability::LinkSll2),
            Link::Raw => Some(Ability::LinkRaw),
            Link::Null => Some(Ability::LinkNull),
            Link::Loop => Some(Ability::LinkLoop),
        });
        if !self.files.is_empty() {
            needs.insert(Ability::Files);
        }
        if self.whole_log {
            needs.insert(Ability::Log);
        }
        if self.nano {
            needs.insert(Ability::Stamps);
        }
        if self.shell {
            needs.insert(Ability::Shell);
        }
        if !self.system.is_empty() {
            needs.insert(Ability::System);
        }
        if self.bound.is_some() {
            needs.insert(Ability::Bound);
        }
        if self.commands.values().any(|command| command.takes.0 != 0) {
            needs.insert(Ability::TimedCommands);
        }
        needs.extend(self.timeline.events().flat_map(|(_, event)| of_event(event)));
        needs.extend(self.timeline.expectations().filter_map(|(_, _, expect)| of_expectation(expect)));
        needs
    }
}

fn of_event(event: &Event) -> Vec<Ability> {
    match event {
        Event::Packet(packet) => {
            let mut needs = Vec::new();
            let shape = &packet.shape;
            if packet.stamp.is_some() || shape.cut.is_some() {
                needs.push(Ability::Stamps);
            }
            if !shape.vlan.is_empty() {
                needs.push(Ability::Vlan);
            }
            let odd =
                shape.ihl.or(shape.data_offset).is_some() || shape.total.or(shape.payload).or(shape.length).is_some();
            if odd || shape.fragment.is_some() || matches!(packet.payload, Payload::Frame(_)) {
                needs.push(Ability::Frames);
            }
            needs
        }
        Event::Signal(crate::timeline::Signal::Hup) => vec![Ability::Signals, Ability::Reload],
        Event::Signal(_) => vec![Ability::Signals],
        Event::Put { .. } | Event::Remove { .. } => vec![Ability::Files],
        Event::Restart => vec![Ability::Restart],
        Event::Kill => vec![Ability::Restart, Ability::Process],
        Event::Second => vec![Ability::Process],
        Event::Address { .. } => vec![Ability::Addresses],
        Event::Link(_) => vec![Ability::Interfaces],
        Event::ClockStep(_) => vec![Ability::Clock],
    }
}

/// Whether only a whole process can do this: what a daemon logs of its own start, end and reload, what it writes beside
/// the case's files.
#[must_use]
pub fn is_of_process(expect: &Expect) -> bool {
    const OF_PROCESS: [&str; 3] = ["starting up", "shutting down", "re-reading config file"];
    match expect {
        Expect::Log(pattern) => OF_PROCESS.iter().any(|words| pattern.to_string().contains(words)),
        Expect::Never(Stream::Log, pattern) => OF_PROCESS.iter().any(|words| pattern.to_string().contains(words)),
        Expect::File { name, .. } => name.ends_with(".pid") || name.ends_with(".log"),
        Expect::Run(_)
        | Expect::MayRun(_)
        | Expect::Syslog(_)
        | Expect::Says(_)
        | Expect::Mark(_)
        | Expect::Exit(_)
        | Expect::SecondExit(_)
        | Expect::Never(Stream::Run | Stream::Syslog | Stream::Says | Stream::Mark, _)
        | Expect::Sent(_)
        | Expect::Pause(_) => false,
    }
}

fn of_expectation(expect: &Expect) -> Option<Ability> {
    if is_of_process(expect) {
        return Some(Ability::Process);
    }
    match expect {
        Expect::Run(_) | Expect::MayRun(_) | Expect::Never(Stream::Run, _) => Some(Ability::Commands),
        Expect::Log(_) | Expect::Never(Stream::Log, _) => Some(Ability::Log),
        Expect::Syslog(_) | Expect::Never(Stream::Syslog, _) => Some(Ability::Syslog),
        Expect::File { .. } => Some(Ability::Files),
        Expect::Mark(_) | Expect::Never(Stream::Mark, _) => Some(Ability::Marks),
        Expect::Says(_) | Expect::Never(Stream::Says, _) | Expect::SecondExit(_) => Some(Ability::Process),
        Expect::Exit(_) | Expect::Sent(_) | Expect::Pause(_) => None,
    }
}
