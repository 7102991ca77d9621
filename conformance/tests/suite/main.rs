//! The suite itself on trial: it can fail, and no way of passing silently is open.

mod exit;
mod fake;
mod reports;
mod silent;
mod verdict;
