//! The subjects: everything that carries a case to a daemon.

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

/// Makes the subject that the command line names.
///
/// # Errors
///
/// What it was given cannot be used.
pub fn choose(args: &SubjectArgs) -> Result<Chosen, String> {
    let mut chosen = match args.subject {
        #[cfg(feature = "replay")]
        SubjectName::Replay => Chosen {
            subject: Box::new(replay::Replay::new()),
            implementation: "reference".to_owned(),
            key: "replay",
            ledger: Some("reference"),
            jobs: None,
        },
    };
    if let Some(name) = &args.name {
        chosen.implementation.clone_from(name);
    }
    Ok(chosen)
}
