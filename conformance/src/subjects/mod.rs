//! The subjects: everything that carries a case to a daemon.

#[cfg(target_os = "linux")]
pub mod live;
#[cfg(target_os = "linux")]
pub mod original;
#[cfg(feature = "replay")]
pub mod replay;
#[cfg(target_os = "linux")]
mod scratch;

use std::{num::NonZeroUsize, path::PathBuf, thread};

use clap::ValueEnum;

use crate::{
    adapter::Adapter,
    cli::Settings,
    model::Model,
    report::Judge,
    subject::{Broken, Subject},
};

/// A subject's name on the command line and in ledgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SubjectName {
    /// This project's engine over the case rendered as a capture, in virtual time
    #[cfg(feature = "replay")]
    Replay,
    /// The unmodified C knockd 0.8 over the case rendered as a capture, in virtual time
    #[cfg(target_os = "linux")]
    Original,
    /// A daemon or a client on a host of its own, in real time: needs root, or namespaces for users
    #[cfg(target_os = "linux")]
    Live,
    /// The contract as plainly as it can be written, in virtual time: what a conforming daemon does with a case
    Model,
}

impl SubjectName {
    /// Its word in ledgers, the same as on the command line.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            #[cfg(feature = "replay")]
            Self::Replay => "replay",
            #[cfg(target_os = "linux")]
            Self::Original => "original",
            #[cfg(target_os = "linux")]
            Self::Live => "live",
            Self::Model => "model",
        }
    }
}

/// A subject that was chosen, and what belongs to it.
pub struct Chosen {
    /// The subject.
    pub subject: Box<dyn Subject>,
    /// Who is judged, as tables call it.
    pub implementation: String,
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
        Judge { implementation: &self.implementation, subject: self.key, precision: self.subject.precision() }
    }
}

/// Makes the subject of this name, or the one that the settings speak of.
///
/// # Errors
///
/// The world breaks before anybody is judged: what the subject needs is not there.
pub fn choose(name: SubjectName, settings: &Settings) -> Result<Chosen, Broken> {
    let mut chosen = match name {
        #[cfg(feature = "replay")]
        SubjectName::Replay => Chosen {
            subject: Box::new(replay::Replay),
            implementation: "reference".to_owned(),
            key: name.key(),
            ledger: Some("reference"),
            jobs: None,
        },
        #[cfg(target_os = "linux")]
        SubjectName::Original => Chosen {
            subject: Box::new(original::Original::find(settings.daemon.as_deref(), settings.preload.as_deref())?),
            implementation: "knockd 0.8".to_owned(),
            key: name.key(),
            ledger: Some("knockd-0.8"),
            jobs: None,
        },
        #[cfg(target_os = "linux")]
        SubjectName::Live => live(settings)?,
        SubjectName::Model => Chosen {
            subject: Box::new(Model::conforming()),
            implementation: "model".to_owned(),
            key: name.key(),
            ledger: None,
            jobs: None,
        },
    };
    if let Some(name) = &settings.name {
        chosen.implementation.clone_from(name);
    }
    Ok(chosen)
}

/// Cases that run live mostly sleep: so many for each core.
#[cfg(target_os = "linux")]
const LIVE_JOBS: usize = 32;

#[cfg(target_os = "linux")]
fn live(settings: &Settings) -> Result<Chosen, Broken> {
    let (subject, jobs) = installed(settings)?;
    let (implementation, ledger) = known(subject.name(), settings);
    Ok(Chosen { subject: Box::new(subject), implementation, key: "live", ledger, jobs: Some(jobs) })
}

/// The programs of the settings as a live subject, and how many cases at a time.
///
/// # Errors
///
/// There is no such adapter or program.
#[cfg(target_os = "linux")]
pub fn installed(settings: &Settings) -> Result<(live::Live, NonZeroUsize), Broken> {
    let adapter = match &settings.adapter {
        None => Adapter::knockd(),
        Some(name) => Adapter::named(name).map_err(|error| Broken(error.to_string()))?,
    };
    // Whoever names a client and nothing else has only a client.
    let has_daemon = settings.daemon.is_some() || settings.adapter.is_some() || settings.client.is_none();
    let daemon = settings.daemon.clone().or_else(|| has_daemon.then(|| PathBuf::from(&adapter.program)));
    // The package of the C daemon has its client, too, and the ledger tells of both.
    let is_installed =
        settings.daemon.is_none() && has_built_in_adapter(settings) && adapter.name == "knockd" && has_daemon;
    let client = settings.client.clone().or_else(|| is_installed.then(|| PathBuf::from("knock")));
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let jobs = settings.jobs.or_else(|| NonZeroUsize::new(LIVE_JOBS * cores)).unwrap_or(NonZeroUsize::MIN);
    Ok((live::Live::new(adapter, daemon.as_deref(), client.as_deref(), jobs)?, jobs))
}

/// Whether the adapter is one that is known: a file may call its daemon as it likes, and nothing is known about that one.
#[cfg(target_os = "linux")]
fn has_built_in_adapter(settings: &Settings) -> bool {
    settings.adapter.as_ref().is_none_or(|file| Adapter::is_built_in(file))
}

/// What is judged, and its built-in ledger: the installed programs are known, any other is a stranger.
#[cfg(target_os = "linux")]
fn known(adapter: &str, settings: &Settings) -> (String, Option<&'static str>) {
    let Settings { daemon, client, .. } = settings;
    let is_built_in = has_built_in_adapter(settings);
    match (adapter, daemon.as_ref().or(client.as_ref())) {
        ("knockd", None) if is_built_in => ("knockd 0.8".to_owned(), Some("knockd-0.8")),
        ("nftables", None) if is_built_in => ("nftables".to_owned(), Some("nftables")),
        (_, Some(program)) => (program.display().to_string(), None),
        (name, None) => (name.to_owned(), None),
    }
}
