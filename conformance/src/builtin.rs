//! The cases and ledgers that the program brings along, so that it needs no repository.

use std::path::Path;

use include_dir::{Dir, include_dir};

use crate::case::{self, Case, CaseError};

static CASES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/cases");
static LEDGERS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/ledger");

/// Where the built-in cases stand in the repository, for messages.
const CASE_DIRECTORY: &str = "conformance/cases";

/// The built-in cases, in the order of their files' names.
///
/// # Errors
///
/// The first file that cannot be used; an id used twice.
pub fn cases() -> Result<Vec<Case>, CaseError> {
    let mut cases = Vec::new();
    for (name, text) in texts(&CASES) {
        cases.extend(case::read(text, &Path::new(CASE_DIRECTORY).join(name))?);
    }
    case::distinct(cases, Path::new(CASE_DIRECTORY))
}

/// The names of the built-in case files, in order.
#[must_use]
pub fn case_files() -> Vec<&'static str> {
    texts(&CASES).into_iter().map(|(name, _)| name).collect()
}

/// The text of a built-in ledger by its name without ending: `knockd-0.8`.
#[must_use]
pub fn ledger(name: &str) -> Option<&'static str> {
    texts(&LEDGERS).into_iter().find(|(file, _)| file.strip_suffix(".toml") == Some(name)).map(|(_, text)| text)
}

/// The names of the built-in ledgers, without ending, in order.
#[must_use]
pub fn ledgers() -> Vec<&'static str> {
    texts(&LEDGERS).into_iter().filter_map(|(file, _)| file.strip_suffix(".toml")).collect()
}

fn texts(directory: &'static Dir<'static>) -> Vec<(&'static str, &'static str)> {
    let mut texts: Vec<_> = directory
        .files()
        .filter(|file| file.path().extension().is_some_and(|ending| ending == "toml"))
        .filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?)))
        .collect();
    texts.sort_unstable();
    texts
}
