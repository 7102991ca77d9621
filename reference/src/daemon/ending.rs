//! How a daemon ends that was told to: when its engine says so, since all commands have ended, or else when its
//! patience is over (CMD-7).

use std::time::Duration;

/// How long commands may run when the daemon is told to end; a service manager loses patience at 90 s.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a daemon ends, and how. Moments are nanoseconds of one clock.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// When it ends in any case.
    late: Option<i64>,
    /// What the engine has said.
    status: Option<u8>,
}

/// The end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Everything has ended, with this exit status.
    Done(u8),
    /// Commands still run.
    Late,
}

impl Ending {
    /// It was told to end; false if that is known.
    pub(super) fn begin(&mut self, now: i64) -> bool {
        let begins = self.late.is_none();
        if begins {
            self.late = Some(now.saturating_add(i64::try_from(PATIENCE.as_nanos()).unwrap_or(i64::MAX)));
        }
        begins
    }

    /// Whether it was told to end.
    pub(super) fn has_begun(&self) -> bool {
        self.late.is_some()
    }

    /// Takes what the engine says, if it says anything; the first word counts.
    pub(super) fn exits(&mut self, status: Option<u8>) {
        self.status = self.status.or(status);
    }

    /// The end, once it has come.
    pub(super) fn at(&self, now: i64) -> Option<End> {
        let late = self.late.is_some_and(|late| late <= now).then_some(End::Late);
        self.status.map(End::Done).or(late)
    }

    /// When to ask again at the latest.
    pub(super) fn next(&self) -> Option<i64> {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn commands_are_waited_for_until_patience_is_over() {
        let mut ending = Ending::default();
        assert_eq!((ending.at(i64::MAX), ending.next(), ending.has_begun()), (None, None, false));
        assert!(ending.begin(5 * SECOND) && ending.has_begun());
        assert!(!ending.begin(40 * SECOND), "a second signal gives no second minute");
        assert_eq!(ending.next(), Some(65 * SECOND));
        assert_eq!([65 * SECOND - 1, 65 * SECOND].map(|now| ending.at(now)), [None, Some(End::Late)]);
    }

    #[test]
    fn the_engine_ends_it_sooner() {
        let mut ending = Ending::default();
        ending.begin(5 * SECOND);
        ending.exits(None);
        assert_eq!(ending.at(6 * SECOND), None);
        ending.exits(Some(0));
        ending.exits(Some(1));
        assert_eq!([6, 600].map(|second| ending.at(second * SECOND)), [Some(End::Done(0)); 2]);
    }
}
