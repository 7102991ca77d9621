//! The command line.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::replay::{Options, Show, address, beside::LocalArg, explain::Filter};

const EXAMPLE: &str = "\
Example:
  knocksim replay --config /etc/knockd.conf --local 192.0.2.1/24 failed.pcap --explain
      why did my knock fail?

knocksim replay --help shows more.";

/// A port-knock daemon without a network: replays captures and says what a conforming daemon decides, and why.
#[derive(Debug, Parser)]
#[command(name = "knocksim", version, max_term_width = 100, after_help = EXAMPLE)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replay captures: what would a conforming daemon do, and why?
    Replay(ReplayArgs),
}

const EXAMPLES: &str = "\
Examples:
  knocksim replay captures/*.pcap
      a timeline and a summary of each capture
  knocksim replay --config /etc/knockd.conf --local 192.0.2.1/24 failed.pcap --explain
      why did my knock fail?
  knocksim replay captures/*.pcap --check
      compare with each capture's .expected
  knocksim replay captures/*.pcap --json | jq 'select(.event == \"open\")'
      one object a decision, for programs
  tcpdump -i eth0 -U -w - | knocksim replay --config /etc/knockd.conf -
      decide as the packets come

Beside CAPTURE (its ending replaced, .gz removed first):
  .conf       the configuration, unless --config is given
  .toml       the host's addresses and where the capture came from, unless --local is given
  .expected   the expected decisions as --json prints them, for --check

Times are the capture's own, in UTC.

Exit status:
  0  every capture was replayed, and with --check decided as expected
  1  --check found a difference
  2  a capture or what belongs to it is missing or broken, or the command line is wrong";

/// Options of `replay`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES, after_help = "--help shows examples.")]
pub struct ReplayArgs {
    /// Captures: classic pcap or pcapng, perhaps gzipped; - for standard input
    #[arg(value_name = "CAPTURE", required = true)]
    pub captures: Vec<PathBuf>,

    /// The daemon's configuration
    ///
    /// Default: beside each capture, with the ending .conf. Relative paths of one-time files start at its folder.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// An address of the host that captured
    ///
    /// May be given several times. With the length of its network's prefix, the network's broadcast address is known,
    /// too. Default: those of the sidecar; without one, any unicast destination counts, and a host's own addresses may
    /// be clients.
    #[arg(short, long, value_name = "ADDR[/LEN]")]
    pub local: Vec<LocalArg>,

    /// Print each decision as a JSON object on a line
    #[arg(long, conflicts_with = "explain")]
    pub json: bool,

    /// Tell every packet of the sources that reached stage 1, with the clause that decided, and why knocks failed
    #[arg(long)]
    pub explain: bool,

    /// With --explain: tell the packets of everyone, whether they are hits or not
    #[arg(long, requires = "explain")]
    pub all: bool,

    /// With --explain: tell the packets of this source only; may be given several times
    #[arg(long, value_name = "ADDR", requires = "explain", value_parser = address)]
    pub source: Vec<IpAddr>,

    /// With --explain: tell what this door made of them only; may be given several times
    #[arg(long, value_name = "NAME", requires = "explain")]
    pub door: Vec<String>,

    /// Compare the decisions with CAPTURE's .expected, and show nothing but the differences
    #[arg(long, conflicts_with = "explain")]
    pub check: bool,

    /// Write the one-time files as they are at the end to DIR/CAPTURE's name/
    #[arg(long, value_name = "DIR")]
    pub write_spent: Option<PathBuf>,

    /// Ignore IPv6
    #[arg(short = '4', long)]
    pub only_ip_v4: bool,

    /// The bound on half-finished knocks [default: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_knocks: Option<u32>,
}

impl ReplayArgs {
    /// The captures, and what to do with them.
    #[must_use]
    pub fn into_parts(self) -> (Options, Vec<PathBuf>) {
        let show = match self {
            Self { json: true, .. } => Show::Json,
            Self { explain: true, .. } => {
                Show::Explain(Filter { all: self.all, sources: self.source, doors: self.door })
            }
            Self { check: true, .. } => Show::Nothing,
            Self { .. } => Show::Timeline,
        };
        let options = Options {
            config: self.config,
            local: self.local,
            show,
            check: self.check,
            write_spent: self.write_spent,
            only_v4: self.only_ip_v4,
            max_knocks: self.max_knocks.and_then(|most| usize::try_from(most).ok()),
        };
        (options, self.captures)
    }
}
