//! One thing that is wrong.

use std::fmt;

use serde::Serialize;

use crate::time::Nanos;

/// One thing that is wrong with what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of wrong.
    pub kind: Kind,
    /// When: as expected, or as seen if it was not expected.
    pub at: Nanos,
    /// The line of the timeline that expects it.
    pub line: Option<usize>,
    /// What it is about: `run open alice`, `file secrets`.
    pub what: String,
    /// What was seen instead, if that says more.
    pub instead: Option<String>,
}

/// What kind of wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Expected and not seen.
    Missing,
    /// Seen and not expected.
    Unexpected,
    /// Expected, and seen before its time.
    Early,
    /// Expected, and seen after its time.
    Late,
    /// Expected, and seen before what should come first.
    OutOfOrder,
    /// Seen though forbidden.
    Forbidden,
    /// Not what is expected: a file's bytes, an exit status.
    Differs,
}

impl Kind {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unexpected => "unexpected",
            Self::Early => "early",
            Self::Late => "late",
            Self::OutOfOrder => "out of order",
            Self::Forbidden => "forbidden",
            Self::Differs => "differs",
        }
    }
}

impl Problem {
    /// The problem without its time.
    #[must_use]
    pub fn signature(&self) -> String {
        match &self.instead {
            Some(instead) if self.kind == Kind::Differs => format!("{} {}: {instead}", self.kind.name(), self.what),
            Some(_) | None => format!("{} {}", self.kind.name(), self.what),
        }
    }
}

/// As a person reads it: `at 0.2 (line 4): missing: run open 192.0.2.11`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}", self.at)?;
        if let Some(line) = self.line {
            write!(f, " (timeline line {line})")?;
        }
        write!(f, ": {}: {}", self.kind.name(), self.what)?;
        match &self.instead {
            Some(instead) => write!(f, "; {instead}"),
            None => Ok(()),
        }
    }
}
