//! Who knocked in vain: sources that hit a right port in a way that did not count, and so never reached stage 1.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::IpAddr,
};

use knockd::{
    clause::Clause,
    config::{Config, Door, Sequences},
    engine::{Judged, Unseen},
    knock::Verdict,
    wire::Hit,
};

use super::{
    explain::Filter,
    timeline::{bold, plural},
    used::Used,
    words::{self, Cited},
};

/// How many pairs of source and door are remembered: a flood from forged addresses does not fill the memory.
const MOST_REMEMBERED: usize = 10_000;

/// How many reasons are remembered for one of them: whoever scans a network has one for each address.
const MOST_REASONS: usize = 8;

/// How many of them are told.
const MOST_TOLD: usize = 20;

/// All that came to nothing.
#[derive(Debug, Default)]
pub(super) struct Vain {
    /// By source and door; without a door: no door looked at it.
    knockers: BTreeMap<(IpAddr, Option<u32>), Vec<Reason>>,
}

/// A way in which right ports did not count.
#[derive(Debug)]
struct Reason {
    clause: Clause,
    why: String,
    /// What the user can do about it.
    hint: Option<String>,
    example: Example,
}

/// The first packet of several that are alike.
#[derive(Debug)]
struct Example {
    packet: u64,
    words: String,
    count: u64,
}

impl Vain {
    /// Hears that packet `number` is no hit.
    pub(super) fn unseen(&mut self, number: u64, why: &Unseen, config: &Config) {
        match why {
            Unseen::NoHit(_) => {}
            Unseen::OnlyV4(hit) | Unseen::Source(hit, _) => {
                // Which port a one-time file has next is not known here; a host's own answers would all seem to hit it.
                let if_unknown = matches!(why, Unseen::OnlyV4(_));
                if config.doors.iter().any(|door| may_begin(door, hit, if_unknown)) {
                    let example = Example { packet: number, words: words::port(hit), count: 1 };
                    self.add(
                        hit.source,
                        None,
                        Reason { clause: why.clause(), why: words::unseen(why), hint: None, example },
                    );
                }
            }
        }
    }

    /// Hears what a door made of packet `number`; `used` knows the lines that open no more.
    pub(super) fn judged(&mut self, number: u64, judged: &Judged, door: &Door, used: &Used) {
        let (hit, verdict) = (&judged.hit, judged.verdict);
        let right_number = judged.expected.filter(|port| port.number.get() == hit.port);
        let spent = used.hint(judged.door, hit, &door.sequences);
        let (clause, why) = match (verdict, right_number, &door.sequences) {
            // The source has a knock in progress, whose story is told elsewhere.
            _ if judged.before.0 > 0 => return,
            (Verdict::Elsewhere | Verdict::FlagsDiffer | Verdict::UdpNotCounted, Some(_), _)
            | (Verdict::DoorDisabled(_), ..) => (verdict.clause(), words::verdict(judged, door)),
            (Verdict::NothingToSpoil, Some(first), _) => {
                (Clause::Seq2, format!("the sequence begins with {first}, and this was {}", hit.protocol))
            }
            (Verdict::NothingToSpoil, None, Sequences::Fixed(sequence))
                if sequence.ports().iter().any(|port| hit.is_on(*port)) =>
            {
                (Clause::Seq1, format!("the sequence begins with {}, which did not come before", sequence.first()))
            }
            (Verdict::NothingToSpoil, None, Sequences::OneTime(_)) if spent.is_some() => {
                let first = judged.expected.map_or_else(|| "nothing".to_owned(), |port| port.to_string());
                (Clause::Once4, format!("the door begins with {first} now"))
            }
            _ => return,
        };
        let unknown = verdict == Verdict::Elsewhere && door.target.is_none();
        let hint =
            unknown.then(|| format!("if the host that captured has the address {0}, say --local {0}", hit.destination));
        let disabled = matches!(verdict, Verdict::DoorDisabled(_));
        let hint = hint.or(spent.filter(|_| disabled || clause == Clause::Once4));
        let example = Example { packet: number, words: words::port(hit), count: 1 };
        self.add(hit.source, Some(judged.door), Reason { clause, why, hint, example });
    }

    fn add(&mut self, source: IpAddr, door: Option<u32>, reason: Reason) {
        let key = (source, door);
        if self.knockers.len() >= MOST_REMEMBERED && !self.knockers.contains_key(&key) {
            return;
        }
        let reasons = self.knockers.entry(key).or_default();
        let room = reasons.len() < MOST_REASONS;
        match reasons.iter_mut().find(|known| known.why == reason.why) {
            Some(known) => known.example.count += 1,
            None if room => reasons.push(reason),
            None => {}
        }
    }

    /// Writes who knocked in vain, leaving out those of whose knocks `told` says that they were told already.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub(super) fn write(
        &self,
        out: &mut impl Write,
        config: &Config,
        filter: &Filter,
        cited: &mut Cited,
        told: impl Fn(IpAddr, Option<u32>) -> bool,
    ) -> io::Result<()> {
        let takes = |source: &IpAddr| filter.sources.is_empty() || filter.sources.contains(source);
        let mut left = MOST_TOLD;
        let mut more = 0;
        for ((source, door), reasons) in &self.knockers {
            let door = door.map(|index| (index, config.doors[index as usize].name.as_str()));
            let wanted = takes(source) && door.is_none_or(|(_, name)| filter.takes_door(name));
            if !wanted || told(*source, door.map(|(index, _)| index)) {
                continue;
            }
            if left == 0 {
                more += 1;
                continue;
            }
            left -= 1;
            let bold = bold();
            let at = door.map_or_else(String::new, |(_, name)| format!(" at {name}"));
            writeln!(out, "{bold}{source}{at}{bold:#}: never reached stage 1")?;
            for Reason { clause, why, hint, example } in reasons {
                let Example { packet, words: port, count } = example;
                let others = if *count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
                let line = format!("packet #{packet}{others} hit {port} but did not count ({clause}): {why}");
                words::wrapped(out, 4, &line)?;
                cited.cite(out, 4, *clause)?;
                if let Some(hint) = hint {
                    words::wrapped(out, 4, &format!("hint: {hint}"))?;
                }
            }
        }
        if more > 0 {
            writeln!(out, "{} more: see --source", plural(more, "such source"))?;
        }
        Ok(())
    }

    /// The first packet of `source` that hit a port of the door's sequence while there was no knock, and that port.
    pub(super) fn early(&self, source: IpAddr, door: u32) -> Option<(u64, &str)> {
        let reasons = self.knockers.get(&(source, Some(door)))?;
        let reason = reasons.iter().find(|reason| reason.clause == Clause::Seq1)?;
        Some((reason.example.packet, &reason.example.words))
    }
}

/// Whether `hit` may be the first of a knock.
fn may_begin(door: &Door, hit: &Hit, if_unknown: bool) -> bool {
    match &door.sequences {
        Sequences::Fixed(sequence) => hit.is_on(sequence.first()),
        Sequences::OneTime(_) => if_unknown,
    }
}
