//! The scripts behind which real programs are broken, as data: `live-mutants.toml`.

use std::{collections::BTreeSet, fmt, path::Path};

use serde::Deserialize;

use super::Idle;
use crate::{
    case::{Case, Kind},
    check::Problem,
    clause,
    model::Deviation,
    pattern::Pattern,
};

/// The scripts that the program brings along.
const FILE: &str = include_str!("../../live-mutants.toml");

/// The file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scripts {
    /// Shell functions that each script may use.
    prelude: String,
    /// The broken programs.
    #[serde(rename = "mutant")]
    pub mutants: Vec<Mutant>,
    /// Cases that only live can carry and that catch none of them, with reasons.
    #[serde(default)]
    pub(super) idle: Vec<Idle>,
}

/// A broken daemon or client.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// Its name in the matrix.
    pub name: String,
    /// The clause that it breaks.
    pub clause: String,
    /// What it does, in a few words.
    pub text: String,
    /// The case that catches it.
    pub case: String,
    /// What is wrong then, as [`Problem::signature`] tells it; `*` stands for any text.
    seen: String,
    /// Which program is broken.
    pub program: Program,
    #[serde(default)]
    without: Vec<String>,
    script: String,
}

/// Whom a script breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// A daemon.
    Knockd,
    /// A client.
    Knock,
}

/// What is wrong with the file, whatever the programs do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Two mutants have this name, or one of the model has it.
    NameTwice(String),
    /// This mutant breaks a clause that does not exist.
    NoClause(String, String),
    /// The script of this mutant starts nothing: `"$real"` is not in it.
    StartsNothing(String),
    /// This mutant is to be caught by a case that does not exist, is about the other program, or about other clauses.
    NoCase(String, String),
    /// An excuse fits no case.
    NoIdleCase(String),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTwice(name) => write!(f, "`{name}` is the name of two mutants"),
            Self::NoClause(name, clause) => write!(f, "mutant `{name}`: there is no clause {clause}"),
            Self::StartsNothing(name) => write!(f, "the script of mutant `{name}` does not start \"$real\""),
            Self::NoCase(name, case) => {
                write!(f, "mutant `{name}`: `{case}` is no case about its program and its clause")
            }
            Self::NoIdleCase(case) => write!(f, "`{case}` fits no case that could be idle"),
        }
    }
}

impl Scripts {
    /// Those that the program brings along.
    #[must_use]
    pub fn built_in() -> Self {
        // The file is part of the program, and a test reads it.
        Self::read(FILE).expect("live-mutants.toml is well-formed")
    }

    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// It is no TOML, or has other keys.
    pub fn read(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// What is wrong with them that one sees without running them.
    #[must_use]
    pub fn mistakes(&self, cases: &[Case]) -> Vec<Mistake> {
        let mut names: BTreeSet<String> = Deviation::ALL.iter().map(ToString::to_string).collect();
        let mut mistakes = Vec::new();
        for mutant in &self.mutants {
            let name = || mutant.name.clone();
            if !names.insert(name()) {
                mistakes.push(Mistake::NameTwice(name()));
            }
            if clause::find(&mutant.clause).is_none() {
                mistakes.push(Mistake::NoClause(name(), mutant.clause.clone()));
            }
            if !mutant.script.contains("\"$real\"") {
                mistakes.push(Mistake::StartsNothing(name()));
            }
            if !cases.iter().any(|case| case.id == mutant.case && mutant.is_for(case)) {
                mistakes.push(Mistake::NoCase(name(), mutant.case.clone()));
            }
        }
        let is_live_only = |case: &&Case| super::live::is_live_only(case);
        for Idle { case: idle, .. } in &self.idle {
            let pattern = Pattern::new(idle);
            if !cases.iter().filter(is_live_only).any(|case| pattern.fits(&case.id)) {
                mistakes.push(Mistake::NoIdleCase(idle.clone()));
            }
        }
        mistakes
    }

    /// The text of a mutant's script, which starts the program `real`.
    #[must_use]
    pub fn text(&self, mutant: &Mutant, real: &Path) -> String {
        let mut text = format!("#!/bin/sh\nreal='{}'\n{}", real.display(), self.prelude);
        if !mutant.without.is_empty() {
            let words: Vec<String> = mutant.without.iter().map(|word| format!("'{word}'")).collect();
            let keep = "*) set -- \"$@\" \"$word\" ;;";
            text += &format!("for word; do shift; case \"$word\" in {}) ;; {keep} esac; done\n", words.join(" | "));
        }
        text + mutant.script.trim_start() + "\n"
    }
}

impl Mutant {
    /// Whether a case judges its program by its clause.
    #[must_use]
    pub fn is_for(&self, case: &Case) -> bool {
        let is_client = matches!(case.kind, Kind::Client { .. });
        is_client == (self.program == Program::Knock) && case.all_clauses().any(|clause| clause == self.clause)
    }

    /// The one of these problems that it is to be caught for.
    #[must_use]
    pub fn expected<'a>(&self, problems: &'a [Problem]) -> Option<&'a Problem> {
        let seen = Pattern::new(&self.seen);
        problems.iter().find(|problem| seen.fits(&problem.signature()))
    }
}
