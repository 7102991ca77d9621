//! Decisions as JSON, one object a line: the stable interface that `schema.json` describes.
//!
//! Floods make a decision of every packet, so a line is put together by hand: no tree, no allocation.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use knockd::{
    engine::Effect,
    event::Event,
    job::{JobKind, Run},
    time::Instant,
};

use super::decision::Decision;

/// The JSON schema of a line.
pub const SCHEMA: &str = include_str!("schema.json");

/// Writes `decision` as a line; `fine` demands nine digits of a second instead of six.
///
/// # Errors
///
/// What `out` says.
pub fn write(out: &mut impl Write, capture: &str, decision: &Decision, fine: bool) -> io::Result<()> {
    out.write_all(br#"{"v":1,"capture":"#)?;
    string(out, capture)?;
    out.write_all(br#","packet":"#)?;
    number_or_null(out, decision.packet)?;
    out.write_all(br#","time":"#)?;
    match decision.at {
        Some(at) => time(out, at, fine)?,
        None => out.write_all(b"null")?,
    }
    out.write_all(br#","event":""#)?;
    out.write_all(name(&decision.effect).as_bytes())?;
    out.write_all(br#"","source":"#)?;
    let knocker = decision.knocker();
    match knocker {
        Some((source, _)) => address(out, source)?,
        None => out.write_all(b"null")?,
    }
    if let Some(door) = decision.door() {
        out.write_all(br#","door":"#)?;
        string(out, door.name())?;
        out.write_all(br#","door_index":"#)?;
        number(out, u64::from(door.index))?;
    }
    out.write_all(br#","knock":"#)?;
    number_or_null(out, knocker.map(|(_, knock)| knock))?;
    match &decision.effect {
        Effect::Log(Event::Stage { stage, .. } | Event::TimedOut { stage, .. }) => stage_field(out, *stage)?,
        Effect::Log(Event::Discarded { stage, clause, .. }) => {
            stage_field(out, *stage)?;
            write!(out, r#","clause":"{clause}""#)?;
        }
        Effect::Spend(spend) => {
            bytes(out, "file", spend.who.door.file())?;
            out.write_all(br#","offset":"#)?;
            number(out, spend.offset)?;
        }
        Effect::Run(Run { command, kind, .. }) => {
            bytes(out, "command", command)?;
            let job = match kind {
                JobKind::Start => "start",
                JobKind::Stop => "stop",
            };
            write!(out, r#","job":"{job}""#)?;
        }
        Effect::Log(_) | Effect::Exit(_) => {}
    }
    out.write_all(b"}\n")
}

/// The event's name.
fn name(effect: &Effect) -> &'static str {
    match effect {
        Effect::Run(_) => "run",
        Effect::Spend(_) => "spend",
        Effect::Log(Event::Stage { .. }) => "stage",
        Effect::Log(Event::Opened { .. }) => "open",
        Effect::Log(Event::TimedOut { .. }) => "timeout",
        Effect::Log(Event::Discarded { .. }) => "discard",
        Effect::Log(Event::Disabled { .. }) => "disable",
        // No decision: `is_decision` keeps these away.
        Effect::Log(_) | Effect::Exit(_) => "other",
    }
}

fn stage_field(out: &mut impl Write, stage: u8) -> io::Result<()> {
    out.write_all(br#","stage":"#)?;
    number(out, u64::from(stage))
}

/// An address in quotes. IPv4's four numbers need none of the machinery that formats text, and floods are full of them.
fn address(out: &mut impl Write, address: IpAddr) -> io::Result<()> {
    let IpAddr::V4(v4) = address else { return write!(out, "\"{address}\"") };
    let [a, b, c, d] = v4.octets();
    out.write_all(b"\"")?;
    number(out, u64::from(a))?;
    for octet in [b, c, d] {
        out.write_all(b".")?;
        number(out, u64::from(octet))?;
    }
    out.write_all(b"\"")
}

/// Seconds since the epoch as a string, which keeps every digit whatever reads it.
fn time(out: &mut impl Write, at: Instant, fine: bool) -> io::Result<()> {
    let (seconds, nanos) = (at.as_nanos() / 1_000_000_000, at.as_nanos() % 1_000_000_000);
    out.write_all(b"\"")?;
    number(out, seconds)?;
    out.write_all(b".")?;
    let (mut rest, digits) = if fine { (nanos, 9) } else { (nanos / 1_000, 6) };
    let mut text = [b'0'; 9];
    for digit in text[..digits].iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    out.write_all(&text[..digits])?;
    out.write_all(b"\"")
}

fn number(out: &mut impl Write, number: u64) -> io::Result<()> {
    out.write_all(itoa::Buffer::new().format(number).as_bytes())
}

fn number_or_null(out: &mut impl Write, value: Option<u64>) -> io::Result<()> {
    match value {
        Some(value) => number(out, value),
        None => out.write_all(b"null"),
    }
}

/// `,"KEY":"TEXT"`, or `,"KEY_hex":"HEX"` for bytes that are no UTF-8.
fn bytes(out: &mut impl Write, key: &str, value: &[u8]) -> io::Result<()> {
    match std::str::from_utf8(value) {
        Ok(text) => {
            write!(out, r#","{key}":"#)?;
            string(out, text)
        }
        Err(_) => {
            write!(out, r#","{key}_hex":""#)?;
            value.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
            out.write_all(b"\"")
        }
    }
}

fn string(out: &mut impl Write, text: &str) -> io::Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)
}
