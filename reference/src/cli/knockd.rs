//! The daemon's command line (PROC-1): knockd's own options, and those that it never had.

use std::{ffi::OsString, path::PathBuf};

use clap::{Parser, value_parser};

const EXAMPLES: &str = "\
Examples:
  knockd --check /etc/knockd.conf
      is the configuration good?
  knockd -i eth0 -v
      listen on eth0 and show on the terminal what happens; Ctrl-C ends it
  knockd -v -D --dry-run
      show what would be done, and why knocks fail; run nothing
  knockd -d -i eth0,wg0
      listen on two interfaces, in the background, as a service does

Signals:
  SIGHUP         read the configuration again, and open the log file again
  SIGTERM, SIGINT
                 close the doors that are open, and end

Exit status:
  0  ended by a signal; with -d, listening; with --check, a good configuration
  1  cannot start, or cannot go on; with --check, a bad configuration
  2  the command line is wrong";

/// A port-knock daemon: watches for secret sequences of packets, and runs a command for who sends one.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "knockd",
    version,
    max_term_width = 100,
    after_help = EXAMPLES,
    args_override_self = true,
    infer_long_args = true
)]
pub struct Args {
    /// Listen on this interface, on several (eth0,wg0), or on all (any) [default: the configuration's, or eth0]
    #[arg(short, long, value_name = "IF")]
    pub interface: Option<OsString>,

    /// Go into the background; returns 0 once the daemon listens
    #[arg(short, long)]
    pub daemon: bool,

    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "/etc/knockd.conf")]
    pub config: PathBuf,

    /// Log why knocks are discarded, too
    #[arg(short = 'D', long)]
    pub debug: bool,

    /// Look up the names of addresses for the log; whoever sees the queries learns who knocks
    #[arg(short, long)]
    pub lookup: bool,

    /// Write the process number there, with -d [default: the configuration's, or /var/run/knockd.pid]
    #[arg(short, long, value_name = "FILE")]
    pub pidfile: Option<PathBuf>,

    /// Log to this file instead of the configuration's
    #[arg(short = 'g', long, value_name = "FILE")]
    pub logfile: Option<PathBuf>,

    /// Log to standard output, too
    #[arg(short, long)]
    pub verbose: bool,

    /// Ignore IPv6
    #[arg(short = '4', long)]
    pub only_ip_v4: bool,

    /// Keep the journal of open doors in this folder [default: $STATE_DIRECTORY, or the pid file's folder]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// Run at most so many commands at once
    #[arg(long, value_name = "N", default_value = "32", value_parser = value_parser!(u32).range(1..=10_000))]
    pub max_commands: u32,

    /// Remember at most so many half-finished knocks, of about 90 bytes each
    #[arg(long, value_name = "N", default_value = "100000", value_parser = value_parser!(u32).range(1..=100_000_000))]
    pub max_knocks: u32,

    /// Log what would be done, but run no command and use up no one-time sequence
    #[arg(long)]
    pub dry_run: bool,

    /// Wait for an interface that does not exist yet
    #[arg(long)]
    pub wait: bool,

    /// If the part that listens dies, start it anew instead of only closing the doors in time
    #[arg(long)]
    pub respawn: bool,

    /// Say what is wrong with a configuration, and what is dangerous in it, and end [default FILE: that of -c]
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "not given, given alone, given with a file")]
    pub check: Option<Option<PathBuf>>,
}
