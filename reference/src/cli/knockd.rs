//! The daemon's command line (PROC-1): knockd's own options, and those that it never had.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{CommandFactory, Parser, ValueHint, error::ErrorKind, value_parser};

const EXAMPLES: &str = "\
Examples:
  knockd --check /etc/knockd.conf
      is the configuration good?
  knockd -v -D --dry-run
      show what would be done, and why knocks fail; run nothing
  knockd -i eth0 -v
      listen on eth0 and show on the terminal what happens; Ctrl-C ends it
  knockd -d -i eth0,wg0
      listen on two interfaces, in the background, as a service does

";

const SIGNALS: &str = "\
Signals:
  SIGHUP
      read the configuration and the one-time files again, and open the log file again; if the
      configuration is bad, the log says why, and the running one stays
  SIGTERM, SIGINT
      run the stop commands of all open doors, and end: within 60 s, whatever they do

";

const STATUSES: &str = "\
Exit status:
  0  ended by a signal; with -d, the daemon listens; with --check, the configuration is good
  1  it cannot start, or cannot go on; with --check, the configuration is bad
  2  the command line is wrong";

const MORE: &str = "--help says more about each option, and shows the signals and the exit statuses.";

/// A port-knock daemon: runs a command for whoever sends a secret sequence of packets
#[derive(Clone, Debug, Parser)]
#[command(
    name = "knockd",
    version,
    max_term_width = 100,
    after_help = format!("{EXAMPLES}{MORE}"),
    after_long_help = format!("{EXAMPLES}{SIGNALS}{STATUSES}"),
    args_override_self = true,
    infer_long_args = true
)]
pub struct Args {
    /// Listen on this interface, on several (eth0,wg0), or on all (any) [default: the configuration's, or eth0]
    ///
    /// One that is down, or has no address yet, is taken up when it comes. Addresses that come and go are followed.
    #[arg(short, long, value_name = "IF")]
    pub interface: Option<OsString>,

    /// Go into the background; returns 0 once the daemon listens
    ///
    /// If it cannot start, the reason is on standard error, and the status is 1. Without this option it stays in the
    /// foreground and writes no pid file, as a service manager likes it.
    #[arg(short, long)]
    pub daemon: bool,

    /// Read this configuration
    #[arg(short, long, value_name = "FILE", default_value = "/etc/knockd.conf", value_hint = ValueHint::FilePath)]
    pub config: PathBuf,

    /// Log why knocks are discarded, too
    ///
    /// Each such line names the packet that spoiled the knock, and the clause of the contract that says so.
    #[arg(short = 'D', long)]
    pub debug: bool,

    /// Look up the names of addresses for the log; whoever sees the queries learns who knocks
    ///
    /// No knock waits for a name server.
    #[arg(short, long)]
    pub lookup: bool,

    /// Write the process number there, with -d [default: the configuration's, or /var/run/knockd.pid]
    ///
    /// A second daemon on the same file is refused. Where no file may be written, the daemon goes on without.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub pidfile: Option<PathBuf>,

    /// Log to this file instead of the configuration's
    #[arg(short = 'g', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub logfile: Option<PathBuf>,

    /// Log to standard output, too
    #[arg(short, long)]
    pub verbose: bool,

    /// Ignore IPv6
    #[arg(short = '4', long)]
    pub only_ip_v4: bool,

    /// Keep the journal of open doors in this folder [default: $STATE_DIRECTORY, or the pid file's folder]
    ///
    /// From the journal the next start knows which doors to close if this daemon is killed. The folder, and all above it,
    /// must be writable for root or the daemon's own user alone; it is made if it is not there.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state: Option<PathBuf>,

    /// Run at most so many commands at once
    ///
    /// Others wait in their order, stop commands first. With more than 10,000 start commands waiting, knocks do not open.
    #[arg(long, value_name = "N", default_value = "32", value_parser = value_parser!(u32).range(1..=10_000))]
    pub max_commands: u32,

    /// Remember at most so many half-finished knocks, of about 90 bytes each
    ///
    /// Beyond them the oldest knock of the lowest stage is dropped, and the log says so.
    #[arg(long, value_name = "N", default_value = "100000", value_parser = value_parser!(u32).range(1..=100_000_000))]
    pub max_knocks: u32,

    /// Log what would be done, but run no command and use up no one-time sequence
    #[arg(long)]
    pub dry_run: bool,

    /// Wait for an interface that does not exist yet
    ///
    /// Without this option that is an error at the start. With -d, the start returns once the interface is there.
    #[arg(long)]
    pub wait: bool,

    /// If the part that listens dies, start it anew instead of only closing the doors in time
    ///
    /// At most five times a minute. Under a service manager let that do it, with Restart=on-failure.
    #[arg(long)]
    pub respawn: bool,

    /// Say what is wrong with a configuration, and what is dangerous in it, and end [default FILE: that of -c]
    ///
    /// Its one-time files are read, too. Nothing is listened to, run or written.
    #[arg(long, value_name = "FILE", num_args = 0..=1, value_hint = ValueHint::FilePath)]
    pub check: Option<Option<PathBuf>>,
}

/// Says what the parser has to say instead of arguments: help and version, asked for, on standard output; what is wrong
/// with the command line on standard error, and then the exit status is 2 (PROC-5).
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the command line's answers go where they belong")]
pub fn explain(error: &clap::Error) -> ExitCode {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if asked {
        let shown = error.print();
        return if shown.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    // Nobody is left to hear that this cannot be written.
    let _unheard = io::stderr().write_all(wrong(error).as_bytes());
    ExitCode::from(2)
}

/// The parser's words, with the short names of options beside the long ones, which are all that it knows them by.
fn wrong(error: &clap::Error) -> String {
    let mut words = error.to_string();
    for argument in Args::command().get_arguments() {
        if let (Some(short), Some(long)) = (argument.get_short(), argument.get_long()) {
            words = words.replace(&format!("'--{long} <"), &format!("'-{short}, --{long} <"));
        }
    }
    words.strip_prefix("error: ").map_or(words.clone(), |words| format!("knockd: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(words: &str) -> String {
        let words = ["knockd"].into_iter().chain(words.split_whitespace());
        wrong(&Args::try_parse_from(words).expect_err("it is wrong"))
    }

    #[test]
    fn the_definitions_are_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_may_be_short_together_shortened_and_given_twice() {
        let words = ["knockd", "-dvi", "eth1", "--interf", "wg0", "-D", "-D", "-4l", "-pfile", "--logfile=log"];
        let args = Args::try_parse_from(words).expect("it is right");
        assert!(args.daemon && args.verbose && args.debug && args.lookup && args.only_ip_v4);
        assert_eq!(args.interface.as_deref(), Some("wg0".as_ref()));
        assert_eq!((args.pidfile, args.logfile), (Some("file".into()), Some("log".into())));
        assert_eq!((args.config, args.max_commands, args.max_knocks), ("/etc/knockd.conf".into(), 32, 100_000));
    }

    #[test]
    fn a_check_may_name_its_file() {
        let check = |words: &[&str]| Args::try_parse_from(words).expect("it is right").check;
        assert_eq!(check(&["knockd"]), None);
        assert_eq!(check(&["knockd", "--check"]), Some(None));
        assert_eq!(check(&["knockd", "--check", "a.conf"]), Some(Some("a.conf".into())));
        assert_eq!(check(&["knockd", "--check", "-c", "b.conf"]), Some(None));
    }

    #[test]
    fn what_is_wrong_is_named_as_it_was_written() {
        insta::assert_snapshot!("no value", refused("-g"));
        insta::assert_snapshot!("unknown", refused("--demon"));
        insta::assert_snapshot!("stray", refused("start"));
        insta::assert_snapshot!("none at once", refused("--max-commands 0"));
    }

    #[test]
    fn help_shows_every_option() {
        insta::assert_snapshot!("help", Args::command().term_width(100).render_help());
        insta::assert_snapshot!("long help", Args::command().term_width(100).render_long_help());
    }
}
