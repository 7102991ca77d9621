//! The subjects: everything that carries a case to a daemon.

#[cfg(target_os = "linux")]
pub mod live;
#[cfg(target_os = "linux")]
pub mod original;
#[cfg(feature = "replay")]
pub mod replay;

use std::{num::NonZeroUsize, path::PathBuf, thread};

use clap::ValueEnum;

use crate::{adapter::Adapter, cli::SubjectArgs, report::Judge, subject::Subject};

/// A subject's name on the command line and in ledgers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SubjectName {
    /// This project's engine over the case rendered as a capture, in virtual time
    #[cfg(feature = "replay")]
    #[default]
    Replay,
    /// A daemon or a client on a host of its own, in real time: needs root, or namespaces for users
    #[cfg(target_os = "linux")]
    #[cfg_attr(not(feature = "replay"), default)]
    Live,
}

/// A subject that was chosen, and what belongs to it.
pub struct Chosen {
    /// The subject.
    pub subject: Box<dyn Subject>,
    /// What reports call it, if not by its own name.
    pub name: Option<String>,
    /// The ledger's `did.SUBJECT`.
    pub key: &'static str,
    /// The built-in ledger of the implementation, if it is a known one.
    pub ledger: Option<&'static str>,
    /// How many cases at a time, if not one a core.
    pub jobs: Option<NonZeroUsize>,
}

impl Chosen {
    /// Who is judged, and by whom.
    #[must_use]
    pub fn judge(&self) -> Judge<'_> {
        let implementation = self.name.as_deref().unwrap_or_else(|| self.subject.name());
        Judge { implementation, subject: self.key, precision: self.subject.precision() }
    }
}

/// Makes the subject that the command line names.
///
/// # Errors
///
/// What it was given cannot be used.
pub fn choose(args: &SubjectArgs) -> Result<Chosen, String> {
    Ok(match args.subject {
        #[cfg(feature = "replay")]
        SubjectName::Replay => Chosen {
            subject: Box::new(replay::Replay),
            name: args.name.clone(),
            key: "replay",
            ledger: Some("reference"),
            jobs: None,
        },
        #[cfg(target_os = "linux")]
        SubjectName::Live => live(args)?,
    })
}

/// Cases that run live mostly sleep: so many for each core.
#[cfg(target_os = "linux")]
const LIVE_JOBS: usize = 16;

#[cfg(target_os = "linux")]
fn live(args: &SubjectArgs) -> Result<Chosen, String> {
    let adapter = match &args.adapter {
        None => Adapter::knockd(),
        Some(name) => Adapter::named(name).map_err(|error| error.to_string())?,
    };
    // Whoever names a client and nothing else has only a client.
    let has_daemon = args.daemon.is_some() || args.adapter.is_some() || args.client.is_none();
    let daemon = args.daemon.clone().or_else(|| has_daemon.then(|| PathBuf::from(&adapter.program)));
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let jobs = args.jobs.or_else(|| NonZeroUsize::new(LIVE_JOBS * cores)).unwrap_or(NonZeroUsize::MIN);
    let live = live::Live::new(adapter, daemon.as_deref(), args.client.as_deref(), jobs);
    Ok(Chosen {
        subject: Box::new(live.map_err(|error| error.to_string())?),
        name: args.name.clone(),
        key: "live",
        ledger: None,
        jobs: Some(jobs),
    })
}
