//! Decisions as JSON, one object a line: the stable interface that `schema.json` describes.
//!
//! Floods make a decision of every packet, so a line is put together by hand: no tree, no allocation, and no writer that
//! could fail between its pieces.

use std::{io::Write, net::IpAddr};

use knockd::{
    engine::Effect,
    event::Event,
    job::{JobKind, Run},
    time::Instant,
};

use super::decision::Decision;

/// The JSON schema of a line.
pub const SCHEMA: &str = include_str!("schema.json");

/// Writes the lines of one capture's decisions.
#[derive(Clone, Debug)]
pub struct Lines {
    /// What every line begins with.
    head: Vec<u8>,
}

impl Lines {
    /// Lines about the capture called `capture`.
    #[must_use]
    pub fn new(capture: &str) -> Self {
        let mut head = br#"{"v":1,"capture":"#.to_vec();
        string(&mut head, capture);
        head.extend(br#","packet":"#);
        Self { head }
    }

    /// Appends `decision` to `out`; `fine` demands nine digits of a second instead of six.
    pub fn write(&self, out: &mut Vec<u8>, decision: &Decision, fine: bool) {
        out.extend_from_slice(&self.head);
        number_or_null(out, decision.packet);
        out.extend(br#","time":"#);
        match decision.at {
            Some(at) => time(out, at, fine),
            None => out.extend(b"null"),
        }
        out.extend(br#","event":""#);
        out.extend_from_slice(name(&decision.effect).as_bytes());
        out.extend(br#"","source":"#);
        let knocker = decision.knocker();
        match knocker {
            Some((source, _)) => address(out, source),
            None => out.extend(b"null"),
        }
        if let Some(door) = decision.door() {
            out.extend(br#","door":"#);
            string(out, door.name());
            out.extend(br#","door_index":"#);
            number(out, door.index);
        }
        out.extend(br#","knock":"#);
        number_or_null(out, knocker.map(|(_, knock)| knock));
        match &decision.effect {
            Effect::Log(Event::Stage { stage, .. } | Event::TimedOut { stage, .. }) => stage_field(out, *stage),
            Effect::Log(Event::Discarded { stage, clause, .. }) => {
                stage_field(out, *stage);
                out.extend(br#","clause":""#);
                format(out, format_args!("{clause}\""));
            }
            Effect::Spend(spend) => {
                bytes(out, "file", spend.who.door.file());
                out.extend(br#","offset":"#);
                number(out, spend.offset);
            }
            Effect::Run(Run { command, kind, .. }) => {
                bytes(out, "command", command);
                out.extend_from_slice(match kind {
                    JobKind::Start => br#","job":"start""#,
                    JobKind::Stop => br#","job":"stop""#,
                });
            }
            Effect::Log(_) | Effect::Exit(_) => {}
        }
        out.extend(b"}\n");
    }
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

fn stage_field(out: &mut Vec<u8>, stage: u8) {
    out.extend(br#","stage":"#);
    number(out, stage);
}

/// An address in quotes. IPv4's four numbers need none of the machinery that formats text, and floods are full of them.
fn address(out: &mut Vec<u8>, address: IpAddr) {
    let IpAddr::V4(v4) = address else { return format(out, format_args!("\"{address}\"")) };
    let [a, b, c, d] = v4.octets();
    out.push(b'"');
    number(out, a);
    for octet in [b, c, d] {
        out.push(b'.');
        number(out, octet);
    }
    out.push(b'"');
}

/// Seconds since the epoch as a string, which keeps every digit whatever reads it.
fn time(out: &mut Vec<u8>, at: Instant, fine: bool) {
    const SECOND: u64 = 1_000_000_000;
    let (seconds, nanos) = (at.as_nanos() / SECOND, at.as_nanos() % SECOND);
    out.push(b'"');
    number(out, seconds);
    // A leading digit keeps the zeros behind it, and the point takes its place.
    let point = out.len();
    number(out, if fine { SECOND + nanos } else { (SECOND + nanos) / 1_000 });
    out[point] = b'.';
    out.push(b'"');
}

fn number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn number_or_null(out: &mut Vec<u8>, value: Option<u64>) {
    match value {
        Some(value) => number(out, value),
        None => out.extend(b"null"),
    }
}

/// `,"KEY":"TEXT"`, or `,"KEY_hex":"HEX"` for bytes that are no UTF-8.
fn bytes(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    match std::str::from_utf8(value) {
        Ok(text) => {
            format(out, format_args!(",\"{key}\":"));
            string(out, text);
        }
        Err(_) => {
            format(out, format_args!(",\"{key}_hex\":\""));
            value.iter().for_each(|byte| format(out, format_args!("{byte:02x}")));
            out.push(b'"');
        }
    }
}

/// Text in quotes. Most names need no escapes, and are copied.
fn string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        // A vector takes every byte, and text is always JSON.
        let _all = serde_json::to_writer(out, text);
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn format(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // A vector takes every byte.
    let _all = out.write_fmt(text);
}
