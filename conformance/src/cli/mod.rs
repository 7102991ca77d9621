//! The command line.

mod args;
mod diff;
mod fuzz;
mod judge;
mod ledger;
mod look;
mod mutants;
mod tell;

use std::{fmt, io, path::PathBuf};

pub use self::args::{
    Cli, Command, DiffArgs, FuzzArgs, LedgerArg, LedgerArgs, MutantsArgs, RunArgs, Selection, Settings, SubjectArgs,
    TableArgs,
};
use crate::{case::CaseError, select::SelectError, status::Status, subject::Broken};

/// What a command has to say, and how the program ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// For standard output, with escapes for colours.
    pub text: String,
    /// The exit status.
    pub status: Status,
}

impl Output {
    fn good(text: String) -> Self {
        Self { text, status: Status::AsExpected }
    }
}

/// Nobody was judged.
#[derive(Debug)]
pub enum Wrong {
    /// The cases.
    Select(SelectError),
    /// A file cannot be read or written.
    File(PathBuf, io::Error),
    /// Something that was given.
    Given(String),
    /// The world broke before the first case.
    Broken(Broken),
}

impl Wrong {
    /// How the program ends.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Select(_) | Self::File(..) | Self::Given(_) => Status::WrongUse,
            Self::Broken(_) => Status::WorldBroke,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select(error) => error.fmt(f),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Given(why) => f.write_str(why),
            Self::Broken(broken) => write!(f, "a world broke: {broken}"),
        }
    }
}

impl std::error::Error for Wrong {}

impl From<SelectError> for Wrong {
    fn from(error: SelectError) -> Self {
        Self::Select(error)
    }
}

impl From<Broken> for Wrong {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<CaseError> for Wrong {
    fn from(error: CaseError) -> Self {
        Self::Select(SelectError::Case(error))
    }
}

/// Does what the command line says.
///
/// # Errors
///
/// Nobody was judged: the program was used wrongly, or the world broke.
pub fn execute(cli: Cli) -> Result<Output, Wrong> {
    match cli.command {
        Command::Run(args) => judge::run(&args),
        Command::List(selection) => look::list(&selection),
        Command::Clauses => look::clauses(),
        Command::Show { case, files } => look::show(&case, &files),
        Command::Diff(args) => diff::diff(&args),
        Command::Ledger(args) => ledger::ledger(&args),
        Command::Mutants(args) => mutants::mutants(&args),
        Command::Fuzz(args) => fuzz::fuzz(&args),
        Command::Report { html, reports } => tell::report(&reports, &html),
        Command::Table(args) => tell::table(&args),
        Command::Render { case, pcap, files } => look::render(&case, &pcap, &files),
    }
}
