//! What is left to say at the end of an explanation: doors that nobody reached, packets that carry no hit.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    net::IpAddr,
};

use knockd::{
    clause::Clause,
    config::{Config, Door, Sequences},
    engine::{Judged, Unseen},
    port::Port,
    wire::{Limit, NoHit},
};

use super::{explain::Filter, timeline::plural, words};

/// How many of the sources that reached stage 1 are named to whoever asked for one that is not there.
const MOST_NAMED: usize = 5;

/// What is not about one source.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// The first port of each one-time door's present line, once a packet has shown it.
    begins: BTreeMap<u32, Port>,
    /// The doors whose first port some packet hit, whether it counted or not.
    first_hit: BTreeSet<u32>,
    /// Packets that carry no hit, by clause and whether the capture cut them.
    no_hits: BTreeMap<(Clause, bool), Example>,
    /// The sources asked for that sent anything.
    seen: BTreeSet<IpAddr>,
}

/// The first packet of several that are alike.
#[derive(Debug)]
struct Example {
    packet: u64,
    words: String,
    count: u64,
}

impl Rest {
    /// Hears that packet `number` is no hit.
    pub(super) fn unseen(&mut self, number: u64, why: &Unseen, config: &Config) {
        match why {
            Unseen::NoHit(no_hit) => {
                let new = || Example { packet: number, words: words::unseen(why), count: 0 };
                self.no_hits.entry((why.clause(), is_cut(no_hit))).or_insert_with(new).count += 1;
            }
            Unseen::OnlyV4(hit) | Unseen::Source(hit, _) => {
                for (index, door) in (0..).zip(&config.doors) {
                    if self.first(index, door).is_some_and(|first| hit.is_on(first)) {
                        self.first_hit.insert(index);
                    }
                }
            }
        }
    }

    /// Hears what a door made of a packet.
    pub(super) fn judged(&mut self, judged: &Judged, door: &Door) {
        if let (0, Some(first)) = (judged.before.0, judged.expected) {
            self.begins.insert(judged.door, first);
        }
        if self.first(judged.door, door).is_some_and(|first| judged.hit.is_on(first)) {
            self.first_hit.insert(judged.door);
        }
    }

    /// Hears that a door has gone on to its next line.
    pub(super) fn spent(&mut self, door: u32) {
        self.begins.remove(&door);
    }

    /// Hears that `source` sent a packet.
    pub(super) fn sent(&mut self, source: IpAddr, filter: &Filter) {
        if filter.sources.contains(&source) {
            self.seen.insert(source);
        }
    }

    fn first(&self, index: u32, door: &Door) -> Option<Port> {
        match &door.sequences {
            Sequences::Fixed(sequence) => Some(sequence.first()),
            Sequences::OneTime(_) => self.begins.get(&index).copied(),
        }
    }

    /// Writes it; `reached` are the sources that reached stage 1, `knows` says whether any did at a door.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub(super) fn write(
        &self,
        out: &mut impl Write,
        config: &Config,
        filter: &Filter,
        reached: &BTreeSet<IpAddr>,
        knows: impl Fn(u32) -> bool,
    ) -> io::Result<()> {
        self.write_absent(out, filter, reached)?;
        let nobody = reached.is_empty();
        if nobody {
            let there = if filter.doors.is_empty() { "" } else { " there" };
            let advice = if filter.all { "" } else { ": --all shows every packet" };
            writeln!(out, "no source reached stage 1{there}{advice}")?;
        }
        let wanted = |index: u32, door: &Door| {
            filter.takes_door(&door.name) && (nobody || filter.sources.is_empty() && !knows(index))
        };
        for (index, door) in (0..).zip(&config.doors).filter(|(index, door)| wanted(*index, door)) {
            let Some(first) = self.first(index, door) else { continue };
            let target = door.target.map_or_else(String::new, |target| format!(" of {target}"));
            let none = if self.first_hit.contains(&index) { String::new() } else { format!(": no packet hit {first}") };
            if nobody {
                words::wrapped(out, 4, &format!("{} begins with {first}{target}{none}", door.name))?;
            } else {
                let line =
                    format!("no source reached stage 1 at {}, which begins with {first}{target}{none}", door.name);
                words::wrapped(out, 0, &line)?;
            }
        }
        for ((clause, cut), Example { packet, words, count }) in &self.no_hits {
            // What is neither TCP nor UDP is no riddle while others knock.
            if !nobody && *clause == Clause::Listen7 {
                continue;
            }
            let are = format!("{} {}", plural(*count, "packet"), if *count == 1 { "is" } else { "are" });
            let remedy = if *cut { "; record with `tcpdump -s 0`" } else { "" };
            let line = format!("{are} no hit by {clause}, such as #{packet}: {words}{remedy}");
            words::wrapped(out, if nobody { 4 } else { 0 }, &line)?;
        }
        Ok(())
    }

    /// Says of the sources asked for which sent nothing, and whom to ask for instead.
    fn write_absent(&self, out: &mut impl Write, filter: &Filter, reached: &BTreeSet<IpAddr>) -> io::Result<()> {
        let absent: BTreeSet<&IpAddr> = filter.sources.iter().filter(|source| !self.seen.contains(source)).collect();
        for source in &absent {
            writeln!(out, "no packet from {source} in this capture")?;
        }
        if !absent.is_empty() && !reached.is_empty() {
            let names: Vec<String> = reached.iter().take(MOST_NAMED).map(ToString::to_string).collect();
            let more = reached.len().saturating_sub(MOST_NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            words::wrapped(out, 4, &format!("stage 1 was reached by {}{more}", names.join(", ")))?;
        }
        Ok(())
    }
}

/// Whether the capture did not keep the bytes that were needed.
fn is_cut(why: &NoHit) -> bool {
    matches!(why, NoHit::Short { limit: Limit::Captured, .. } | NoHit::Beyond { limit: Limit::Captured, .. })
}
