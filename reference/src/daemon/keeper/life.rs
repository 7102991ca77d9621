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
        if !found.doors.is_empty() {
            self.say(&format!("{} doors were left open by an earlier knockd, and will be closed", found.doors.len()));
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
        let told = self.told.is_some_and(|told| boot::now().saturating_sub(told) < END);
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
        self.end.get_or_insert(now.saturating_add(END));
    }

    /// Whether nothing is left to do. What the end of a daemon leaves behind stays in the journal.
    pub(super) fn is_over(&mut self) -> bool {
        let late = self.end.is_some_and(|end| end <= boot::now());
        let done = match self.life {
            Life::Watched => false,
            Life::Parting => late || self.openings.count_own() == 0,
            Life::Orphan(Some(time)) if time <= boot::now() => {
                self.respawn();
                return self.is_over();
            }
            Life::Orphan(respawn) => late || self.openings.len() == 0 && respawn.is_none(),
            Life::Over => true,
        };
        if done {
            self.part();
        }
        done
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
