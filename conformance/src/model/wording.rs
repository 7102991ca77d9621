//! What the daemon writes to its log (LOG-2, LOG-4).

use super::{
    deviation::{Deviation as D, Deviations},
    words::{Event, What},
};
use crate::time::{Nanos, SECOND};

/// The line of an event, if it has one; `debug`: discards are told too.
pub(super) fn line(event: &Event, debug: bool, is: Deviations) -> Option<String> {
    let door = event.door.as_ref().map_or("", |door| door.name.as_str());
    let source =
        event.door.as_ref().and_then(|door| door.knock).map_or(String::new(), |(source, _)| source.to_string());
    Some(match &event.what {
        What::StartingUp(interface) if is.on(D::OtherStartWording) => format!("listening on {interface}"),
        What::StartingUp(interface) => format!("starting up, listening on {interface}"),
        What::Stage(stage) if is.on(D::OtherStageWording) => format!("{source}: {door}: stage {stage}"),
        What::Stage(stage) => format!("{source}: {door}: Stage {stage}"),
        What::Open if is.on(D::OtherOpenWording) => format!("{source}: {door}: OPEN"),
        What::Open => format!("{source}: {door}: OPEN SESAME"),
        What::Timeout { stage } if is.on(D::OtherTimeoutWording) => {
            format!("{source}: {door}: timeout at stage {stage}")
        }
        What::Timeout { stage } => format!("{source}: {door}: sequence timeout (stage {stage})"),
        What::Start(command) | What::Stop(command) if is.on(D::OtherCommandWording) => format!("{door}: run {command}"),
        What::Start(command) | What::Stop(command) => format!("{door}: running command: {command}"),
        What::CommandTimeout if is.on(D::OtherCommandTimeoutWording) => format!("{door}: timeout of the command"),
        What::CommandTimeout => format!("{source}: {door}: command timeout"),
        What::Failed(status) if is.on(D::OtherFailureWording) => format!("{door}: command failed ({status})"),
        What::Failed(status) => format!("{door}: command returned non-zero status code ({status})"),
        What::Refused => format!("{door}: command could not be run: it is too long"),
        What::Rereading(_) if is.on(D::OtherRereadingWording) => "reloading".to_owned(),
        What::Rereading(file) => format!("re-reading config file: {file}"),
        What::ShuttingDown if is.on(D::OtherEndWording) => "waiting for child processes".to_owned(),
        What::ShuttingDown => "shutting down".to_owned(),
        What::Skipped { line, file } if is.on(D::SkippedLineNotLogged) => return silent(line, file),
        What::Skipped { line, file } => format!("{door}: {file} line {line} is passed over: it is no sequence"),
        What::Disable { file, unmarked: false } => {
            format!("{door}: no usable sequence left in {file}: door disabled")
        }
        What::Disable { file, unmarked: true } => {
            format!("{door}: cannot mark the used line in {file}: door disabled")
        }
        What::Crowded => "too many unfinished knocks: dropping the oldest of the lowest stage".to_owned(),
        What::Busy => "too many commands waiting: further knocks do not open".to_owned(),
        What::Discard { stage, clause, by } if debug && !is.on(D::DebugIgnored) || is.on(D::DiscardsAlwaysLogged) => {
            let by = by.map(|port| format!(" by a hit on {port}")).unwrap_or_default();
            format!("{source}: {door}: knock discarded at stage {stage} ({clause}){by}")
        }
        What::Discard { .. } | What::Spend { .. } | What::Exit(_) => return None,
    })
}

fn silent(_: &usize, _: &str) -> Option<String> {
    None
}

/// How many `Stage 1` and timeout lines a second takes (LOG-4).
const LINES: u32 = 1000;

/// Leaves out the lines that would fill a disk, and counts them.
#[derive(Debug, Default)]
pub(super) struct Limit {
    ends: Option<Nanos>,
    admitted: u32,
    left_out: u64,
}

impl Limit {
    /// Whether the line is written, and what is to be written before it: how many were left out in the second that has
    /// ended.
    pub(super) fn admits(&mut self, event: &Event, is: Deviations) -> (bool, Option<(Nanos, String)>) {
        let first = self.flush(event.time);
        if !matches!(event.what, What::Stage(1) | What::Timeout { .. }) || is.on(D::FloodLogged) {
            return (true, first);
        }
        if self.ends.is_none_or(|ends| event.time >= ends && !is.on(D::FloodSilencesForEver)) {
            self.ends = Some(event.time.after(SECOND));
            self.admitted = 0;
        }
        self.admitted += 1;
        let admitted = self.admitted <= LINES;
        self.left_out += u64::from(!admitted);
        (admitted, first)
    }

    /// The count of a second that has ended by now.
    pub(super) fn flush(&mut self, now: Nanos) -> Option<(Nanos, String)> {
        let ends = self.ends.filter(|ends| self.left_out > 0 && now >= *ends)?;
        let count = std::mem::take(&mut self.left_out);
        Some((ends, if count == 1 { "1 message left out".to_owned() } else { format!("{count} messages left out") }))
    }
}
