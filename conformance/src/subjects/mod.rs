//! The subjects: everything that carries a case to a daemon.

#[cfg(target_os = "linux")]
pub mod original;
#[cfg(feature = "replay")]
pub mod replay;

use std::num::NonZeroUsize;

use clap::ValueEnum;

use crate::{
    cli::Settings,
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
    };
    if let Some(name) = &settings.name {
        chosen.implementation.clone_from(name);
    }
    Ok(chosen)
}
