//! An adapter: how a daemon is run, told its configuration and read, as a file says it.
//!
//! The file is TOML; `adapters/knockd.toml` is the default and shows every key that a daemon with knockd's command line
//! needs, `adapters/nftables.toml` those for a daemon with another language.

mod doors;
mod error;
mod line;
mod parts;

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;

pub use self::{
    doors::{Door, Inexpressible, Port, directives, doors},
    error::AdapterError,
    line::Line,
    parts::{Argument, Background, Configuration, Log, Probe, Ready},
};
use crate::{
    ability::Ability,
    case::{Case, Kind},
    clause,
    timeline::Expect,
};

/// The adapter for daemons with knockd's command line.
const KNOCKD: &str = include_str!("../../adapters/knockd.toml");

/// The adapters that need no file, by their names.
const BUILT_IN: [(&str, &str); 2] = [("knockd", KNOCKD), ("nftables", include_str!("../../adapters/nftables.toml"))];

/// How a daemon is run, told its configuration and read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Adapter {
    /// What reports call the daemon.
    pub name: String,
    /// What is run when no other program is named.
    pub program: String,
    /// What the daemon cannot do, or cannot show.
    #[serde(default)]
    pub lacks: BTreeSet<Ability>,
    /// The clauses on which it is judged; all if it is absent.
    pub claims: Option<BTreeSet<String>>,
    /// Whether the program only sets the daemon up, and ends with status 0.
    #[serde(default)]
    pub ends: bool,
    /// The arguments, in order; the case's own follow.
    #[serde(default)]
    pub argument: Vec<Argument>,
    /// When it is listening.
    #[serde(default)]
    pub ready: Ready,
    /// How its configuration is made, if it is not knockd's.
    pub configuration: Option<Configuration>,
    /// Where it logs.
    pub log: Option<Log>,
    /// How it goes into the background.
    #[serde(default)]
    pub background: Background,
    /// How an open door is seen, if no command is run.
    pub probe: Option<Probe>,
}

impl Adapter {
    /// The adapter for daemons with knockd's command line.
    ///
    /// # Panics
    ///
    /// Never: the file is part of the program, and a test reads it.
    #[must_use]
    pub fn knockd() -> Self {
        Self::read(KNOCKD, Path::new("knockd.toml")).expect("knockd.toml is well-formed")
    }

    /// A built-in adapter, or the one of a file.
    ///
    /// # Errors
    ///
    /// What is wrong with the file first.
    pub fn named(name: &Path) -> Result<Self, AdapterError> {
        match BUILT_IN.iter().find(|(known, _)| Path::new(known) == name) {
            Some((_, text)) => Self::read(text, name),
            None => Self::load(name),
        }
    }

    /// Whether an adapter of this name needs no file.
    #[must_use]
    pub fn is_built_in(name: &Path) -> bool {
        BUILT_IN.iter().any(|(known, _)| Path::new(known) == name)
    }

    /// Reads an adapter file.
    ///
    /// # Errors
    ///
    /// What is wrong with it first.
    pub fn load(file: &Path) -> Result<Self, AdapterError> {
        let text = fs::read_to_string(file).map_err(|error| AdapterError::Unreadable(file.to_owned(), error))?;
        Self::read(&text, file)
    }

    /// Reads an adapter file's text; `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// What is wrong with it first.
    pub fn read(text: &str, file: &Path) -> Result<Self, AdapterError> {
        let adapter: Self =
            toml::from_str(text).map_err(|error| AdapterError::Toml(file.to_owned(), Box::new(error)))?;
        if let Some(name) = adapter.claims.iter().flatten().find(|name| clause::find(name).is_none()) {
            return Err(AdapterError::NoClause(file.to_owned(), name.clone()));
        }
        // An error in the template is found before any case is run.
        if let Err(error) = adapter.configuration_of(&[]) {
            return Err(AdapterError::Template(file.to_owned(), Box::new(error)));
        }
        Ok(adapter)
    }

    /// Whether it claims to obey a clause.
    #[must_use]
    pub fn claims(&self, clause: &str) -> bool {
        self.claims.as_ref().is_none_or(|claims| claims.contains(clause))
    }

    /// The abilities that keep the daemon from being judged by a case.
    #[must_use]
    pub fn lacks(&self, case: &Case) -> BTreeSet<Ability> {
        let mut lacks: BTreeSet<Ability> = case.needs().intersection(&self.lacks).copied().collect();
        if let (Some(configuration), Kind::Daemon { config, .. }) = (&self.configuration, &case.kind)
            && doors(config, &configuration.directives).is_err()
        {
            lacks.insert(Ability::Language);
        }
        // A probe sees that a door is open, not how often it was opened.
        if self.probe.is_some() {
            let runs = case.timeline.expectations().filter_map(|(_, _, expect)| {
                let Expect::Run(pattern) = expect else { return None };
                Some(pattern.to_string())
            });
            let mut seen = BTreeSet::new();
            if runs.into_iter().any(|run| !seen.insert(run)) {
                lacks.insert(Ability::Commands);
            }
        }
        lacks
    }

    /// The daemon's own configuration for these doors, and its file's name; `None` if it reads knockd's.
    ///
    /// # Errors
    ///
    /// The template cannot be filled with them.
    pub fn configuration_of(&self, doors: &[Door]) -> Result<Option<(&str, String)>, minijinja::Error> {
        let Some(configuration) = &self.configuration else { return Ok(None) };
        let mut environment = minijinja::Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        let probe = self.probe.as_ref().map(|probe| probe.first_port);
        let text = environment.render_str(&configuration.template, minijinja::context! { doors, probe })?;
        Ok(Some((&configuration.file, text)))
    }

    /// The words of the command line, the program's name apart, for a case with these options and this configuration.
    #[must_use]
    pub fn arguments(&self, config: &[u8], options: &[String]) -> Vec<String> {
        let directives: Vec<String> = directives(config).map(|(name, _)| name).collect();
        let says = |word: &String| {
            if word.starts_with('-') { has_option(options, word) } else { directives.contains(word) }
        };
        let groups = self.argument.iter().filter(|group| !group.unless.iter().any(says));
        groups.flat_map(|group| &group.words).chain(options).cloned().collect()
    }

    /// The files to which a daemon with these arguments and this configuration may log.
    #[must_use]
    pub fn log_files(&self, config: &[u8], arguments: &[String]) -> Vec<String> {
        match &self.log {
            Some(log) if log.file.is_some() => named(&log.options, &log.directives, config, arguments),
            Some(_) | None => Vec::new(),
        }
    }

    /// The files to which it may write its process number.
    #[must_use]
    pub fn pid_files(&self, config: &[u8], arguments: &[String]) -> Vec<String> {
        named(&self.background.options, &self.background.directives, config, arguments)
    }

    /// Whether it goes into the background with these options. Short ones may stand together in one word.
    #[must_use]
    pub fn goes_into_background(&self, options: &[String]) -> bool {
        let is_in = |option: &String, letter: &str| {
            option.strip_prefix('-').is_some_and(|letters| !letters.starts_with('-') && letters.contains(letter))
        };
        self.background.with.iter().any(|with| match with.strip_prefix('-') {
            Some(letter) if !letter.starts_with('-') => options.iter().any(|option| is_in(option, letter)),
            Some(_) | None => options.contains(with),
        })
    }
}

/// The words after these options, and what these directives say.
fn named(options: &[String], names: &[String], config: &[u8], arguments: &[String]) -> Vec<String> {
    let after = arguments.windows(2).filter(|pair| options.contains(&pair[0])).map(|pair| pair[1].clone());
    let joined = arguments.iter().filter_map(|argument| {
        let (option, value) = argument.split_once('=')?;
        options.iter().any(|known| known == option).then(|| value.to_owned())
    });
    let said = directives(config).filter(|(name, _)| names.contains(name)).map(|(_, value)| value);
    let mut files: Vec<String> = after.chain(joined).chain(said).collect();
    files.sort();
    files.dedup();
    files
}

fn has_option(options: &[String], wanted: &str) -> bool {
    options.iter().any(|option| {
        option == wanted || wanted.starts_with("--") && option.split_once('=').is_some_and(|(name, _)| name == wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_case_that_is_about_an_option_gets_only_its_own() {
        let adapter = Adapter::knockd();
        let of = |config: &str, options: &str| adapter.arguments(config.as_bytes(), &words(options)).join(" ");
        assert_eq!(of("[a]\n sequence = 1\n", ""), "-c /case/knockd.conf -g /case/knockd.log -p /case/knockd.pid");
        assert_eq!(of("", "-v -g x"), "-c /case/knockd.conf -p /case/knockd.pid -v -g x");
        assert_eq!(of("", "--config=y -p z"), "-g /case/knockd.log --config=y -p z");
        assert_eq!(of("[options]\n LogFile = /case/l\n PidFile=x", ""), "-c /case/knockd.conf");
    }

    #[test]
    fn every_place_where_it_may_log_is_read() {
        let adapter = Adapter::knockd();
        let of = |config: &str, arguments: &str| adapter.log_files(config.as_bytes(), &words(arguments));
        assert_eq!(of("", "-c x -g /case/knockd.log"), ["/case/knockd.log"]);
        assert_eq!(of("[options]\nlogfile=/case/a\n", "--logfile=/case/b"), ["/case/a", "/case/b"]);
        assert!(of("[options]\nusesyslog\n", "").is_empty());
        for (options, goes) in [("-d", true), ("--daemon", true), ("-vd", true), ("-v --debug -g d", false)] {
            assert_eq!(adapter.goes_into_background(&words(options)), goes, "{options}");
        }
        assert_eq!(adapter.pid_files(b"[options]\nPidFile = /case/p\n", &words("-d")), ["/case/p"]);
    }

    #[test]
    fn the_ruleset_has_a_set_for_each_stage() {
        let adapter = Adapter::named(Path::new("nftables")).expect("a built-in adapter");
        let config = b"[ssh]\nsequence = 7000,8000:udp\ntcpflags = syn,!ack\nseq_timeout = 2\ncommand = open %IP%\n";
        let known = &adapter.configuration.as_ref().expect("a configuration").directives;
        let doors = doors(config, known).expect("a plain door");
        let (file, text) = adapter.configuration_of(&doors).expect("a template").expect("a configuration");
        assert_eq!(file, "rules.nft");
        let rules: Vec<&str> = text.lines().map(str::trim).filter(|line| line.contains("dport")).collect();
        let wanted = [
            "udp dport 8000 ip saddr @door1_ip_1 add @door1_ip_2 { ip saddr }",
            "udp dport 8000 ip6 saddr @door1_ip6_1 add @door1_ip6_2 { ip6 saddr }",
            "tcp flags & (syn | ack) == (syn) tcp dport 7000 meta nfproto ipv4 add @door1_ip_1 { ip saddr }",
            "tcp flags & (syn | ack) == (syn) tcp dport 7000 meta nfproto ipv6 add @door1_ip6_1 { ip6 saddr }",
            "tcp dport 60001 ip saddr @door1_ip_2 accept",
            "tcp dport 60001 ip6 saddr @door1_ip6_2 accept",
            "tcp dport 60001 drop",
        ];
        assert_eq!(rules, wanted);
    }

    #[test]
    fn an_unknown_key_or_clause_is_an_error() {
        let file = Path::new("a.toml");
        let read = |text: &str| Adapter::read(text, file).expect_err("wrong").to_string();
        let start = "name = 'a'\nprogram = 'b'\n";
        assert!(read(&format!("{start}lack = []\n")).contains("unknown field `lack`"));
        assert!(read(&format!("{start}lacks = ['fly']\n")).contains("unknown variant `fly`"));
        assert!(read(&format!("{start}claims = ['SEQ-99']\n")).contains("`SEQ-99` in `claims` is no clause"));
        let template = "[configuration]\nfile = 'c'\ndirectives = []\ntemplate = '{% if %}'\n";
        assert!(read(&format!("{start}{template}")).starts_with("a.toml: `template`: "));
        assert!(read(&format!("{start}[log]\nfile = 'x'\n")).contains("{message}"));
    }
}
