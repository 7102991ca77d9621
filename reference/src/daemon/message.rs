//! What the watcher and the doorkeeper say to each other.
//!
//! Each message is one frame of a [`Channel`](super::channel::Channel). Paths and commands are bytes, as a configuration
//! has them. The watcher speaks first, with [`Setup`], and the doorkeeper answers with [`ToWatcher::Ready`] or
//! [`ToWatcher::Failed`]; then each speaks when it has something to say. If the watcher ends without
//! [`ToKeeper::Bye`], the doorkeeper goes on alone until the last open door is closed.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

/// The first argument that makes the program a doorkeeper; its standard input is then its end of the socket pair.
pub const DOORKEEPER: &str = "--doorkeeper";

/// From the watcher to the doorkeeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToKeeper {
    /// The first message, and only the first.
    Setup(Box<Setup>),
    /// Log this.
    Log(Line),
    /// Run this command; answered by [`ToWatcher::Exited`].
    Run(Run),
    /// Mark a used line; answered by [`ToWatcher::Spent`] once the mark is durable (ONCE-6).
    Spend(Spend),
    /// Open a file for reading; answered by [`ToWatcher::Opened`], with the descriptor if that went well.
    Open {
        /// To be given back with the result.
        request: u64,
        /// Its path, links followed.
        path: Vec<u8>,
    },
    /// The configuration was read again: log there from now on. The log file is opened again even if its name is the
    /// same, since it may have been rotated (PROC-3).
    Sinks(Sinks),
    /// The daemon was told to end: stop commands that the doorkeeper itself has taken over from an earlier daemon run
    /// now. What the watcher's engine wants to run still follows.
    Quit,
    /// Nothing follows: end in order, once the doorkeeper's own stop commands have ended. Commands of the watcher that
    /// still run are left to themselves, and what they have not closed stays in the journal.
    Bye,
}

/// From the doorkeeper to the watcher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWatcher {
    /// The pid file is ours, the log is open, the journal was read: the daemon may begin.
    Ready,
    /// The daemon cannot begin, for this reason, which is for its standard error. The doorkeeper ends.
    Failed {
        /// Why, in one line.
        why: String,
    },
    /// A command has ended, or never ran.
    Exited {
        /// Which.
        job: u64,
        /// How.
        exit: Exit,
    },
    /// A mark is durable, or could not be written.
    Spent {
        /// Which.
        spend: u64,
        /// The system's words if it failed.
        result: Result<(), String>,
    },
    /// A file was opened, and its descriptor comes with this message; or it could not be.
    Opened {
        /// Which.
        request: u64,
        /// The system's words if it failed.
        result: Result<(), String>,
    },
}

/// Everything that a doorkeeper must know before it can do anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The watcher's process number, which is the daemon's.
    pub watcher: u32,
    /// The path of the pid file, absolute. It is part of the journal's key even if it is not written.
    pub pid_file: Vec<u8>,
    /// Whether the pid file is locked, written and removed at the end (PROC-2).
    pub writes_pid_file: bool,
    /// The configuration's path, absolute.
    pub config: Vec<u8>,
    /// The interfaces, as given.
    pub interface: Vec<u8>,
    /// `--state`: the journal's folder. Without it systemd's `$STATE_DIRECTORY` counts, then the pid file's folder.
    pub state: Option<Vec<u8>>,
    /// Where messages go.
    pub sinks: Sinks,
    /// `-v`: they also go to standard output.
    pub verbose: bool,
    /// `-l`: they show the source's name behind its address (LOG-3).
    pub lookup: bool,
    /// `--dry-run`: nothing is run, nothing is marked, no journal is kept. The answers are as if all went well.
    pub dry_run: bool,
    /// `--max-commands`: how many commands may run before one of the doorkeeper's own stop commands has to wait.
    pub max_commands: u32,
    /// `--respawn`: the arguments, without the program's name, of a new watcher to take the place of one that died.
    pub respawn: Option<Vec<Vec<u8>>>,
}

/// Where messages go, as a configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sinks {
    /// The log file's path, absolute.
    pub file: Option<Vec<u8>>,
    /// The system's log.
    pub syslog: bool,
}

/// A message to log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When it happened, in seconds since 1970 began in UTC.
    pub at: i64,
    /// What, without the date.
    pub message: String,
    /// Whose knock it is about, if it begins with that address: the name goes behind it with `-l` (LOG-2).
    pub source: Option<IpAddr>,
    /// Whether it is logged only on demand (LOG-4); the system's log then gets it at level debug.
    pub debug: bool,
}

/// A command to run through `/bin/sh -c`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// To be given back when it has ended. A stop command has the number of its start command.
    pub job: u64,
    /// Start or stop.
    pub kind: Kind,
    /// The command, every `%IP%` replaced.
    pub command: Vec<u8>,
    /// For a start command: what is to follow it. It is in the journal before the start command runs.
    pub stop: Option<Stop>,
}

/// Which of a door's two commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `Start_Command`.
    Start,
    /// `Stop_Command`.
    Stop,
}

/// The stop command that closes what a start command opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The command, every `%IP%` replaced.
    pub command: Vec<u8>,
    /// How long after the start command's end (`Cmd_Timeout`).
    pub after: Duration,
    /// The door's name, for the log.
    pub door: String,
    /// The knocker, for the log.
    pub source: IpAddr,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// By itself, with this exit status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// It never ran: the system refused it, in these words (CMD-5).
    Refused(String),
}

/// The first byte of a used line, to be overwritten by [`MARK`](crate::one_time::MARK).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// To be given back with the result.
    pub spend: u64,
    /// The one-time file's path, absolute, links followed.
    pub path: Vec<u8>,
    /// The device of the file that was read.
    pub device: u64,
    /// Its inode: another file at this path is not marked.
    pub inode: u64,
    /// Where the line begins, in bytes from the file's start.
    pub offset: u64,
    /// The byte that was read there: a line that has changed is not marked.
    pub expected: u8,
}
