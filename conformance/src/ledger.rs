//! The ledger: how an implementation is known to deviate, case by case, and with what reason.
//!
//! A deviation never stands in a case. An entry is held against what happened as strictly as a case is: one that no
//! longer fails, fails in another way, is no longer judged, or matches no case is a complaint, and a complaint fails the
//! run.

use std::{collections::BTreeMap, fmt, mem};

use serde::{Deserialize, Serialize};

use crate::{
    check, clause,
    pattern::Pattern,
    run::{Judged, Outcome},
};

/// The known deviations of one implementation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// One entry a case.
    #[serde(default)]
    pub deviation: Vec<Deviation>,
}

/// One known deviation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// The case's id.
    pub case: String,
    /// The clause that the implementation does not obey; not always one of the case's.
    pub clause: String,
    /// What it does instead, in the words of [`check::signature`].
    pub did: Did,
    /// Why it does so, in a sentence.
    pub reason: String,
    /// The subjects with which the case may pass as well, because what the implementation does is a race that it
    /// sometimes wins. What it then did is a pattern, in which `*` stands for any text.
    #[serde(default, rename = "by-chance")]
    pub by_chance: Vec<String>,
}

/// What an implementation does instead.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "`did = \"...\"`, or `did.SUBJECT = \"...\"` is expected")]
pub enum Did {
    /// The same, whichever subject observes it.
    Everywhere(String),
    /// By the subject that observes it: `original`, `live`. With any other it passes.
    By(BTreeMap<String, String>),
}

/// Why a ledger is no longer true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Complaint {
    /// The case that the entry names.
    pub case: String,
    /// What is wrong with the entry.
    pub why: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.why)
    }
}

impl Ledger {
    /// Reads a ledger.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, and where; a case that has two entries.
    pub fn read(text: &str) -> Result<Self, String> {
        let ledger: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut cases: Vec<&str> = ledger.deviation.iter().map(|entry| entry.case.as_str()).collect();
        cases.sort_unstable();
        match cases.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("the case `{}` has two entries: put them into one", pair[0])),
            None => Ok(ledger),
        }
    }

    /// Holds the ledger against what happened: a failure that an entry describes becomes [`Outcome::Known`], any other one
    /// in a disturbed world [`Outcome::Disturbed`], and what is wrong with the entries comes back. `subject` is who observed; `exists` knows every case, selected or not.
    #[must_use]
    pub fn hold(&self, judged: &mut [Judged<'_>], subject: &str, exists: &dyn Fn(&str) -> bool) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        for entry in &self.deviation {
            let mut complain = |why: String| complaints.push(Complaint { case: entry.case.clone(), why });
            if entry.reason.trim().is_empty() {
                complain("the entry has no reason: say why the implementation does so".to_owned());
            }
            if clause::find(&entry.clause).is_none() {
                complain(format!("there is no clause `{}`", entry.clause));
            }
            if !exists(&entry.case) {
                complain("there is no such case".to_owned());
                continue;
            }
            let Some(did) = entry.did.by(subject) else { continue };
            let Some(judged) = judged.iter_mut().find(|judged| judged.case.id == entry.case) else { continue };
            let by_chance = entry.by_chance.iter().any(|name| name == subject);
            match &judged.outcome {
                // The race was won this time. It is known all the same, so that a report does not depend on chance.
                Outcome::Passed if by_chance => judged.outcome = Outcome::Known(Vec::new(), entry.clone()),
                Outcome::Passed => complain("it passes: take the entry out".to_owned()),
                Outcome::Failed(problems) => {
                    let does = check::signature(problems);
                    if does == did || by_chance && Pattern::new(did).fits(&does) {
                        judged.outcome = Outcome::Known(problems.clone(), entry.clone());
                    } else if judged.disturbance.is_none() {
                        complain(format!("it fails in another way: `{does}` instead of `{did}`"));
                    }
                }
                Outcome::Skipped(_) | Outcome::Unclaimed(_) => {
                    if let Did::By(_) = entry.did {
                        complain(format!("it is not judged by `{subject}`: take `did.{subject}` out"));
                    }
                }
                // Nothing is known about the daemon, and the run fails for it.
                Outcome::Known(..) | Outcome::Broken(_) | Outcome::Disturbed(..) => {}
            }
        }
        for judged in judged {
            if let (Outcome::Failed(problems), Some(why)) = (&mut judged.outcome, judged.disturbance.take()) {
                judged.outcome = Outcome::Disturbed(mem::take(problems), why);
            }
        }
        complaints
    }

    /// The ledger as it must read after what happened with `subject`: reasons and what other subjects saw are kept,
    /// entries that no longer fail are left out, new ones have an empty reason that a person must fill.
    #[must_use]
    pub fn updated(&self, judged: &[Judged<'_>], subject: &str) -> Self {
        let mut entries: BTreeMap<&str, Deviation> = BTreeMap::new();
        for judged in judged {
            let old = self.deviation.iter().find(|entry| entry.case == judged.case.id);
            let problems = match &judged.outcome {
                Outcome::Failed(problems) | Outcome::Known(problems, _) => Some(check::signature(problems)),
                Outcome::Passed
                | Outcome::Skipped(_)
                | Outcome::Unclaimed(_)
                | Outcome::Broken(_)
                | Outcome::Disturbed(..) => None,
            };
            if let (
                Outcome::Skipped(_) | Outcome::Unclaimed(_),
                Some(old @ Deviation { did: Did::Everywhere(_), .. }),
            ) = (&judged.outcome, old)
            {
                entries.insert(&judged.case.id, old.clone());
                continue;
            }
            let mut by = match old.map(|entry| &entry.did) {
                Some(Did::By(by)) => by.clone(),
                Some(Did::Everywhere(_)) | None => BTreeMap::new(),
            };
            match problems {
                // Once more the dice fell in some way; the entry already says in which ways they may.
                _ if old.is_some_and(|entry| entry.by_chance.iter().any(|name| name == subject)) => {}
                Some(does) => drop(by.insert(subject.to_owned(), does)),
                None => drop(by.remove(subject)),
            }
            if by.is_empty() {
                continue;
            }
            let fresh = || Deviation {
                case: judged.case.id.clone(),
                clause: judged.case.all_clauses().next().unwrap_or_default().to_owned(),
                did: Did::By(BTreeMap::new()),
                reason: String::new(),
                by_chance: Vec::new(),
            };
            let entry = old.cloned().unwrap_or_else(fresh);
            entries.insert(&judged.case.id, Deviation { did: Did::By(by), ..entry });
        }
        Self { deviation: entries.into_values().collect() }
    }

    /// The ledger as TOML, under the comment lines with which `old`, its text so far, begins.
    #[must_use]
    pub fn write(&self, old: &str) -> String {
        let comment = old.lines().take_while(|line| line.starts_with('#') || line.trim().is_empty());
        let mut text: String = comment.map(|line| format!("{line}\n")).collect();
        let quoted = |text: &str| toml::Value::from(text).to_string();
        for entry in &self.deviation {
            if !text.is_empty() && !text.ends_with("\n\n") {
                text.push('\n');
            }
            text += &format!("[[deviation]]\ncase = {}\nclause = {}\n", quoted(&entry.case), quoted(&entry.clause));
            match &entry.did {
                Did::Everywhere(did) => text += &format!("did = {}\n", quoted(did)),
                Did::By(by) => {
                    text.extend(by.iter().map(|(subject, did)| format!("did.{subject} = {}\n", quoted(did))));
                }
            }
            text += &format!("reason = {}\n", quoted(&entry.reason));
            if !entry.by_chance.is_empty() {
                text += &format!("by-chance = {}\n", toml::Value::from(entry.by_chance.clone()));
            }
        }
        text
    }
}

impl Did {
    /// What `subject` sees of it; nothing if it sees none of it.
    #[must_use]
    pub fn by(&self, subject: &str) -> Option<&str> {
        match self {
            Self::Everywhere(did) => Some(did),
            Self::By(by) => by.get(subject).map(String::as_str),
        }
    }
}
