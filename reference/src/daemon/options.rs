//! What command line and configuration say together: options beat directives (PROC-5).

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use super::{
    capture::ANY,
    error::Error,
    message::{Setup, Sinks},
};
use crate::{cli::knockd::Args, config::Options};

/// The interface, if nobody names one (LISTEN-2).
const DEFAULT_INTERFACE: &str = "eth0";
/// The pid file, if nobody names one (PROC-2).
const DEFAULT_PID_FILE: &str = "/var/run/knockd.pid";

/// The command line, and where its relative paths begin.
#[derive(Clone, Debug)]
pub(super) struct Called {
    pub(super) args: Args,
    /// The arguments as they were given, without the program's name.
    pub(super) raw: Vec<OsString>,
    /// The folder in which the program was called.
    pub(super) folder: PathBuf,
    /// Whether this process was started to be in the background.
    pub(super) background: bool,
}

/// The interfaces to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interfaces {
    /// As they were named.
    pub(super) given: String,
    /// Each once, in that order; [`ANY`] stands alone.
    pub(super) names: Vec<String>,
}

impl Called {
    /// A path, absolute.
    pub(super) fn absolute(&self, path: &[u8]) -> PathBuf {
        self.folder.join(OsStr::from_bytes(path))
    }

    /// The configuration, absolute: it is found again after the daemon went to the root folder (PROC-5).
    pub(super) fn config(&self) -> PathBuf {
        self.folder.join(&self.args.config)
    }

    /// The interfaces of the command line, else of the configuration, else `eth0` (LISTEN-2).
    ///
    /// # Errors
    ///
    /// The text is no list of names.
    pub(super) fn interfaces(&self, options: &Options) -> Result<Interfaces, Error> {
        let named = self.args.interface.as_ref().map(|name| name.as_bytes());
        let given = named.or(options.interface.as_deref()).unwrap_or(DEFAULT_INTERFACE.as_bytes());
        Interfaces::parse(given)
    }

    /// Where messages go.
    pub(super) fn sinks(&self, options: &Options) -> Sinks {
        let option = self.args.logfile.as_ref().map(|file| file.as_os_str().as_bytes());
        let file = option.or(options.log_file.as_deref()).map(|file| bytes(self.absolute(file)));
        Sinks { file, syslog: options.use_syslog }
    }

    /// What the doorkeeper must know.
    pub(super) fn setup(&self, options: &Options, interfaces: &Interfaces) -> Setup {
        let args = &self.args;
        let option = args.pidfile.as_ref().map(|file| file.as_os_str().as_bytes());
        let pid_file = option.or(options.pid_file.as_deref()).unwrap_or(DEFAULT_PID_FILE.as_bytes());
        Setup {
            watcher: std::process::id(),
            pid_file: bytes(self.absolute(pid_file)),
            writes_pid_file: args.daemon,
            config: bytes(self.config()),
            interface: interfaces.given.clone().into_bytes(),
            state: args.state.as_ref().map(|folder| bytes(self.folder.join(folder))),
            sinks: self.sinks(options),
            verbose: args.verbose,
            lookup: args.lookup,
            dry_run: args.dry_run,
            max_commands: args.max_commands,
            respawn: args.respawn.then(|| self.again().into_iter().map(OsString::into_vec).collect()),
        }
    }

    /// The arguments of a process that does in the background what this one was called for.
    pub(super) fn again(&self) -> Vec<OsString> {
        let mut first = OsString::from(BACKGROUND);
        first.push(&self.folder);
        [first].into_iter().chain(self.raw.iter().cloned()).collect()
    }
}

/// The first argument of a process in the background, with the folder in which relative paths begin.
pub(super) const BACKGROUND: &str = "--background=";

/// The folder of a process in the background, if `argument` is its first.
pub(super) fn background(argument: &OsStr) -> Option<PathBuf> {
    argument
        .as_bytes()
        .strip_prefix(BACKGROUND.as_bytes())
        .map(|folder| Path::new(OsStr::from_bytes(folder)).to_owned())
}

impl Interfaces {
    fn parse(given: &[u8]) -> Result<Self, Error> {
        let wrong = || Error::Interface { given: String::from_utf8_lossy(given).into_owned() };
        let text = str::from_utf8(given).map_err(|_| wrong())?;
        let mut names: Vec<String> = Vec::new();
        for name in text.split(',').map(str::trim) {
            if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '/' || c == '\0') {
                return Err(wrong());
            }
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        if names.iter().any(|name| name == ANY) {
            names = vec![ANY.to_owned()];
        }
        Ok(Self { given: text.to_owned(), names })
    }
}

fn bytes(path: PathBuf) -> Vec<u8> {
    path.into_os_string().into_vec()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Config;

    fn called(words: &str) -> Called {
        let raw: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        let args = Args::try_parse_from([OsString::from("knockd")].iter().chain(&raw)).expect("a good command line");
        Called { args, raw, folder: PathBuf::from("/home"), background: false }
    }

    fn options(text: &str) -> Options {
        let (config, _) =
            Config::parse(format!("[options]\n{text}\n[a]\nsequence = 1\n").as_bytes()).expect("it is good");
        config.options
    }

    #[test]
    fn options_beat_directives() {
        let directives = options("interface = eth1\nlogfile = log\npidfile = /run/a.pid");
        let setup = |words: &str| {
            let called = called(words);
            let interfaces = called.interfaces(&directives).expect("names");
            (called.setup(&directives, &interfaces), interfaces)
        };
        let (by_directives, interfaces) = setup("");
        assert_eq!(by_directives.pid_file, b"/run/a.pid");
        assert_eq!(by_directives.sinks.file.as_deref(), Some(&b"/home/log"[..]));
        assert_eq!(interfaces.names, ["eth1"]);
        assert!(!by_directives.writes_pid_file);
        let (by_options, interfaces) = setup("-d -p p -g /var/log/l -i eth2,lo,eth2");
        assert_eq!((by_options.pid_file, by_options.interface), (b"/home/p".to_vec(), b"eth2,lo,eth2".to_vec()));
        assert_eq!(by_options.sinks.file.as_deref(), Some(&b"/var/log/l"[..]));
        assert_eq!(interfaces.names, ["eth2", "lo"]);
        assert!(by_options.writes_pid_file);
    }

    #[test]
    fn nothing_named_is_eth0_and_the_usual_pid_file() {
        let called = called("");
        let none = options("");
        let interfaces = called.interfaces(&none).expect("the default");
        assert_eq!(interfaces.names, ["eth0"]);
        assert_eq!(called.setup(&none, &interfaces).pid_file, b"/var/run/knockd.pid");
    }

    #[test]
    fn interfaces_are_names_with_commas_between_them() {
        let names = |text: &str| Interfaces::parse(text.as_bytes()).map(|interfaces| interfaces.names);
        assert_eq!(names("eth0 , wg0").expect("names"), ["eth0", "wg0"]);
        assert_eq!(names("eth0,any").expect("names"), ["any"]);
        for wrong in ["", ",", "eth0,", "eth0 eth1", "/dev/eth0"] {
            let error = names(wrong).expect_err(wrong).to_string();
            assert!(error.contains("expected names with commas"), "{error}");
        }
        assert!(Interfaces::parse(b"\xff").is_err());
    }

    #[test]
    fn a_process_in_the_background_knows_where_it_was_called() {
        let again = called("-d -c knockd.conf").again();
        assert_eq!(again, ["--background=/home", "-d", "-c", "knockd.conf"]);
        assert_eq!(background(&again[0]), Some(PathBuf::from("/home")));
        assert_eq!(background(OsStr::new("-d")), None);
    }
}
