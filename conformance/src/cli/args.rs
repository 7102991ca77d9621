//! What the command line looks like.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{fuzz::Against, subjects::SubjectName};

const EXAMPLES: &str = "\
Examples:
  knock-conformance run
      judges this project's engine by all built-in cases
  knock-conformance run --daemon ./my-knockd --html report.html
      judges a daemon with knockd's command line, live, and draws a page that says what failed and why
  knock-conformance run --daemon ./my-knockd my-case.toml --only 'TIME-*' --keep kept
      by the cases of my own that name a clause of this group, and keeps what failed
  knock-conformance run --client ./my-knock --only 'KNOCK-*'
      judges a client
  knock-conformance show flags-mismatch-is-ignored
      what a case says
  knock-conformance diff original ./my-knockd --only 'SEQ-*'
      where two daemons first part

Exit status:
  0  everything judged is as expected
  1  a case failed, or the ledger is no longer true
  2  wrong use; or nothing was selected; or everything was skipped
  3  a world broke: no permission, no daemon; beats 1";

/// One set of cases that judges any port-knock daemon.
#[derive(Debug, Parser)]
#[command(name = "knock-conformance", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge a daemon or a client
    Run(RunArgs),
    /// List the cases
    List(Selection),
    /// List the clauses, each with how many cases show it and its limit
    Clauses,
    /// Show a case as a timeline
    Show {
        /// The case's id
        case: String,
        /// Case files or directories [default: the built-in cases]
        #[arg(value_name = "CASEFILE")]
        files: Vec<PathBuf>,
    },
    /// Write a case's packets as a capture
    Render {
        /// The case's id
        case: String,
        /// The capture
        #[arg(long, value_name = "FILE")]
        pcap: PathBuf,
        /// Case files or directories [default: the built-in cases]
        #[arg(value_name = "CASEFILE")]
        files: Vec<PathBuf>,
    },
    /// Tell where each case first parts two implementations
    Diff(DiffArgs),
    /// Show the known deviations of an implementation, or write them anew
    Ledger(LedgerArgs),
    /// Draw one page of several runs
    Report {
        /// The page
        #[arg(long, value_name = "FILE")]
        html: PathBuf,
        /// Reports that `run --json` wrote
        #[arg(value_name = "REPORT.json", required = true)]
        reports: Vec<PathBuf>,
    },
    /// Break the naive model in every way that has a name, or real programs, and tell which cases notice
    Mutants(MutantsArgs),
    /// Hold an implementation against the naive model of it in random cases
    Fuzz(FuzzArgs),
    /// Make the table of support, clauses by implementations, of several runs
    Table(TableArgs),
}

/// Which cases.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// Only cases whose id or a clause of which is like this; * stands for any text. May be given several times
    #[arg(long, value_name = "GLOB|CLAUSE")]
    pub only: Vec<String>,

    /// Case files or directories [default: the built-in cases]
    #[arg(value_name = "CASEFILE")]
    pub files: Vec<PathBuf>,
}

/// Who is judged.
#[derive(Args, Clone, Debug)]
pub struct SubjectArgs {
    /// Who carries the cases [default: live with --daemon, --client or --adapter, else replay, this project's engine]
    #[arg(long, value_enum)]
    pub subject: Option<SubjectName>,

    /// What it needs.
    #[command(flatten)]
    pub settings: Settings,
}

/// What a subject needs.
#[derive(Args, Clone, Debug, Default)]
pub struct Settings {
    /// The daemon's executable [default: the one that is installed]
    #[arg(long, value_name = "PATH")]
    pub daemon: Option<PathBuf>,

    /// The library that lets the C knockd judge a capture [default: beside this program, or `KNOCK_PRELOAD`]
    #[arg(long, value_name = "PATH")]
    pub preload: Option<PathBuf>,

    /// The client for --subject live: with knock's command line
    #[arg(long, value_name = "PATH")]
    pub client: Option<PathBuf>,

    /// How --subject live runs and reads the daemon, and in which language it is told its doors: a file, or `knockd` or
    /// `nftables` [default: knockd]
    #[arg(long, value_name = "FILE|NAME")]
    pub adapter: Option<PathBuf>,

    /// What reports call who is judged
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,

    /// How many cases at a time [default: as many as the subject likes]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

impl SubjectArgs {
    /// The subject that is named, or that what it needs tells, or the one that needs nothing.
    ///
    /// # Errors
    ///
    /// None is named, and the program was built without this project's engine; or the one that is named judges somebody
    /// else than the program that is named.
    pub fn name(&self) -> Result<SubjectName, String> {
        let known = |key: &str| SubjectName::value_variants().iter().find(|name| name.key() == key).copied();
        let Settings { daemon, client, adapter, .. } = &self.settings;
        let is_program = daemon.is_some() || client.is_some() || adapter.is_some();
        let implied = known(if is_program { "live" } else { "replay" });
        let none = "name a subject: this program was built without `replay`";
        let name = self.subject.or(implied).ok_or(none.to_owned())?;
        self.settings.fit(name)?;
        Ok(name)
    }
}

impl Settings {
    /// Whether all of them mean something to this subject: whoever names a program and reads that all is as expected must
    /// not learn that somebody else was judged.
    fn fit(&self, subject: SubjectName) -> Result<(), String> {
        let Self { daemon, preload, client, adapter, .. } = self;
        let (live, original): (&[&str], &[&str]) = (&["live"], &["original"]);
        for (option, is_given, subjects) in [
            ("--daemon", daemon.is_some(), &["live", "original"][..]),
            ("--preload", preload.is_some(), original),
            ("--client", client.is_some(), live),
            ("--adapter", adapter.is_some(), live),
        ] {
            if is_given && !subjects.contains(&subject.key()) {
                let right = subjects.join(" or ");
                return Err(format!("{option} means nothing to --subject {}: it is for {right}", subject.key()));
            }
        }
        Ok(())
    }
}

/// Where the known deviations are.
#[derive(Args, Clone, Debug, Default)]
pub struct LedgerArg {
    /// Known deviations: a file, or the name of a built-in ledger, or `none` [default: the implementation's, if it is
    /// known]
    #[arg(long, value_name = "FILE|NAME")]
    pub ledger: Option<String>,
}

/// Options of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Who is judged.
    #[command(flatten)]
    pub subject: SubjectArgs,

    /// Known deviations.
    #[command(flatten)]
    pub ledger: LedgerArg,

    /// By which cases.
    #[command(flatten)]
    pub selection: Selection,

    /// Keep capture, configuration, files, log, transcript and problems of each failure in DIR/CASE
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,

    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write the report as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Write the report as a page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Options of `diff`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Exit status: 0 no case parts them, 1 one does, 2 wrong use or no case was judged by both, 3 a \
                  world broke."
)]
pub struct DiffArgs {
    /// A subject, a daemon's executable, or a report that `run --json` wrote: REPORT.json
    pub a: String,

    /// Another one
    pub b: String,

    /// What the subjects need.
    #[command(flatten)]
    pub settings: Settings,

    /// By which cases.
    #[command(flatten)]
    pub selection: Selection,
}

/// Options of `ledger`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "After --update, give every new entry its reason, and the clause that is to blame: an entry without a reason \
                        fails every run."
)]
pub struct LedgerArgs {
    /// Run all cases and write what the subject did to the file of --ledger; reasons stay
    #[arg(long)]
    pub update: bool,

    /// Who is judged.
    #[command(flatten)]
    pub subject: SubjectArgs,

    /// Known deviations.
    #[command(flatten)]
    pub ledger: LedgerArg,

    /// Refused with --update, which wants all cases.
    #[command(flatten)]
    pub selection: Selection,
}

/// Options of `table`.
#[derive(Args, Clone, Debug)]
pub struct TableArgs {
    /// Reports that `run --json` wrote
    #[arg(value_name = "REPORT.json", required = true)]
    pub reports: Vec<PathBuf>,

    /// Write the table into a document, between its markers
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub write: Option<PathBuf>,

    /// Compare the table with the one in a document; exit status 1 if they differ
    #[arg(long, value_name = "FILE")]
    pub check: Option<PathBuf>,
}

/// Options of `mutants`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Exit status: 0 each mutant is caught by a case of its clause and each case catches a mutant, 1 not so, \
                        2 wrong use, 3 a world broke or was disturbed.\n\n\
                  The programs of --live must pass the cases unbroken: one that is broken already shows nothing."
)]
pub struct MutantsArgs {
    /// Break real programs instead, each behind a script, and judge them live by what only live cases can show: needs
    /// root, or namespaces for users
    #[arg(long, requires_all = ["daemon", "client"])]
    pub live: bool,

    /// The daemon to break with --live
    #[arg(long, value_name = "PATH", requires = "live")]
    pub daemon: Option<PathBuf>,

    /// The client to break with --live
    #[arg(long, value_name = "PATH", requires = "live")]
    pub client: Option<PathBuf>,

    /// Write the matrix: a row a case, a column a mutant. With --live each case is asked about all mutants of its
    /// clauses then, and not only until it catches one
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,

    /// How many at a time: mutants, or with --live worlds
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// Options of `fuzz`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Exit status: 0 they agree, 1 they differ, 2 wrong use, 3 the world of the implementation broke."
)]
pub struct FuzzArgs {
    /// The implementation
    #[arg(long, value_enum)]
    pub against: Against,

    /// Where the random cases begin: the same number, the same cases
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// How many random cases
    #[arg(long, value_name = "M", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub cases: u32,

    /// Run nothing but the model, and print for each of its deviations by how many of the cases it is told
    #[arg(long)]
    pub coverage: bool,

    /// Write the smallest case that parts them to DIR/fuzz-found.toml and DIR/fuzz-found.pcap
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,

    /// The C program, for `original` [default: the installed one]
    #[arg(long, value_name = "PATH")]
    pub daemon: Option<PathBuf>,

    /// The preloaded library, for `original` [default: beside this program]
    #[arg(long, value_name = "PATH")]
    pub preload: Option<PathBuf>,
}
