//! The command lines, as values: from these definitions come help, manual pages and completions.

pub mod knock;
pub mod knockd;
