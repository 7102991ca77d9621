//! `--explain`: every packet that matters, with the clause that decided it, and why each knock failed.
//!
//! Two passes over the capture: the first finds out who got as far as stage 1, the second tells their story.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    net::IpAddr,
};

use knockd::{
    clause::Clause,
    config::Config,
    engine::{Effect, Judged, Unseen, Watch},
    event::{Event, Packet},
    knock::Verdict,
};

use super::{
    decision::Decision,
    misses::Misses,
    timeline::{self, Summary, concerns, plural},
    who,
    world::Sink,
};
use crate::capture::{Progress, Record};

/// Which packets are told.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of everyone, whether they are hits or not.
    pub all: bool,
    /// Those of these sources; empty for every source that reached stage 1.
    pub sources: Vec<IpAddr>,
    /// What these doors made of them; empty for every door.
    pub doors: Vec<String>,
}

impl Filter {
    fn takes_door(&self, name: &str) -> bool {
        self.doors.is_empty() || self.doors.iter().any(|door| door == name)
    }
}

/// The first pass: who reached stage 1, and who else hit the right ports in a way that did not count.
#[derive(Debug, Default)]
pub struct Scout {
    filter: Filter,
    reached: BTreeSet<IpAddr>,
    uncounted: BTreeMap<IpAddr, BTreeMap<Clause, u64>>,
    summary: Summary,
}

impl Scout {
    /// A scout that looks only at the doors that `filter` takes.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }
}

impl Watch for Scout {
    const EVERY: bool = true;

    fn no_hit(&mut self, _: &Unseen) {}

    fn judged(&mut self, judged: &Judged) {
        self.summary.judged(judged);
        if is_right_port(judged) && !concerns(judged.verdict) {
            *self.uncounted.entry(judged.hit.source).or_default().entry(judged.verdict.clause()).or_default() += 1;
        }
    }
}

impl Sink for Scout {
    type Watch = Self;

    fn watch(&mut self) -> &mut Self {
        self
    }

    fn packet(&mut self, _: &Record<'_>, _: &[Decision]) {
        self.summary.end_packet();
    }

    fn decision(&mut self, decision: &Decision, _: bool) {
        if let Effect::Log(Event::Stage { who, .. }) = &decision.effect
            && self.filter.takes_door(who.door.name())
        {
            self.reached.insert(who.source);
        }
    }
}

fn is_right_port(judged: &Judged) -> bool {
    let Judged { hit, expected, .. } = judged;
    expected.is_some_and(|port| port.number.get() == hit.port && port.protocol == hit.protocol)
}

/// What the engine said of the packet at hand.
#[derive(Debug, Default)]
pub struct Judgements {
    unseen: Option<Unseen>,
    judged: Vec<Judged>,
}

impl Watch for Judgements {
    const EVERY: bool = true;

    fn no_hit(&mut self, why: &Unseen) {
        self.unseen = Some(*why);
    }

    fn judged(&mut self, judged: &Judged) {
        self.judged.push(*judged);
    }
}

/// The second pass: tells the story.
pub struct Explainer<'a, W> {
    out: W,
    config: &'a Config,
    filter: Filter,
    scout: Scout,
    judgements: Judgements,
    misses: Misses,
    /// Clauses whose sentences stand in the text already.
    cited: BTreeSet<Clause>,
    /// What was counted.
    pub summary: Summary,
    /// What went wrong in writing, first of all.
    pub result: io::Result<()>,
    pause: &'a mut dyn FnMut(Progress),
}

impl<'a, W: Write> Explainer<'a, W> {
    /// Writes to `out` about the doors of `config`, with what the first pass found out.
    pub fn new(out: W, config: &'a Config, scout: Scout, pause: &'a mut dyn FnMut(Progress)) -> Self {
        Self {
            out,
            config,
            filter: scout.filter.clone(),
            scout,
            judgements: Judgements::default(),
            misses: Misses::default(),
            cited: BTreeSet::new(),
            summary: Summary::default(),
            result: Ok(()),
            pause,
        }
    }

    /// Says why each source failed, and who else knocked in vain.
    ///
    /// # Errors
    ///
    /// What the output says, now or earlier.
    pub fn finish(mut self) -> io::Result<Summary> {
        self.result?;
        let out = &mut self.out;
        for trail in self.misses.trails() {
            let door = &self.config.doors[trail.door as usize];
            if self.filter.takes_door(&door.name) && takes_source(&self.filter, &self.scout, trail.source) {
                trail.write(out, &door.name)?;
            }
        }
        if self.scout.reached.is_empty() && !self.filter.all {
            writeln!(out, "no source reached stage 1{}", if self.filter.doors.is_empty() { "" } else { " there" })?;
        }
        for (source, clauses) in &self.scout.uncounted {
            if self.scout.reached.contains(source) || !self.filter.sources.is_empty() {
                continue;
            }
            let clauses: Vec<String> =
                clauses.iter().map(|(clause, count)| format!("{clause} {}", plural(*count, "time"))).collect();
            writeln!(
                out,
                "{source} hit a right port in a way that does not count ({}): see --source {source}",
                clauses.join(", ")
            )?;
        }
        Ok(self.summary)
    }

    fn tell(&mut self, record: &Record<'_>) -> io::Result<()> {
        let hit = self.judgements.judged.first().map(|judged| judged.hit).or(match &self.judgements.unseen {
            Some(Unseen::OnlyV4(hit) | Unseen::Source(hit, _)) => Some(*hit),
            Some(Unseen::NoHit(_)) | None => None,
        });
        let addresses = who::addresses(&record.frame);
        let source = hit.map(|hit| hit.source).or(addresses.map(|(source, _)| source));
        let told = match source {
            Some(source) => takes_source(&self.filter, &self.scout, source),
            None => self.filter.all && self.filter.sources.is_empty(),
        };
        if !told {
            return Ok(());
        }
        write!(self.out, "{}  #{}  ", timeline::time(record.at, record.fine), record.number)?;
        match (hit, addresses) {
            (Some(hit), _) => writeln!(self.out, "{} {}", hit.source, Packet(&hit))?,
            (None, Some((source, destination))) => writeln!(self.out, "{source} > {destination}")?,
            (None, None) => writeln!(self.out, "{} bytes", record.frame.original_len)?,
        }
        if let Some(unseen) = self.judgements.unseen {
            let why = match &unseen {
                Unseen::NoHit(why) => why.to_string(),
                Unseen::OnlyV4(_) => "IPv6 is ignored (-4)".to_owned(),
                Unseen::Source(_, why) => why.to_string(),
            };
            self.verdict("no hit", unseen.clause(), &why)?;
        }
        self.tell_doors()
    }

    /// A line for each door; doors that make the same of the packet, and keep no knock of its source, share one.
    fn tell_doors(&mut self) -> io::Result<()> {
        let mut groups: Vec<(Vec<&str>, String, Clause, String)> = Vec::new();
        for judged in &self.judgements.judged {
            let door = &self.config.doors[judged.door as usize];
            if !self.filter.takes_door(&door.name) {
                continue;
            }
            let stages = match (judged.before.0, judged.after.0, judged.verdict) {
                (before, _, Verdict::Completes) => {
                    format!("stage {before} -> {} of {}: open", before + 1, judged.ports)
                }
                (before, after, _) if before == after => format!("stage {before}"),
                (before, after, _) => format!("stage {before} -> {after} of {}", judged.ports),
            };
            let (clause, words) = (judged.verdict.clause(), words(judged, door));
            let like = |group: &&mut (Vec<&str>, String, Clause, String)| {
                judged.before.0 == 0 && (&group.1, group.2, &group.3) == (&stages, clause, &words)
            };
            match groups.iter_mut().find(like) {
                Some(group) => group.0.push(&door.name),
                None => groups.push((vec![&door.name], stages, clause, words)),
            }
        }
        for (doors, stages, clause, words) in groups {
            let what = format!("{}: {stages}", doors.join(", "));
            self.verdict(&what, clause, &words)?;
        }
        Ok(())
    }

    /// `    WHAT  CLAUSE  WORDS`, and the clause's sentence when it is named for the first time.
    fn verdict(&mut self, what: &str, clause: Clause, words: &str) -> io::Result<()> {
        writeln!(self.out, "    {what}  {clause}  {words}")?;
        self.cite(clause)
    }

    fn cite(&mut self, clause: Clause) -> io::Result<()> {
        if self.cited.insert(clause) {
            writeln!(self.out, "        {clause}: {}", clause.sentence())?;
        }
        Ok(())
    }

    /// What followed, as far as the verdicts do not say it already.
    fn follow_up(&mut self, decision: &Decision, fine: bool) -> io::Result<()> {
        let (Some((source, _)), Some(door)) = (decision.knocker(), decision.door()) else {
            return timeline::write(&mut self.out, decision, fine);
        };
        if !self.filter.takes_door(door.name()) || !takes_source(&self.filter, &self.scout, source) {
            return Ok(());
        }
        let clause = match &decision.effect {
            Effect::Log(Event::Stage { .. }) => return Ok(()),
            Effect::Log(Event::Discarded { clause: Clause::Seq3, .. }) => return Ok(()),
            Effect::Log(Event::Discarded { clause, .. }) => Some(*clause),
            Effect::Log(Event::TimedOut { .. }) => Some(Clause::Time1),
            Effect::Log(Event::Disabled { .. }) => Some(Clause::Once7),
            Effect::Log(_) | Effect::Spend(_) | Effect::Run(_) | Effect::Exit(_) => None,
        };
        match decision.packet {
            Some(_) => writeln!(self.out, "    {source}: {}: {}", door.name(), decision.words())?,
            None => timeline::write(&mut self.out, decision, fine)?,
        }
        clause.map_or(Ok(()), |clause| self.cite(clause))
    }

    fn keep(&mut self, result: io::Result<()>) {
        if self.result.is_ok() {
            self.result = result;
        }
    }
}

fn takes_source(filter: &Filter, scout: &Scout, source: IpAddr) -> bool {
    if filter.sources.is_empty() {
        filter.all || scout.reached.contains(&source)
    } else {
        filter.sources.contains(&source)
    }
}

impl<W: Write> Sink for Explainer<'_, W> {
    type Watch = Judgements;

    fn watch(&mut self) -> &mut Judgements {
        self.judgements.unseen = None;
        self.judgements.judged.clear();
        &mut self.judgements
    }

    fn packet(&mut self, record: &Record<'_>, _: &[Decision]) {
        for judged in &self.judgements.judged {
            self.summary.judged(judged);
            self.misses.judged(record, judged);
        }
        self.summary.end_packet();
        let result = self.tell(record);
        self.keep(result);
    }

    fn decision(&mut self, decision: &Decision, fine: bool) {
        self.summary.add(decision);
        self.misses.decided(decision);
        let result = self.follow_up(decision, fine);
        self.keep(result);
    }

    fn remark(&mut self, remark: String) {
        let result = writeln!(self.out, "{remark}");
        self.keep(result);
    }

    fn pause(&mut self, progress: Progress) {
        (self.pause)(progress);
    }
}

fn words(judged: &Judged, door: &knockd::config::Door) -> String {
    let Judged { hit, before, after, expected, next, .. } = judged;
    let expected = expected.map_or_else(|| "nothing".to_owned(), |port| port.to_string());
    let number = |knock: &Option<u64>| knock.map_or_else(|| "a knock".to_owned(), |number| format!("knock {number}"));
    let next = next.map_or_else(String::new, |port| format!("; {port} is next"));
    match judged.verdict {
        Verdict::Elsewhere => match door.target {
            Some(target) => format!("sent to {}, not to the door's Target {target}", hit.destination),
            None => format!("sent to {}, which is no local address", hit.destination),
        },
        Verdict::FlagsDiffer => {
            let filter = door.flags.map_or_else(String::new, |filter| filter.to_string());
            format!("ignored: its flags [{}] do not pass TCPFlags = {filter}", hit.flags)
        }
        Verdict::UdpNotCounted => "ignored: the door has TCPFlags, and its sequence names no UDP port".to_owned(),
        Verdict::PortIgnored => "ignored: the port is in Ignore_Ports".to_owned(),
        Verdict::DoorDisabled(_) => "the door is disabled".to_owned(),
        Verdict::Repeats => "ignored: this very packet was counted before".to_owned(),
        Verdict::NothingToSpoil => format!("not the first port ({expected}), and no knock to spoil"),
        Verdict::Begins => format!("{} begins{next}", number(&after.1)),
        Verdict::Advances => format!("{} goes on{next}", number(&before.1)),
        Verdict::Completes if before.1.is_none() => "the only port: the knock is complete".to_owned(),
        Verdict::Completes => format!("{} is complete", number(&before.1)),
        Verdict::Discards => format!("{expected} was expected: {} is discarded", number(&before.1)),
        Verdict::Restarts => {
            format!(
                "{expected} was expected: {} is discarded, and {} begins{next}",
                number(&before.1),
                number(&after.1)
            )
        }
    }
}
