//! What may be wrong with an adapter file.

use std::{fmt, io, path::PathBuf};

/// An adapter file that cannot be used.
#[derive(Debug)]
pub enum AdapterError {
    /// It cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It is no TOML, or has keys or values that no adapter has.
    Toml(PathBuf, Box<toml::de::Error>),
    /// It claims something that is no clause.
    NoClause(PathBuf, String),
    /// Its template is none.
    Template(PathBuf, Box<minijinja::Error>),
}

impl fmt::Display for AdapterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(file, error) => write!(f, "{}: {error}", file.display()),
            Self::Toml(file, error) => write!(f, "{}: {error}", file.display()),
            Self::NoClause(file, name) => {
                write!(
                    f,
                    "{}: `{name}` in `claims` is no clause: `knock-conformance clauses` lists them",
                    file.display()
                )
            }
            Self::Template(file, error) => write!(f, "{}: `template`: {error:#}", file.display()),
        }
    }
}

impl std::error::Error for AdapterError {}
