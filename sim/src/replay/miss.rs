//! A knock, in progress or failed: how far it came, and what was in its way.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use knockd::{clause::Clause, config::Door, engine::Judged, knock::Verdict, port::Port, time::Instant, wire::Hit};

use super::{
    timeline,
    words::{self, Cited},
};

/// How many hits that did not count are remembered for a knock: whoever sends more repeats the same mistake.
const MOST_UNCOUNTED: usize = 8;

/// A hit that may belong to another source's knock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stray {
    /// Its number.
    pub(super) packet: u64,
    /// Who sent it.
    pub(super) source: IpAddr,
}

/// A knock in progress.
#[derive(Clone, Debug)]
pub(super) struct Live {
    /// Its number.
    pub(super) knock: u64,
    /// When its first hit came.
    pub(super) begun: Instant,
    /// The packets that counted, and what each of them hit.
    pub(super) counted: Vec<(u64, String)>,
    /// The port that is due.
    pub(super) next: Option<Port>,
    /// How many ports the sequence has.
    pub(super) ports: u8,
    /// Packets that may have been the next hit but did not count, and why not.
    pub(super) uncounted: Vec<(Clause, String)>,
    /// A hit of another source on the port that was due when the knock failed.
    pub(super) stray: Option<Stray>,
}

/// A knock that failed.
#[derive(Debug)]
pub(super) struct Miss {
    /// As it was.
    pub(super) live: Live,
    /// How far it had come.
    pub(super) stage: u8,
    /// What ended it.
    pub(super) why: Why,
    /// When.
    pub(super) at: Instant,
    /// The first hit on the missing port that came when it was too late.
    pub(super) late: Option<(u64, Instant)>,
    /// Whether the capture is finer than microseconds.
    pub(super) fine: bool,
}

/// What ended a knock.
#[derive(Debug)]
pub(super) enum Why {
    /// This packet was a wrong hit.
    Spoiled { packet: u64, hit: Hit },
    /// Time was up.
    TimedOut,
    /// It was discarded for another reason, at this packet.
    Discarded { packet: Option<u64>, clause: Clause },
}

impl Miss {
    /// Writes how near it came and what was in its way; `early` is what the source hit before it began.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub(super) fn write(
        &self,
        out: &mut impl Write,
        door: &Door,
        cited: &mut Cited,
        early: Option<(u64, &str)>,
    ) -> io::Result<()> {
        let Self { live, stage, why, at, late, fine } = self;
        let next = live.next();
        writeln!(out, "    nearest miss: {}, and {next} was due", live.progress())?;
        let moment = timeline::time(*at, *fine);
        let clause = match why {
            Why::Spoiled { packet, hit } => {
                let clause = Clause::Seq3;
                writeln!(out, "    packet #{packet} spoiled it ({clause}): {}", words::packet(hit))?;
                clause
            }
            Why::TimedOut => {
                let clause = Clause::Time1;
                let allowed = seconds(at.as_nanos().saturating_sub(live.begun.as_nanos()));
                let first = live.counted.first().map_or(0, |(packet, _)| *packet);
                writeln!(out, "    time was up ({clause}) at {moment}, {allowed} s after packet #{first}")?;
                clause
            }
            Why::Discarded { packet, clause } => {
                let packet = packet.map_or_else(String::new, |packet| format!(" with packet #{packet}"));
                writeln!(out, "    it was discarded ({clause}) at {moment}{packet}")?;
                *clause
            }
        };
        cited.cite(out, 4, clause)?;
        match (late, why) {
            (Some((packet, late)), _) => {
                let when = match late.as_nanos().saturating_sub(at.as_nanos()) {
                    0 => "at that very moment".to_owned(),
                    late => format!("{} s after that", seconds(late)),
                };
                writeln!(out, "    packet #{packet} hit {next} {when}, too late")?;
            }
            (None, Why::TimedOut) if live.stray.is_none() => writeln!(out, "    no later packet hit {next}")?,
            (None, _) => {}
        }
        for (clause, line) in &live.uncounted {
            words::wrapped(out, 4, line)?;
            cited.cite(out, 4, *clause)?;
        }
        if !live.uncounted.is_empty() {
            return Ok(());
        }
        let missing = match why {
            Why::Spoiled { hit, .. } => late.is_none() && words::comes_later(hit, door, *stage),
            Why::TimedOut => late.is_none(),
            Why::Discarded { .. } => false,
        };
        let first = live.counted.first();
        if let Some(Stray { packet, source }) = live.stray.filter(|_| missing) {
            words::wrapped(out, 4, &format!("packet #{packet} hit {next}, but from {source} ({})", Clause::Seq1))?;
            cited.cite(out, 4, Clause::Seq1)?;
        } else if let (Some((early, port)), Some((begun, first))) = (early, first)
            && missing
            && early < *begun
        {
            let line = format!("packet #{early} hit {port} before the first port {first} ({})", Clause::Seq1);
            words::wrapped(out, 4, &line)?;
            cited.cite(out, 4, Clause::Seq1)?;
        } else if let Why::Spoiled { hit, .. } = why
            && let Some(hint) = words::hint(hit, door, *stage, live.next, late.is_some())
        {
            words::wrapped(out, 4, &format!("hint: {hint}"))?;
        }
        Ok(())
    }
}

impl Live {
    /// A hit on the port that is due, or on its number by UDP, that the door does not count.
    pub(super) fn not_counted(&mut self, number: u64, judged: &Judged, door: &Door) {
        let Some(next) = self.next else { return };
        let clause = judged.verdict.clause();
        if judged.verdict == Verdict::UdpNotCounted && judged.hit.port == next.number.get() {
            let port = next.number;
            self.remember(
                clause,
                format!("packet #{number} hit {port} by udp, which the door does not count ({clause})"),
            );
        } else if judged.hit.is_on(next) {
            let why = words::verdict(judged, door);
            self.remember(clause, format!("packet #{number} had hit {next} but did not count ({clause}): {why}"));
        }
    }

    /// Keeps a line about a packet that may have been the next hit.
    pub(super) fn remember(&mut self, clause: Clause, line: String) {
        if self.uncounted.len() < MOST_UNCOUNTED {
            self.uncounted.push((clause, line));
        }
    }

    /// `knock 2 got 2 of 3 hits right (#3 7000, #5 8000)`
    pub(super) fn progress(&self) -> String {
        let Self { knock, counted, ports, .. } = self;
        let hits: Vec<String> = counted.iter().map(|(packet, port)| format!("#{packet} {port}")).collect();
        format!("knock {knock} got {} of {ports} hits right ({})", counted.len(), hits.join(", "))
    }

    /// The port that is due, in words.
    pub(super) fn next(&self) -> String {
        self.next.map_or_else(|| "the next port".to_owned(), |port| port.to_string())
    }
}

/// `once`, `2 times`
pub(super) fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        count => timeline::plural(count, "time"),
    }
}

/// Nanoseconds as seconds, without needless digits.
fn seconds(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
