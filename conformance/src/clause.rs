//! The clauses of the contract, as data.

use std::sync::LazyLock;

use serde::Deserialize;

/// One clause.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// Its name, for ever: `SEQ-3`.
    pub id: String,
    /// How binding it is.
    pub level: Level,
    /// Where it comes from.
    pub source: Source,
    /// What it says.
    pub text: String,
}

/// How binding a clause is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A daemon that does otherwise does not conform.
    Must,
    /// A daemon that does otherwise surprises users of knockd.
    Should,
}

/// Where a clause comes from.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// knockd's manual.
    Manual,
    /// What knockd 0.8 does where its manual is silent.
    Practice,
    /// The safe behaviour where practice is a defect.
    Decision,
}

/// All clauses, in the contract's order.
pub static CLAUSES: LazyLock<Vec<Clause>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        clause: Vec<Clause>,
    }
    // The file is part of the program, and a test reads it.
    let File { clause } = toml::from_str(include_str!("../clauses.toml")).expect("clauses.toml is well-formed");
    clause
});

/// The clause of this name.
#[must_use]
pub fn find(id: &str) -> Option<&'static Clause> {
    CLAUSES.iter().find(|clause| clause.id == id)
}
