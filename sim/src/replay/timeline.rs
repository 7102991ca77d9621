//! Decisions for people: one line each, in the daemon's own words, and a summary.

use std::{
    io::{self, Write},
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use knockd::{
    engine::{Effect, Judged, Unseen, Watch},
    event::Event,
    knock::Verdict,
    time::Instant,
};

use super::decision::Decision;

/// Counts what a summary tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Segments and datagrams that concerned a door.
    pub hits: u64,
    /// Knocks that reached stage 1.
    pub begun: u64,
    /// Knocks discarded.
    pub discarded: u64,
    /// Knocks that timed out.
    pub timed_out: u64,
    /// Knocks that opened a door.
    pub opened: u64,
    /// The packet whose hit is counted already: a hit that concerns several doors is one hit.
    concerned: bool,
}

impl Summary {
    /// Counts a decision.
    pub fn add(&mut self, decision: &Decision) {
        match &decision.effect {
            Effect::Log(Event::Stage { stage: 1, .. }) => self.begun += 1,
            Effect::Log(Event::Discarded { .. }) => self.discarded += 1,
            Effect::Log(Event::TimedOut { .. }) => self.timed_out += 1,
            Effect::Log(Event::Opened { .. }) => self.opened += 1,
            Effect::Log(_) | Effect::Run(_) | Effect::Spend(_) | Effect::Exit(_) => {}
        }
    }

    /// Ends a packet, which counts as one hit if it concerned any door.
    pub fn end_packet(&mut self) {
        self.hits += u64::from(std::mem::take(&mut self.concerned));
    }

    /// Adds another capture's counts.
    pub fn merge(&mut self, other: &Self) {
        self.hits += other.hits;
        self.begun += other.begun;
        self.discarded += other.discarded;
        self.timed_out += other.timed_out;
        self.opened += other.opened;
    }

    /// The summary in a line.
    #[must_use]
    pub fn line(&self, packets: u64, took: Duration) -> String {
        let rate = if took.is_zero() { 0 } else { u128::from(packets) * 1_000_000_000 / took.as_nanos() };
        format!(
            "{}, {}, {} begun, {} discarded, {} timed out, {} opened; {} packets a second",
            plural(packets, "packet"),
            plural(self.hits, "hit"),
            plural(self.begun, "knock"),
            grouped(self.discarded.into()),
            grouped(self.timed_out.into()),
            plural(self.opened, "door"),
            grouped(rate),
        )
    }
}

impl Watch for Summary {
    const EVERY: bool = true;

    fn no_hit(&mut self, _: &Unseen) {}

    fn judged(&mut self, judged: &Judged) {
        self.concerned |= concerns(judged.verdict);
    }
}

/// Whether a verdict is one on a hit: a packet that concerns the door.
#[must_use]
pub fn concerns(verdict: Verdict) -> bool {
    !matches!(verdict, Verdict::Elsewhere | Verdict::FlagsDiffer | Verdict::UdpNotCounted)
}

/// Writes a decision as a line: time, packet, source, door, what happened.
///
/// # Errors
///
/// What `out` says.
pub fn write(out: &mut impl Write, decision: &Decision, fine: bool) -> io::Result<()> {
    let style = style(&decision.effect);
    let source = decision.knocker().map_or("-".to_owned(), |(source, _)| source.to_string());
    let door = decision.door().map_or("-", |door| door.name());
    writeln!(
        out,
        "{}  {:>8}  {source:<15}  {door}: {style}{}{style:#}",
        moment(decision.at, fine),
        cause(decision),
        decision.words(),
    )
}

/// The packet's number, or what else moved the daemon.
fn cause(decision: &Decision) -> String {
    match (decision.packet, decision.at) {
        (Some(packet), _) => format!("#{packet}"),
        (None, Some(_)) => "timer".to_owned(),
        (None, None) => "-".to_owned(),
    }
}

/// Writes a remark as a line like those of [`write()`].
///
/// # Errors
///
/// What `out` says.
pub fn remark(out: &mut impl Write, remark: &Event, at: Option<Instant>, fine: bool) -> io::Result<()> {
    writeln!(out, "{}  {}", moment(at, fine), printable(&remark.to_string()))
}

fn moment(at: Option<Instant>, fine: bool) -> String {
    at.map_or_else(|| format!("{:<26}", "at start"), |at| time(at, fine))
}

/// The text with its control characters escaped: a terminal would obey those of a configuration from a stranger.
#[must_use]
pub fn printable(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    if text.contains(char::is_control) { text.chars().map(escape).collect() } else { text.to_owned() }
}

/// What stands out, without a colour.
pub(super) fn bold() -> Style {
    Style::new().bold()
}

/// How a verdict is shown: what opens and what spoils stands out.
pub(super) fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Completes => colour(AnsiColor::Green).bold(),
        Verdict::Discards | Verdict::Restarts => colour(AnsiColor::Red),
        Verdict::Begins | Verdict::Advances => colour(AnsiColor::Green),
        Verdict::Elsewhere
        | Verdict::FlagsDiffer
        | Verdict::UdpNotCounted
        | Verdict::PortIgnored
        | Verdict::DoorDisabled(_)
        | Verdict::Repeats
        | Verdict::NothingToSpoil => Style::new(),
    }
}

fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(colour.into()))
}

fn style(effect: &Effect) -> Style {
    match effect {
        Effect::Log(Event::Opened { .. }) => colour(AnsiColor::Green).bold(),
        Effect::Log(Event::Discarded { .. } | Event::Disabled { .. }) => colour(AnsiColor::Red),
        Effect::Log(Event::TimedOut { .. }) => colour(AnsiColor::Yellow),
        Effect::Run(_) => colour(AnsiColor::Cyan),
        Effect::Log(_) | Effect::Spend(_) | Effect::Exit(_) => Style::new(),
    }
}

/// A moment since the epoch as `2026-11-22 23:51:07.123456`, in UTC so that it reads the same everywhere.
#[must_use]
pub fn time(at: Instant, fine: bool) -> String {
    let format = if fine { "%Y-%m-%d %H:%M:%S%.9f" } else { "%Y-%m-%d %H:%M:%S%.6f" };
    let stamp = jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos()));
    // Sixty-four bits of nanoseconds end in the year 2554, far inside what a timestamp can hold.
    stamp.map_or_else(|_| at.to_string(), |stamp| stamp.strftime(format).to_string())
}

/// `1 packet`, `2 packets`.
#[must_use]
pub fn plural(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count.into()), if count == 1 { "" } else { "s" })
}

/// `1,234,567`.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
