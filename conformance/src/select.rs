//! Which cases are meant.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    builtin,
    case::{self, Case, CaseError},
    pattern::Pattern,
};

/// The cases of these files and directories, or the built-in ones if there are none, as far as one of the patterns fits
/// them; all of them if there is no pattern. A pattern fits a case by its id, by its id without the ending that `each`
/// gave it, or by a clause that it names; `*` stands for any text.
///
/// # Errors
///
/// A file that cannot be used; a pattern that fits no case, since a selection that is empty by mistake would pass.
pub fn select(files: &[PathBuf], only: &[String]) -> Result<Vec<Case>, SelectError> {
    let mut cases = all(files)?;
    let patterns: Vec<Pattern> = only.iter().map(Pattern::new).collect();
    if let Some(place) = patterns.iter().position(|pattern| !cases.iter().any(|case| fits(pattern, case))) {
        return Err(SelectError::Nothing(only[place].clone()));
    }
    if !patterns.is_empty() {
        cases.retain(|case| patterns.iter().any(|pattern| fits(pattern, case)));
    }
    Ok(cases)
}

/// The cases of these files and directories, or the built-in ones if there are none.
///
/// # Errors
///
/// A file that cannot be used; an id used twice.
pub fn all(files: &[PathBuf]) -> Result<Vec<Case>, SelectError> {
    if files.is_empty() {
        return builtin::cases().map_err(SelectError::Case);
    }
    let mut cases = Vec::new();
    for file in files {
        cases.extend(case::load(file).map_err(SelectError::Case)?);
    }
    case::distinct(cases, Path::new("the case files")).map_err(SelectError::Case)
}

/// The one case of this id.
///
/// # Errors
///
/// A file that cannot be used; no such case.
pub fn one(files: &[PathBuf], id: &str) -> Result<Case, SelectError> {
    let case = all(files)?.into_iter().find(|case| case.id == id);
    case.ok_or_else(|| SelectError::Nothing(id.to_owned()))
}

fn fits(pattern: &Pattern, case: &Case) -> bool {
    let family = case.id.split('/').next().unwrap_or_default();
    pattern.fits(&case.id) || pattern.fits(family) || case.all_clauses().any(|clause| pattern.fits(clause))
}

/// Why no case can be selected.
#[derive(Debug)]
pub enum SelectError {
    /// A case file cannot be used.
    Case(CaseError),
    /// This fits no case.
    Nothing(String),
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case(error) => error.fmt(f),
            Self::Nothing(what) => {
                write!(f, "`{what}` fits no case, by its id or a clause: `knock-conformance list` shows them")
            }
        }
    }
}

impl std::error::Error for SelectError {}
