//! The client's command line (KNOCK-1, KNOCK-3).

use std::{num::NonZeroU16, time::Duration};

use clap::{CommandFactory, Parser, ValueHint, error::ErrorKind};

use crate::{
    client::{
        self, Family, Plan, Step,
        course::{Manner, Verify},
    },
    port::{Port, Protocol},
};

const EXAMPLES: &str = "\
Examples:
  knock gate.example.org 7000 8000:udp 9000
      knock with TCP, UDP, TCP
  knock -d 500 gate.example.org 7000 pause:3000 8000
      wait 3 s between these two, and half a second between all others
  knock --verify 22 gate.example.org 7000 8000 9000 --then 'ssh gate.example.org'
      knock until port 22 is open, three times at most, then log in
  knock gate.example.org 7000 8000 -- 2001:db8::7 9000:udp
      knock on two hosts, one after the other
  knock fe80::1%eth0 7000 8000
      knock on a link-local address; the interface is part of it

";

const STATUSES: &str = "\
Exit status:
  0  every hit was sent, and with --verify every host's port is open
  1  a host was not found or cannot be reached, or a hit could not be sent
  2  the command line is wrong, and nothing was sent
  3  --verify: the port still refuses connections
  4  --verify: there is still no answer from the port
  N  --then: the command's own status; 126 or 127 if there is no shell to run it

";

const MORE: &str = "--help says more about each option, and shows the exit statuses.";

const NOTES: &str = "\
Notes:
  One packet a hit
      A TCP hit is one SYN without data, from a port of its own, and never sent again: knock
      closes its socket at once and waits for no answer. A packet that is lost is lost; --verify
      notices, and knocks again.
  Several addresses
      A name is looked up once. All hits go to the first address that the system's order gives
      (with -4 or -6, to the first of that family): it is the one to which other programs connect
      first, and the one that --verify tries.
  Before anything is sent
      All words are checked, all names looked up, and all hosts must have a route. If anything is
      wrong, nothing is sent.
  One-time sequences
      A sequence that opened the door is used up, so a second try of --verify repeats it in vain.
      Use --tries 1.";

/// Sends a secret sequence of packets to a host, so that the knockd there opens a door
#[derive(Clone, Debug, Parser)]
#[command(
    name = "knock",
    version,
    max_term_width = 100,
    override_usage = "knock [OPTIONS] HOST PORT[:PROTO]... [-- HOST PORT[:PROTO]...]...",
    after_help = format!("{EXAMPLES}{MORE}"),
    after_long_help = format!("{EXAMPLES}{STATUSES}{NOTES}"),
    args_override_self = true,
    infer_long_args = true
)]
pub struct Args {
    /// Where to knock: a name, an IPv4 or an IPv6 address
    #[arg(value_hint = ValueHint::Hostname)]
    pub host: Option<String>,

    /// What to hit, in this order: 1 to 65535, TCP unless :udp follows; `pause` waits a second there, `pause:MS` so many
    /// milliseconds
    #[arg(value_name = "PORT[:PROTO]")]
    pub ports: Vec<String>,

    /// Another host and its ports after each `--`; options go before the first
    #[arg(last = true, value_name = "HOST PORT[:PROTO]", value_hint = ValueHint::Hostname)]
    pub more: Vec<String>,

    /// Make all hits UDP, whatever their ports say
    #[arg(short, long)]
    pub udp: bool,

    /// Wait so many milliseconds between hits
    ///
    /// Hits that are sent at once may overtake each other, and the knock fails then: each takes its own way through the
    /// network. With 100 ms between them that hardly ever happens, and even 32 ports are done within 5 s. 0 sends all at
    /// once, as knockd 0.8's client does.
    #[arg(short, long, value_name = "MS", default_value = "100", value_parser = time, allow_negative_numbers = true)]
    pub delay: Duration,

    /// Knock on IPv4 addresses only
    #[arg(short = '4', long, overrides_with = "ipv6")]
    pub ipv4: bool,

    /// Knock on IPv6 addresses only
    #[arg(short = '6', long, overrides_with = "ipv4")]
    pub ipv6: bool,

    /// Connect to this TCP port after the knock, and knock again until it is open
    ///
    /// With several hosts, each is knocked on and connected to before the next; one that stays shut does not keep the
    /// others from being tried. The exit status tells how it ended; of several hosts, that of the first that is not open.
    #[arg(long, value_name = "PORT", value_parser = service, allow_negative_numbers = true)]
    pub verify: Option<NonZeroU16>,

    /// With --verify: knock so many times at most
    #[arg(long, value_name = "N", default_value = "3", requires = "verify", value_parser = tries)]
    pub tries: u32,

    /// Wait so many milliseconds for a connection that hangs
    ///
    /// It is --verify that connects. One that is refused is tried again until the time is over, since a firewall may take
    /// a moment to open. The default leaves time for one packet to be sent again by the system, after a second. A hit
    /// never hangs, since nobody waits for its answer.
    #[arg(short, long, value_name = "MS", default_value = "1500", value_parser = time, allow_negative_numbers = true)]
    pub timeout: Duration,

    /// Run this shell command after success
    ///
    /// Success: every hit was sent, and with --verify every port is open. knock becomes `/bin/sh -c COMMAND`, so signals
    /// reach the command, and its exit status is knock's. Without --verify it runs one delay after the last hit.
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub then: Option<String>,

    /// Tell each hit
    #[arg(short, long)]
    pub verbose: bool,
}

/// A command line that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What is to be knocked on.
    pub plan: Plan,
    /// Delays, and whether the doors are looked at.
    pub manner: Manner,
    /// Which addresses are taken.
    pub family: Family,
    /// The command that follows success.
    pub then: Option<String>,
    /// Whether each hit is told.
    pub verbose: bool,
}

impl Args {
    /// What the command line means.
    ///
    /// # Errors
    ///
    /// All words that are wrong, as clap tells an error (KNOCK-3).
    pub fn order(self) -> Result<Order, clap::Error> {
        let wrong = |message: String| Self::command().error(ErrorKind::ValueValidation, message);
        let mut words: Vec<String> = self.host.into_iter().chain(self.ports).collect();
        if !self.more.is_empty() {
            // A `--` before everything else only says that no options follow.
            let separator = (!words.is_empty()).then(|| "--".to_owned());
            words.extend(separator.into_iter().chain(self.more));
        }
        let plan = Plan::parse(&words, self.udp)
            .map_err(|errors| wrong(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n       ")))?;
        let verify = self.verify.map(|port| Verify { port, tries: self.tries, timeout: self.timeout });
        Ok(Order {
            plan,
            manner: Manner { delay: self.delay, verify, followed: self.then.is_some() },
            family: match (self.ipv4, self.ipv6) {
                (true, _) => Family::V4,
                (false, true) => Family::V6,
                (false, false) => Family::Any,
            },
            then: self.then,
            verbose: self.verbose,
        })
    }
}

fn time(text: &str) -> Result<Duration, String> {
    client::milliseconds(text).ok_or_else(|| "expected milliseconds, a whole number from 0 to 4294967295".to_owned())
}

fn tries(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a whole number from 1".to_owned())
}

fn service(text: &str) -> Result<NonZeroU16, String> {
    match text.parse() {
        Ok(Step::Hit(Port { number, protocol: Protocol::Tcp })) => Ok(number),
        _ => Err("expected the number of a TCP port, from 1 to 65535".to_owned()),
    }
}
