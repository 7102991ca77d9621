//! The subjects: everything that carries a case to a daemon.

#[cfg(target_os = "linux")]
pub mod original;
#[cfg(feature = "replay")]
pub mod replay;

use std::num::NonZeroUsize;

use clap::ValueEnum;

use crate::{cli::SubjectArgs, report::Judge, subject::Subject};

/// A subject's name on the command line and in ledgers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SubjectName {
    /// This project's engine over the case rendered as a capture, in virtual time
    #[cfg(feature = "replay")]
    #[default]
    Replay,
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
    })
}
