//! `--explain`: every packet that matters, with the clause that decided it, and why each knock failed.
//!
//! Two passes over the capture: the first finds out who got as far as stage 1, the second tells their story.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    net::IpAddr,
};

use anstyle::Style;
use knockd::{
    clause::Clause,
    config::Config,
    engine::{Doors, Effect, Judged, Unseen, Watch},
    event::Event,
    knock::Verdict,
    time::Instant,
};

use super::{
    decision::Decision,
    misses::Misses,
    progress::Bar,
    rest::Rest,
    timeline::{self, Summary, printable},
    used::Used,
    vain::Vain,
    who,
    words::{self, Cited},
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
    /// Whether it takes the door called `name`.
    pub(super) fn takes_door(&self, name: &str) -> bool {
        self.doors.is_empty() || self.doors.iter().any(|wanted| is_wanted(name, wanted))
    }
}

/// What the engine said of the packet at hand.
#[derive(Debug, Default)]
pub(crate) struct Judgements {
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

/// What some doors make of a packet, all of them the same.
struct Verdicts<'a> {
    doors: Vec<&'a str>,
    stages: String,
    verdict: Verdict,
    words: String,
}

/// The second pass: tells the story.
pub(crate) struct Explainer<'a, W> {
    out: W,
    doors: &'a Doors,
    config: &'a Config,
    filter: &'a Filter,
    /// Whether every unicast destination counts as local.
    any_local: bool,
    reached: BTreeSet<IpAddr>,
    judgements: Judgements,
    misses: Misses,
    vain: Vain,
    used: Used,
    rest: Rest,
    cited: Cited,
    /// Whether there was anything to tell of any packet.
    told: bool,
    /// What was counted.
    summary: Summary,
    /// What went wrong in writing, first of all.
    result: io::Result<()>,
    bar: &'a mut Bar,
}

impl<'a, W: Write> Explainer<'a, W> {
    /// Writes to `out` about `doors`; `reached` is what the first pass found out, and `any_local` says that every unicast
    /// destination counts as local.
    pub(crate) fn new(
        out: W,
        doors: &'a Doors,
        filter: &'a Filter,
        any_local: bool,
        reached: BTreeSet<IpAddr>,
        bar: &'a mut Bar,
    ) -> Self {
        Self {
            out,
            doors,
            config: doors.config(),
            filter,
            any_local,
            reached,
            judgements: Judgements::default(),
            misses: Misses::default(),
            vain: Vain::default(),
            used: Used::new(doors),
            rest: Rest::default(),
            cited: Cited::default(),
            told: false,
            summary: Summary::default(),
            result: Ok(()),
            bar,
        }
    }

    /// Says why each source failed, and who else knocked in vain.
    ///
    /// # Errors
    ///
    /// What the output says, now or earlier.
    pub(crate) fn finish(mut self) -> io::Result<Summary> {
        self.result?;
        self.bar.make_room();
        let out = &mut self.out;
        if self.told {
            writeln!(out)?;
        }
        // What is read last is often all that is read, so the sentences stand here once more.
        let mut cited = Cited::default();
        let mut opened = false;
        let mut touched = BTreeSet::new();
        for trail in self.misses.trails() {
            touched.insert(trail.door);
            let door = &self.config.doors[trail.door as usize];
            if self.filter.takes_door(&door.name) && takes(self.filter, &self.reached, trail.source) {
                let early = self.vain.early(trail.source, trail.door);
                trail.write(out, door, &mut cited, early)?;
                opened |= trail.opened();
            }
        }
        if opened && self.any_local {
            writeln!(out, "every unicast destination counted as local: name the host's own addresses with --local")?;
        }
        let told = |source, door| self.misses.knows(source, door);
        self.vain.write(out, self.config, self.filter, &mut cited, told)?;
        self.rest.write(out, self.config, self.filter, &self.reached, |door| touched.contains(&door))?;
        Ok(self.summary)
    }

    fn tell(&mut self, record: &Record<'_>, at: Instant) -> io::Result<()> {
        let hit = self.judgements.judged.first().map(|judged| judged.hit).or(match &self.judgements.unseen {
            Some(Unseen::OnlyV4(hit) | Unseen::Source(hit, _)) => Some(*hit),
            Some(Unseen::NoHit(_)) | None => None,
        });
        let addresses = who::addresses(&record.frame);
        let source = hit.map(|hit| hit.source).or(addresses.map(|(source, _)| source));
        if let Some(source) = source {
            self.rest.sent(source, self.filter);
        }
        let told = match source {
            Some(source) => takes(self.filter, &self.reached, source),
            None => self.filter.all && self.filter.sources.is_empty(),
        };
        if !told {
            return Ok(());
        }
        self.told = true;
        self.bar.make_room();
        write!(self.out, "{}  #{}  ", timeline::time(record.at, record.fine), record.number)?;
        match (hit, addresses) {
            (Some(hit), _) => writeln!(self.out, "{}", words::packet(&hit))?,
            (None, Some((source, destination))) => writeln!(self.out, "{source} > {destination}")?,
            (None, None) => writeln!(self.out, "{} bytes", record.frame.original_len)?,
        }
        if at > record.at {
            let at = timeline::time(at, record.fine);
            let words = format!("a packet before it has a later stamp, so this one counts as of {at}");
            self.verdict("out of order", Style::new(), Clause::Time2, &words)?;
        }
        if let Some(unseen) = self.judgements.unseen {
            self.verdict("no hit", Style::new(), unseen.clause(), &words::unseen(&unseen))?;
        }
        self.tell_doors()
    }

    /// A line for each door; doors that make the same of the packet, and keep no knock of its source, share one.
    fn tell_doors(&mut self) -> io::Result<()> {
        let mut groups: Vec<Verdicts<'_>> = Vec::new();
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
            let (verdict, words) = (judged.verdict, words::verdict(judged, door));
            let like = |group: &&mut Verdicts<'_>| {
                judged.before.0 == 0 && (&group.stages, group.verdict, &group.words) == (&stages, verdict, &words)
            };
            match groups.iter_mut().find(like) {
                Some(group) => group.doors.push(&door.name),
                None => groups.push(Verdicts { doors: vec![&door.name], stages, verdict, words }),
            }
        }
        for Verdicts { doors, stages, verdict, words } in groups {
            let what = format!("{}: {stages}", doors.join(", "));
            self.verdict(&what, timeline::verdict_style(verdict), verdict.clause(), &words)?;
        }
        Ok(())
    }

    /// `    WHAT  CLAUSE  WORDS`, and the clause's sentence when it is named for the first time.
    fn verdict(&mut self, what: &str, style: Style, clause: Clause, words: &str) -> io::Result<()> {
        writeln!(self.out, "    {style}{what}{style:#}  {clause}  {words}")?;
        self.cited.cite(&mut self.out, 8, clause)
    }

    /// What followed, as far as the verdicts do not say it already.
    fn follow_up(&mut self, decision: &Decision, fine: bool) -> io::Result<()> {
        let (Some((source, _)), Some(door)) = (decision.knocker(), decision.door()) else {
            return timeline::write(&mut self.out, decision, fine);
        };
        if !self.filter.takes_door(door.name()) || !takes(self.filter, &self.reached, source) {
            return Ok(());
        }
        self.told = true;
        self.bar.make_room();
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
        clause.map_or(Ok(()), |clause| self.cited.cite(&mut self.out, 8, clause))
    }

    fn keep(&mut self, result: io::Result<()>) {
        if self.result.is_ok() {
            self.result = result;
        }
    }
}

/// Whether `label` is how a door called `wanted` is shown, by itself or as one of numbered namesakes.
pub(super) fn is_wanted(label: &str, wanted: &str) -> bool {
    label.strip_prefix(&printable(wanted)).is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')')).is_some_and(is_number)
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the packets of `source` are told.
fn takes(filter: &Filter, reached: &BTreeSet<IpAddr>, source: IpAddr) -> bool {
    if filter.sources.is_empty() { filter.all || reached.contains(&source) } else { filter.sources.contains(&source) }
}

impl<W: Write> Sink for Explainer<'_, W> {
    type Watch = Judgements;

    fn watch(&mut self) -> &mut Judgements {
        self.judgements.unseen = None;
        self.judgements.judged.clear();
        &mut self.judgements
    }

    fn packet(&mut self, record: &Record<'_>, at: Instant) {
        if let Some(unseen) = &self.judgements.unseen {
            self.vain.unseen(record.number, unseen, self.config);
            self.rest.unseen(record.number, unseen, self.config);
            if unseen.clause() == Clause::Listen6
                && let Some((source, _)) = who::addresses(&record.frame)
            {
                self.misses.unread(record.number, source, unseen);
            }
        }
        let counted = Record { at, ..*record };
        for judged in &self.judgements.judged {
            let door = &self.config.doors[judged.door as usize];
            self.summary.judged(judged);
            self.misses.judged(&counted, judged, door);
            self.vain.judged(record.number, judged, door, &self.used);
            self.rest.judged(judged, door);
        }
        self.summary.end_packet();
        let result = self.tell(record, at);
        self.keep(result);
    }

    fn decision(&mut self, decision: &Decision, fine: bool) {
        self.summary.add(decision);
        self.misses.decided(decision, fine);
        if let Effect::Spend(spend) = &decision.effect {
            self.used.spent(spend, self.doors);
            self.rest.spent(spend.who.door.index);
        }
        let result = self.follow_up(decision, fine);
        self.keep(result);
    }

    fn remark(&mut self, remark: &Event, at: Option<Instant>, fine: bool) {
        let result = timeline::remark(&mut self.out, remark, at, fine);
        self.keep(result);
    }

    fn pause(&mut self, progress: Progress) {
        if self.result.is_ok() {
            self.result = self.out.flush();
        }
        self.bar.at(progress);
    }
}
