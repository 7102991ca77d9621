//! Taking over, being alone, handing over, ending.

use super::*;
use crate::daemon::respawn::When;

impl Keeper {
    /// Takes over the journal and the doors in it.
    pub(super) fn take_over(&mut self) {
        let (journal, found) = match start::journal(&self.setup) {
            Ok(opened) => opened,
            Err(why) => {
                return self.say(&format!("no journal: {why}: open doors stay open if knockd and its doorkeeper die"));
            }
        };
        if let Some(damage) = found.damage {
            let path = journal.path();
            self.say(&format!("{}: {damage}: what follows byte {} is lost", path.display(), found.whole));
        }
        match found.doors.len() {
            0 => {}
            1 => self.say("1 door was left open by an earlier knockd, and will be closed"),
            count => self.say(&format!("{count} doors were left open by an earlier knockd, and will be closed")),
        }
        self.journal = Some(journal);
        // Whoever comes next goes on with these times: they must not begin anew as often as a daemon dies.
        for (opening, due) in self.openings.adopt(found, self.boot, boot::now()) {
            self.record(&Record::Opened { opening, boot: self.boot, due: nanos(due) });
        }
    }

    /// The watcher is gone.
    pub(super) fn orphaned(&mut self, why: &str) {
        self.watcher = None;
        if self.life != Life::Watched {
            return;
        }
        // Whoever starts the daemon again must find the pid file free.
        if let Some(pid_file) = self.pid_file.take() {
            pid_file.remove();
        }
        for opening in self.openings.orphan() {
            self.record(&Record::Closed { opening });
        }
        let (process, count) = (self.setup.watcher, self.openings.len());
        self.say(&format!("the watcher, process {process}, is gone: {why}; doors to be closed: {count}"));
        // A signal for the whole group has ended the watcher, perhaps before it could say so.
        let told = self.told.is_some_and(|told| boot::now().saturating_sub(told) < PATIENCE);
        if told || self.end.is_some() {
            self.hurry();
        }
        let respawn = self
            .setup
            .respawn
            .as_ref()
            .filter(|_| self.end.is_none())
            .map(|_| Respawns::of_environment().when(boot::now()));
        self.life = Life::Orphan(match respawn {
            Some(When::At(time)) => Some(time),
            Some(When::Never) => {
                self.say("knockd has died too often within a minute: it is not started again");
                None
            }
            None => None,
        });
    }

    /// Gives the journal to whoever has asked, if nobody else closes these doors any more; what runs is left to itself.
    pub(super) fn hand_over(&mut self) {
        if matches!(self.life, Life::Orphan(_)) && self.give_up_journal() {
            self.say("a new knockd takes over");
            self.life = Life::Over;
        }
    }

    /// Makes the journal complete, and gives up its lock; false if it cannot be complete, and is kept.
    fn give_up_journal(&mut self) -> bool {
        self.gaps |= self.journal.is_none();
        self.write_records();
        if self.gaps
            && let Some(journal) = &mut self.journal
        {
            self.gaps = journal.compact(self.openings.doors()).is_err();
        }
        if !self.gaps {
            self.journal = None;
        }
        !self.gaps
    }

    /// Starts a new daemon, which takes over the journal.
    fn respawn(&mut self) {
        self.life = Life::Orphan(None);
        let Some(arguments) = self.setup.respawn.take() else { return };
        // Without a journal the doors stay with this process, beside the new daemon.
        let given = self.give_up_journal();
        let started = Shell::new(&OUR_VARIABLES)
            .and_then(|shell| Respawns::of_environment().start(shell, &arguments, boot::now()));
        match started {
            Ok(()) => {
                self.say("starting knockd again");
                if given {
                    self.life = Life::Over;
                }
            }
            Err(error) => {
                self.say(&format!("knockd cannot be started again: {error}"));
                if given {
                    self.take_over_again();
                }
            }
        }
    }

    /// Locks again what was to be given away.
    fn take_over_again(&mut self) {
        match start::journal(&self.setup) {
            Ok((journal, _)) => self.journal = Some(journal),
            Err(why) => self.say(&format!("no journal: {why}")),
        }
    }

    /// Everything that is the doorkeeper's own to close is closed now, and there is an end to it.
    pub(super) fn hurry(&mut self) {
        let now = boot::now();
        self.openings.hurry(now);
        self.end.get_or_insert(now.saturating_add(PATIENCE));
    }

    /// Whether nothing is left to do. What the end of a daemon leaves behind stays in the journal.
    pub(super) fn is_over(&mut self) -> bool {
        loop {
            let (own, all) = (self.openings.count_own(), self.openings.len());
            match self.life.next(boot::now(), self.end, own, all) {
                Next::GoesOn => return false,
                Next::StartsTheDaemon => self.respawn(),
                Next::Ends => {
                    self.part();
                    return true;
                }
            }
        }
    }

    fn part(&mut self) {
        let left = self.openings.len();
        if left > 0 && self.life != Life::Over {
            let what = if self.journal.is_some() { "the next knockd closes them" } else { "nobody closes them" };
            self.say(&format!("ending with {left} doors whose commands have not ended: {what}"));
        }
        let waiting = self.lookup.as_mut().map(Lookup::all).unwrap_or_default();
        for (line, host) in waiting {
            self.log.write(&line, host.as_deref());
        }
        self.write_records();
        self.log.flush();
        if let Some(pid_file) = self.pid_file.take() {
            pid_file.remove();
        }
    }
}

/// What a doorkeeper does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoesOn,
    StartsTheDaemon,
    Ends,
}

impl Life {
    /// What follows at `now`, for one that has so many openings of its own to close, and so many in all. From `end` on
    /// it waits for no command any more (CMD-7).
    fn next(self, now: Duration, end: Option<Duration>, own: usize, all: usize) -> Next {
        let late = end.is_some_and(|end| end <= now);
        let is_over = match self {
            Self::Watched => false,
            Self::Parting => late || own == 0,
            Self::Orphan(Some(time)) if time <= now => return Next::StartsTheDaemon,
            Self::Orphan(respawn) => late || all == 0 && respawn.is_none(),
            Self::Over => true,
        };
        if is_over { Next::Ends } else { Next::GoesOn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);
    const LATER: Duration = Duration::from_secs(1_060);

    #[test]
    fn commands_are_waited_for_until_the_end_and_no_longer() {
        let just_before = LATER.saturating_sub(Duration::from_nanos(1));
        for life in [Life::Parting, Life::Orphan(None)] {
            assert_eq!(life.next(just_before, Some(LATER), 1, 1), Next::GoesOn, "{life:?}");
            assert_eq!(life.next(LATER, Some(LATER), 1, 1), Next::Ends, "{life:?}");
            assert_eq!(life.next(NOW, Some(LATER), 0, 0), Next::Ends, "{life:?}: all are closed");
            assert_eq!(life.next(LATER, None, 1, 1), Next::GoesOn, "{life:?}: nobody has told it to end");
        }
    }

    #[test]
    fn the_watchers_openings_end_with_it() {
        assert_eq!(Life::Watched.next(LATER, Some(NOW), 0, 0), Next::GoesOn, "it says itself when nothing follows");
        assert_eq!(Life::Parting.next(NOW, Some(LATER), 0, 5), Next::Ends, "what it left is in the journal");
        assert_eq!(Life::Orphan(None).next(NOW, Some(LATER), 0, 5), Next::GoesOn, "an orphan's are all its own");
        assert_eq!(Life::Over.next(NOW, None, 5, 5), Next::Ends, "another doorkeeper has them");
    }

    #[test]
    fn a_new_daemon_is_started_when_it_is_time() {
        let waits = Life::Orphan(Some(LATER));
        assert_eq!(waits.next(NOW, None, 0, 0), Next::GoesOn, "with no door open, too");
        assert_eq!(waits.next(LATER, None, 3, 3), Next::StartsTheDaemon);
    }
}
