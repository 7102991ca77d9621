//! What a subject must be able to do for a case to be judged on it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that a case may need and a subject may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ability {
    /// Its log can be read.
    Log,
    /// It runs commands, and they can be seen.
    Commands,
    /// Commands can be made to take time.
    TimedCommands,
    /// Files beside the configuration.
    Files,
    /// Each write to a file is seen in its place among what else is done.
    Marks,
    /// It can be sent signals.
    Signals,
    /// It reads its configuration again.
    Reload,
    /// It can be ended and started again.
    Restart,
    /// It is a process with options, output and files of its own.
    Process,
    /// The interface's addresses can change while it runs.
    Addresses,
    /// The interface can go down, vanish and come again.
    Interfaces,
    /// Frames that no kernel would forward reach it as they are.
    Frames,
    /// Linux cooked capture.
    LinkSll,
    /// Linux cooked capture, version 2.
    LinkSll2,
    /// IP without a link header.
    LinkRaw,
    /// BSD loopback, in the host's byte order.
    LinkNull,
    /// BSD loopback, in network byte order.
    LinkLoop,
    /// Frames with VLAN tags reach it as they are.
    Vlan,
    /// Stamps are exactly the case's, finer than any clock could make them.
    Stamps,
    /// It waits as long as the case lasts.
    Patience,
    /// The bound on half-finished knocks can be set.
    Bound,
    /// The wall clock can be stepped.
    Clock,
    /// Commands are run by a real shell, on a real system.
    Shell,
    /// What it sends to syslog can be seen.
    Syslog,
    /// Files of the system, such as `/etc/hosts`, can be the case's for it alone.
    System,
    /// It is a client, not a daemon.
    Client,
    /// It is a daemon, not a client.
    Daemon,
    /// The language of its configuration can say what the case's configuration says.
    Language,
}

impl Ability {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::Log,
        Self::Commands,
        Self::TimedCommands,
        Self::Files,
        Self::Marks,
        Self::Signals,
        Self::Reload,
        Self::Restart,
        Self::Process,
        Self::Addresses,
        Self::Interfaces,
        Self::Frames,
        Self::LinkSll,
        Self::LinkSll2,
        Self::LinkRaw,
        Self::LinkNull,
        Self::LinkLoop,
        Self::Vlan,
        Self::Stamps,
        Self::Patience,
        Self::Bound,
        Self::Clock,
        Self::Shell,
        Self::Syslog,
        Self::System,
        Self::Client,
        Self::Daemon,
        Self::Language,
    ];

    /// Its name in adapter files and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Commands => "commands",
            Self::TimedCommands => "timed-commands",
            Self::Files => "files",
            Self::Marks => "marks",
            Self::Signals => "signals",
            Self::Reload => "reload",
            Self::Restart => "restart",
            Self::Process => "process",
            Self::Addresses => "addresses",
            Self::Interfaces => "interfaces",
            Self::Frames => "frames",
            Self::LinkSll => "link-sll",
            Self::LinkSll2 => "link-sll2",
            Self::LinkRaw => "link-raw",
            Self::LinkNull => "link-null",
            Self::LinkLoop => "link-loop",
            Self::Vlan => "vlan",
            Self::Stamps => "stamps",
            Self::Patience => "patience",
            Self::Bound => "bound",
            Self::Clock => "clock",
            Self::Shell => "shell",
            Self::Syslog => "syslog",
            Self::System => "system",
            Self::Client => "client",
            Self::Daemon => "daemon",
            Self::Language => "language",
        }
    }
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
