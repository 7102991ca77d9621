//! `knocksim replay`: recorded captures through the engine, decision by decision.
//!
//! A capture needs a configuration, by default the file of the same name with the ending `.conf`, and the addresses of
//! the host that recorded it, from the sidecar `.toml` or from `--local`. Each capture starts a fresh daemon. Nothing is
//! run and nothing is written: commands are reported, and one-time lines are spent in memory. After the last packet time
//! runs on until nothing is pending; where a capture breaks off, it stops.

pub mod beside;
pub mod check;
pub mod decision;
pub mod error;
pub mod explain;
pub mod json;
mod miss;
mod misses;
mod one;
mod progress;
mod rest;
mod scout;
pub mod sinks;
pub mod timeline;
mod used;
mod vain;
mod who;
mod words;
pub mod world;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{self, Write},
    net::IpAddr,
    path::{Path, PathBuf},
};

use knockd::config::Style;

use self::{
    beside::LocalArg,
    error::ReplayError,
    explain::Filter,
    one::{Failure, Replay, Total},
};

/// What to replay, and what to show of it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The configuration, if it is not beside each capture.
    pub config: Option<PathBuf>,
    /// The host's addresses, if they are not in each sidecar.
    pub local: Vec<LocalArg>,
    /// What to show.
    pub show: Show,
    /// Whether to compare with the expected decisions.
    pub check: bool,
    /// Where to write the one-time files as they are at the end.
    pub write_spent: Option<PathBuf>,
    /// Ignore IPv6 (LISTEN-5).
    pub only_v4: bool,
    /// The bound on half-finished knocks (SEQ-10).
    pub max_knocks: Option<usize>,
}

/// What to show of a replay.
#[derive(Clone, Debug, Default)]
pub enum Show {
    /// A line a decision, and a summary.
    #[default]
    Timeline,
    /// A JSON object a decision.
    Json,
    /// Every packet that matters, with the clause that decided it.
    Explain(Filter),
    /// Nothing.
    Nothing,
}

/// How it all went; the exit status follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Captures that could not be replayed, wholly or at all.
    pub broken: usize,
    /// Captures whose decisions were not the expected ones.
    pub differ: usize,
}

impl Outcome {
    /// 2 if anything broke, else 1 if anything differed, else 0.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self { broken: 1.., .. } => 2,
            Self { differ: 1.., .. } => 1,
            Self { .. } => 0,
        }
    }
}

/// Where a replay writes.
pub struct Streams<'a> {
    /// Decisions.
    pub out: &'a mut dyn Write,
    /// Errors and notes.
    pub err: &'a mut dyn Write,
    /// How configuration errors are drawn.
    pub style: Style,
    /// Whether a person watches, so that long work shows a bar.
    pub bar: bool,
}

/// Replays the captures, in order. What is wrong with one is reported and does not keep the others from being replayed.
///
/// # Errors
///
/// Only that the output cannot be written.
pub fn run(options: &Options, captures: &[PathBuf], streams: &mut Streams<'_>) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut total = Total::default();
    let mut names = BTreeMap::new();
    for capture in captures {
        let ended = fresh_name(options, &mut names, capture)
            .map_err(Failure::from)
            .and_then(|()| Replay::prepare(options, capture, streams))
            .and_then(|replay| Ok(replay.run(streams, &mut total)?));
        let errors = match ended {
            Ok(ended) => {
                outcome.differ += usize::from(ended.differs);
                ended.errors
            }
            Err(Failure::Output(error)) => return Err(error),
            Err(Failure::Replay(error)) => vec![error],
        };
        outcome.broken += usize::from(!errors.is_empty());
        for error in errors {
            // What was decided up to the error stands before it when both go to one terminal.
            streams.out.flush()?;
            writeln!(streams.err, "knocksim: {error}")?;
        }
    }
    if captures.len() > 1 && matches!(options.show, Show::Timeline | Show::Explain(_)) {
        writeln!(streams.out, "{} captures: {}", captures.len(), total.line())?;
    }
    streams.out.flush()?;
    Ok(outcome)
}

/// Notes a capture's name; that of an earlier one is an error if both would write one-time files under it.
fn fresh_name<'a>(
    options: &Options,
    names: &mut BTreeMap<Option<&'a OsStr>, &'a Path>,
    capture: &'a Path,
) -> Result<(), ReplayError> {
    match names.insert(capture.file_name(), capture) {
        Some(earlier) if options.write_spent.is_some() => {
            Err(ReplayError::SameName(earlier.to_owned(), capture.to_owned()))
        }
        _ => Ok(()),
    }
}

/// Parses an address for a filter.
///
/// # Errors
///
/// That it is none.
pub fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is no IPv4 or IPv6 address"))
}
