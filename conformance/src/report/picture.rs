//! A case as a picture: time runs down, clients stand on the left, the daemon in the middle, what is expected of it on
//! its right, and under each expectation what is wrong with it.

use std::net::IpAddr;

use serde::Serialize;

use super::case::{CaseReport, Outcome, Problem};
use crate::{
    names,
    time::Nanos,
    timeline::{self, Entry, Event, Packet, What},
};

/// The height of a row; its text stands in the middle.
const ROW: usize = 24;
/// The height of the row of names.
const HEAD: usize = 30;
/// Where the first client stands: on its left there is room for a time with nine decimals.
const CLIENT: usize = 120;
/// How far the next one is.
const LANE: usize = 70;
/// How far the daemon is from the last client: room for an arrow's label.
const REACH: usize = 280;
/// More clients than this share one line, each arrow with its name.
const LANES: usize = 4;
/// The width of the whole.
const WIDTH: usize = 880;
/// The width of a character of the fixed-width font, in hundredths.
const CHARACTER: usize = 730;
/// A failure with more problems than this is drawn in part.
const PROBLEMS: usize = 12;

/// The picture, measured in pixels, for a template to draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Picture {
    /// How wide.
    pub width: usize,
    /// How high.
    pub height: usize,
    /// Where the daemon or the client that is judged stands.
    pub server: usize,
    /// What stands there: who is judged.
    pub judged: &'static str,
    /// The others.
    pub clients: Vec<Lifeline>,
    /// Row by row, from the top.
    pub rows: Vec<Row>,
}

/// Somebody who is there all the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lifeline {
    /// Who.
    pub name: String,
    /// Where.
    pub x: usize,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its middle.
    pub y: usize,
    /// Its time, if that is not the one of the row above.
    pub time: Option<String>,
    /// What is drawn.
    pub kind: Kind,
    /// Where an arrow begins, or the text of any other row.
    pub x: usize,
    /// Its text, cut to fit.
    pub text: String,
    /// The whole text.
    pub full: String,
}

/// What is drawn in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something comes from a client to the daemon.
    Arrow,
    /// Something else happens to the daemon.
    Event,
    /// An expectation that nobody judged.
    Expected,
    /// An expectation that was met.
    Met,
    /// One that was not.
    Unmet,
    /// What is wrong.
    Wrong,
    /// The end of the window.
    End,
}

/// Draws a case; nothing if its timeline cannot be read any more, having been written by another version.
#[must_use]
pub fn picture(case: &CaseReport) -> Option<Picture> {
    let timeline = timeline::parse(&case.timeline).ok()?;
    let sources = sources(&timeline.entries);
    let clients = lifelines(&sources);
    let server = clients.last().map_or(CLIENT, |last| last.x) + REACH;
    let mut drawing = Drawing { server, clients, rows: Vec::new(), time: None };
    let (told, left) = case.problems.split_at(case.problems.len().min(PROBLEMS));
    let mut unexpected: Vec<&Problem> = told.iter().filter(|problem| problem.line.is_none()).collect();
    unexpected.sort_by_key(|problem| problem.at_ns);
    let mut unexpected = unexpected.into_iter().peekable();
    for entries in timeline.entries.chunk_by(|one, next| one.line == next.line) {
        let first = &entries[0];
        while let Some(problem) = unexpected.next_if(|problem| problem.at_ns < first.at.0) {
            drawing.wrong(problem);
        }
        drawing.line(case, entries);
        told.iter().filter(|problem| problem.line == Some(first.line)).for_each(|problem| drawing.wrong(problem));
    }
    unexpected.for_each(|problem| drawing.wrong(problem));
    if !left.is_empty() {
        drawing.row(None, Kind::Wrong, drawing.server + 40, format!("and {} problems more", left.len()));
    }
    drawing.row(Some(timeline.end), Kind::End, drawing.server, "end of the window".to_owned());
    let height = HEAD + drawing.rows.len() * ROW + 4;
    let judged = if case.client { "client" } else { "daemon" };
    Some(Picture { width: WIDTH, height, server, judged, clients: drawing.clients, rows: drawing.rows })
}

struct Drawing {
    server: usize,
    clients: Vec<Lifeline>,
    rows: Vec<Row>,
    time: Option<Nanos>,
}

impl Drawing {
    /// A line of the timeline; a scan's packets are one arrow.
    fn line(&mut self, case: &CaseReport, entries: &[Entry]) {
        let first = &entries[0];
        let words = case.timeline.lines().nth(first.line - 1).map(without_time).unwrap_or_default();
        match &first.what {
            What::Event(Event::Packet(packet)) => {
                let (x, named) = self.place(packet);
                let label = words.split_once('>').map_or(words, |(_, what)| what.trim());
                let who = if named {
                    String::new()
                } else {
                    format!("{}: ", words.split('>').next().unwrap_or_default().trim())
                };
                let many = if entries.len() > 1 { format!(" ({} packets)", entries.len()) } else { String::new() };
                self.row(Some(first.at), Kind::Arrow, x, format!("{who}{label}{many}"));
            }
            What::Event(_) => self.row(Some(first.at), Kind::Event, self.server, words.to_owned()),
            What::Expect(_) => {
                let unmet = case.problems.iter().any(|problem| problem.line == Some(first.line));
                let kind = match &case.outcome {
                    Outcome::Passed => Kind::Met,
                    Outcome::Skipped { .. } | Outcome::Unclaimed { .. } => Kind::Expected,
                    Outcome::Broken { .. } if case.problems.is_empty() => Kind::Expected,
                    Outcome::Failed | Outcome::Known { .. } | Outcome::Broken { .. } if unmet => Kind::Unmet,
                    Outcome::Failed | Outcome::Known { .. } | Outcome::Broken { .. } => Kind::Met,
                };
                self.row(Some(first.at), kind, self.server + 20, words.to_owned());
            }
        }
    }

    fn wrong(&mut self, problem: &Problem) {
        let (time, text) = match (problem.line, &problem.instead) {
            // The expectation itself stands in the row above.
            (Some(_), Some(instead)) => (None, format!("{}: {instead}", problem.kind)),
            (Some(_), None) if problem.kind == "missing" => (None, "missing: nothing like it was seen".to_owned()),
            (Some(_), None) | (None, _) => (Some(Nanos(problem.at_ns)), problem.to_string()),
        };
        self.row(time, Kind::Wrong, self.server + 40, text);
    }

    fn row(&mut self, time: Option<Nanos>, kind: Kind, x: usize, full: String) {
        let y = HEAD + self.rows.len() * ROW + ROW / 2;
        let new = time.filter(|time| self.time != Some(*time));
        self.time = time.or(self.time);
        let room =
            if let Kind::Arrow = kind { self.server.saturating_sub(x + 20) } else { WIDTH.saturating_sub(x + 10) };
        self.rows.push(Row {
            y,
            time: new.map(|time| time.to_string()),
            kind,
            x,
            text: cut(&full, room * 100 / CHARACTER),
            full,
        });
    }

    /// Where a packet comes from, and whether a client's name stands there.
    fn place(&self, packet: &Packet) -> (usize, bool) {
        let name = names::name(packet.source);
        let own = self.clients.iter().find(|client| client.name == name);
        match (own, self.clients.first()) {
            (Some(client), _) => (client.x, true),
            (None, Some(shared)) => (shared.x, false),
            (None, None) => (CLIENT, false),
        }
    }
}

fn sources(entries: &[Entry]) -> Vec<IpAddr> {
    let mut sources = Vec::new();
    for entry in entries {
        if let What::Event(Event::Packet(packet)) = &entry.what
            && !sources.contains(&packet.source)
        {
            sources.push(packet.source);
            if sources.len() > LANES {
                break;
            }
        }
    }
    sources
}

fn lifelines(sources: &[IpAddr]) -> Vec<Lifeline> {
    if sources.len() > LANES {
        return vec![Lifeline { name: "clients".to_owned(), x: CLIENT }];
    }
    let lifeline =
        |(place, source): (usize, &IpAddr)| Lifeline { name: names::name(*source), x: CLIENT + place * LANE };
    sources.iter().enumerate().map(lifeline).collect()
}

fn without_time(line: &str) -> &str {
    let line = line.trim();
    match line.split_once(char::is_whitespace) {
        Some((time, words)) if Nanos::parse(time.trim_start_matches('+')).is_ok() => words.trim_start(),
        Some(_) | None => line,
    }
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}
