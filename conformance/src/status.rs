//! How the program ends.

use std::process::ExitCode;

/// The exit status. It is one of four words and never a count, so that no number of failures wraps around to success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Everything judged is as expected: it passed, or failed exactly as the ledger says.
    AsExpected = 0,
    /// A case failed, or the ledger is no longer true.
    Failed = 1,
    /// The program was used wrongly, or nothing was selected, or everything was skipped: nobody was judged.
    WrongUse = 2,
    /// A world broke. It beats [`Failed`](Self::Failed): who sees 1 may rely on every other case having been judged.
    WorldBroke = 3,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}
