//! Commands and what the journal says of them.

use std::io;

use nix::{
    sys::wait::{WaitPidFlag, WaitStatus, waitpid},
    unistd::Pid,
};

use super::*;
use crate::daemon::{
    command::Refusal,
    message::{Kind, Run},
};

/// How long after the system has refused a stop command it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

impl Keeper {
    /// Runs what the watcher's engine wants to run; a start command that has a stop command once that is in the journal.
    pub(super) fn run(&mut self, run: Run) {
        if self.setup.dry_run {
            return self.tell(&ToWatcher::Exited { job: run.job, exit: Exit::Status(0) });
        }
        match (run.kind, run.stop) {
            (Kind::Start, None) => self.start(Some(run.job), None, &run.command),
            (Kind::Start, Some(stop)) => {
                let opening = self.openings.begin(run.job, stop.clone(), run.command, self.batch);
                self.record(&Record::Opening { opening, stop });
                self.urgent = true;
            }
            (Kind::Stop, _) => {
                let number = self.openings.stop(run.job, &run.command);
                self.start_stop(number, run.command, false);
            }
        }
    }

    fn start(&mut self, job: Option<u64>, opening: Option<u64>, command: &[u8]) {
        match self.shell.start(command) {
            Ok(process) => {
                let door = opening.and_then(|number| self.openings.stop_of(number)).map(|stop| stop.door.clone());
                let door = door.unwrap_or_default();
                let running = Running { job, opening, kind: Kind::Start, door, once_more: false };
                self.running.insert(process.as_raw(), running);
            }
            Err(why) => {
                // What never ran has opened nothing (CMD-5).
                if let Some(number) = opening {
                    self.closed(number);
                }
                if let Some(job) = job {
                    self.tell(&ToWatcher::Exited { job, exit: Exit::Refused(why.to_string()) });
                }
            }
        }
    }

    /// Starts a stop command, perhaps once more. What the system refuses now is tried again, since the door must be closed.
    fn start_stop(&mut self, number: u64, command: Vec<u8>, once_more: bool) {
        let door = self.openings.stop_of(number).map(|stop| stop.door.clone()).unwrap_or_default();
        match self.shell.start(&command) {
            Ok(process) => {
                let running = Running { job: None, opening: Some(number), kind: Kind::Stop, door, once_more };
                self.running.insert(process.as_raw(), running);
            }
            Err(why @ Refusal::Now(_)) => {
                if self.again.is_none() {
                    self.say(&format!("{door}: stop command could not be run, trying again: {why}"));
                }
                self.openings.again(number);
                self.again = Some(boot::now().saturating_add(AGAIN));
            }
            Err(why @ Refusal::Never(_)) => match self.closed(number) {
                Some(job) => self.tell(&ToWatcher::Exited { job, exit: Exit::Refused(why.to_string()) }),
                None => self.say(&format!("{door}: command could not be run: {why}")),
            },
        }
    }

    /// Starts what waited for the journal.
    pub(super) fn start_durable(&mut self, batch: u64) {
        while let Some(start) = self.openings.durable(batch) {
            self.start(start.job, Some(start.number), &start.command);
        }
    }

    /// Runs the doorkeeper's own stop commands that are due, as many as may run.
    pub(super) fn close_what_is_due(&mut self) {
        let now = boot::now();
        while let Some(number) = self.openings.take_due(now) {
            if let Some(stop) = self.openings.stop_of(number).cloned() {
                let message = format!("{}: {}: command timeout", stop.source, stop.door);
                self.lines.push(Line { at: seconds(), message, source: Some(stop.source), debug: false });
            }
        }
        if self.again.is_some_and(|again| now < again) {
            return;
        }
        self.again = None;
        while self.again.is_none() && self.running.len() < self.setup.max_commands.max(1) as usize {
            let Some(number) = self.openings.next_stop() else { break };
            if let Some(stop) = self.openings.stop_of(number).cloned() {
                self.say(&format!("{}: running command: {}", stop.door, String::from_utf8_lossy(&stop.command)));
                self.start_stop(number, stop.command, false);
            }
        }
    }

    /// Reads all signals; says whether another process asks for the journal.
    pub(super) fn hear_signals(&mut self) -> bool {
        let mut asked = false;
        let mut ended = false;
        while let Ok(Some(signal)) = self.signals.read_signal() {
            let number = i32::try_from(signal.ssi_signo).unwrap_or_default();
            asked |= number == libc::SIGUSR1;
            ended |= number == libc::SIGCHLD;
            // While the watcher lives, it is the one to be told: a service manager tells the whole group.
            if ENDING.contains(&number) {
                self.told = Some(boot::now());
                if matches!(self.life, Life::Orphan(_)) {
                    self.hurry();
                }
            }
        }
        if ended {
            self.reap();
        }
        asked
    }

    fn reap(&mut self) {
        loop {
            let (process, exit) = match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(process, status)) => (process, Exit::Status(status)),
                Ok(WaitStatus::Signaled(process, signal, _)) => (process, Exit::Signal(signal as i32)),
                // A signal that nix does not know, of the real-time ones: the process has ended all the same.
                Err(nix::errno::Errno::EINVAL) => continue,
                Ok(_) | Err(_) => return,
            };
            if let Some(command) = self.running.remove(&process.as_raw())
                && !self.is_to_run_once_more(&command, &exit)
            {
                self.ended(&command, exit);
            }
        }
    }

    /// A signal has ended a stop command, as a service manager's does that is for all processes of a service: nobody knows
    /// whether the door is closed, so it runs once more (CMD-7).
    fn is_to_run_once_more(&mut self, command: &Running, exit: &Exit) -> bool {
        let (Kind::Stop, Exit::Signal(signal), false) = (command.kind, exit, command.once_more) else { return false };
        let Some(number) = command.opening else { return false };
        let Some(stop) = self.openings.stop_of(number).cloned() else { return false };
        let door = &command.door;
        self.say(&format!("{door}: stop command was ended by signal {signal}: running it once more"));
        self.start_stop(number, stop.command, true);
        true
    }

    fn ended(&mut self, command: &Running, exit: Exit) {
        let job = match (command.kind, command.opening) {
            (Kind::Start, None) => command.job,
            (Kind::Start, Some(opening)) => {
                let due = self.openings.opened(opening, self.boot, boot::now());
                if let Some(due) = due {
                    self.record(&Record::Opened { opening, boot: self.boot, due: nanos(due) });
                }
                command.job
            }
            (Kind::Stop, opening) => opening.and_then(|number| self.closed(number)),
        };
        match job {
            Some(job) if self.watcher.is_some() => self.tell(&ToWatcher::Exited { job, exit }),
            _ => match exit {
                Exit::Status(0) | Exit::Refused(_) => {}
                Exit::Status(status) => {
                    self.say(&format!("{}: command returned non-zero status code ({status})", command.door));
                }
                Exit::Signal(signal) => {
                    self.say(&format!("{}: command was ended by signal {signal}", command.door));
                }
            },
        }
    }

    /// An opening needs no stop command any more; gives the watcher's job.
    pub(super) fn closed(&mut self, opening: u64) -> Option<u64> {
        self.record(&Record::Closed { opening });
        self.openings.closed(opening)
    }

    pub(super) fn record(&mut self, record: &Record) {
        if self.journal.is_some() {
            record::write(record, &mut self.records);
        }
    }

    /// Puts the records of this round into the journal, and sees to it that those become durable for which a start
    /// command waits. One disk write serves all that came together.
    pub(super) fn write_records(&mut self) {
        if let Some(journal) = &mut self.journal
            && !self.records.is_empty()
        {
            let written = if self.gaps && !self.syncing {
                journal.compact(self.openings.doors()).map(|()| self.gaps = false)
            } else {
                journal.append(&self.records)
            };
            self.records.clear();
            if let Err(error) = written {
                self.gap(&error);
            }
        }
        if self.urgent && !self.syncing {
            self.urgent = false;
            let batch = self.batch;
            self.batch += 1;
            self.sync(batch);
        }
        if let Some(journal) = &mut self.journal
            && journal.is_long()
            && !self.syncing
            && let Err(error) = journal.compact(self.openings.doors())
        {
            self.gap(&error);
        }
    }

    fn sync(&mut self, batch: u64) {
        let whole = self.journal.as_mut().filter(|_| !self.gaps);
        match whole.map(Journal::to_sync).transpose() {
            Ok(Some(what)) => self.syncing = self.disk.ask(Task::Sync(what, batch)),
            Ok(None) => {}
            Err(error) => self.gap(&error),
        }
        if !self.syncing {
            // Nothing can be durable; the doors are opened all the same, and closed as long as this process lives.
            self.start_durable(batch);
        }
    }

    /// The journal could not be written: says so once, until it can be again.
    pub(super) fn gap(&mut self, error: &io::Error) {
        if !self.gaps {
            self.gaps = true;
            self.say(&format!(
                "the journal cannot be written: {error}: open doors stay open if knockd and its doorkeeper die"
            ));
        }
    }
}
