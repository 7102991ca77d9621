//! The suite itself on trial: it can fail, and no way of passing silently is open.

mod disturbed;
mod exit;
mod fake;
mod mutants;
#[cfg(feature = "replay")]
mod readme;
mod reports;
mod silent;
mod verdict;
