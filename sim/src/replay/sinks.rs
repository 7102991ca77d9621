//! Who hears decisions: a writer of JSON, a writer of lines for people, and a collector for comparisons.

use std::io::{self, Write};

use knockd::{event::Event, time::Instant};

use super::{
    check,
    decision::Decision,
    json,
    progress::Bar,
    timeline::{self, Summary},
    world::Sink,
};
use crate::capture::{Progress, Record};

/// Decisions in comparable form, when a comparison wants them.
type Collected<'a> = Option<&'a mut Vec<String>>;

/// What is worth saying beside lines that programs read: as many remarks as a person would read, and a count of the rest.
#[derive(Debug, Default)]
pub struct Remarks {
    first: Vec<String>,
    more: u64,
}

impl Remarks {
    const MOST: usize = 20;

    fn add(&mut self, remark: &Event) {
        if self.first.len() < Self::MOST {
            self.first.push(timeline::printable(&remark.to_string()));
        } else {
            self.more += 1;
        }
    }

    /// The remarks, a line each.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let more = (self.more > 0).then(|| timeline::plural(self.more, "more remark"));
        self.first.iter().cloned().chain(more)
    }
}

/// Collects decisions and shows nothing.
pub struct Collect<'a> {
    collected: Collected<'a>,
    /// What is worth saying beside the comparison.
    remarks: &'a mut Remarks,
    bar: &'a mut Bar,
    nobody: (),
}

impl<'a> Collect<'a> {
    pub(crate) fn new(collected: Collected<'a>, remarks: &'a mut Remarks, bar: &'a mut Bar) -> Self {
        Self { collected, remarks, bar, nobody: () }
    }
}

impl Sink for Collect<'_> {
    type Watch = ();

    fn watch(&mut self) -> &mut () {
        &mut self.nobody
    }

    fn decision(&mut self, decision: &Decision, fine: bool) {
        collect(&mut self.collected, decision, fine);
    }

    fn remark(&mut self, remark: &Event, _: Option<Instant>, _: bool) {
        self.remarks.add(remark);
    }

    fn pause(&mut self, progress: Progress) {
        self.bar.at(progress);
    }
}

/// How many bytes of lines are written at once.
const ENOUGH_LINES: usize = 1 << 15;

/// Writes a JSON line a decision.
pub struct Json<'a, W: Write> {
    capture: json::Lines,
    out: W,
    collected: Collected<'a>,
    watcher: &'a mut dyn FnMut(Option<Progress>),
    /// What is worth saying beside the lines.
    remarks: Remarks,
    /// Lines that are not written yet: putting them together here costs no call through `out` for each of their pieces.
    lines: Vec<u8>,
    result: io::Result<()>,
    nobody: (),
}

impl<'a, W: Write> Json<'a, W> {
    /// Writes to `out` what is decided about the capture called `capture`, and gives what it writes to `collected`, too;
    /// `watcher` hears how far the capture has been read, and before lines are written.
    pub fn new(capture: &str, out: W, collected: Collected<'a>, watcher: &'a mut dyn FnMut(Option<Progress>)) -> Self {
        let (capture, remarks, lines) = (json::Lines::new(capture), Remarks::default(), Vec::new());
        Self { capture, out, collected, watcher, remarks, lines, result: Ok(()), nobody: () }
    }

    /// Writes what is left, and gives what is worth saying beside the lines.
    ///
    /// # Errors
    ///
    /// The first one of the writer, after which nothing more was written.
    pub fn finish(mut self) -> io::Result<Remarks> {
        self.write();
        self.result?;
        self.out.flush()?;
        Ok(self.remarks)
    }

    fn write(&mut self) {
        if self.result.is_ok() && !self.lines.is_empty() {
            (self.watcher)(None);
            self.result = self.out.write_all(&self.lines);
        }
        self.lines.clear();
    }
}

impl<W: Write> Sink for Json<'_, W> {
    type Watch = ();

    #[inline]
    fn watch(&mut self) -> &mut () {
        &mut self.nobody
    }

    fn decision(&mut self, decision: &Decision, fine: bool) {
        collect(&mut self.collected, decision, fine);
        self.capture.write(&mut self.lines, decision, fine);
        if self.lines.len() >= ENOUGH_LINES {
            self.write();
        }
    }

    fn remark(&mut self, remark: &Event, _: Option<Instant>, _: bool) {
        self.remarks.add(remark);
    }

    fn pause(&mut self, progress: Progress) {
        self.write();
        flush(&mut self.out, &mut self.result);
        (self.watcher)(Some(progress));
    }
}

/// Writes a line a decision, and counts.
pub struct Timeline<'a, W: Write> {
    out: W,
    collected: Collected<'a>,
    bar: &'a mut Bar,
    result: io::Result<()>,
    summary: Summary,
}

impl<'a, W: Write> Timeline<'a, W> {
    pub(crate) fn new(out: W, collected: Collected<'a>, bar: &'a mut Bar) -> Self {
        Self { out, collected, bar, result: Ok(()), summary: Summary::default() }
    }

    pub(crate) fn finish(self) -> io::Result<Summary> {
        self.result.map(|()| self.summary)
    }
}

impl<W: Write> Sink for Timeline<'_, W> {
    type Watch = Summary;

    fn watch(&mut self) -> &mut Summary {
        &mut self.summary
    }

    fn packet(&mut self, _: &Record<'_>, _: Instant) {
        self.summary.end_packet();
    }

    fn decision(&mut self, decision: &Decision, fine: bool) {
        self.summary.add(decision);
        collect(&mut self.collected, decision, fine);
        self.bar.make_room();
        if self.result.is_ok() {
            self.result = timeline::write(&mut self.out, decision, fine);
        }
    }

    fn remark(&mut self, remark: &Event, at: Option<Instant>, fine: bool) {
        self.bar.make_room();
        if self.result.is_ok() {
            self.result = timeline::remark(&mut self.out, remark, at, fine);
        }
    }

    fn pause(&mut self, progress: Progress) {
        flush(&mut self.out, &mut self.result);
        self.bar.at(progress);
    }
}

/// Whoever reads from a pipe sees what was decided before more input is awaited.
fn flush(out: &mut impl Write, result: &mut io::Result<()>) {
    if result.is_ok() {
        *result = out.flush();
    }
}

fn collect(collected: &mut Collected<'_>, decision: &Decision, fine: bool) {
    let Some(lines) = collected else { return };
    let mut line = Vec::new();
    json::Lines::new("").write(&mut line, decision, fine);
    // The line is the JSON that was just written.
    lines.push(check::comparable(&line).unwrap_or_else(|error| error));
}
