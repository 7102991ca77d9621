//! The contract, clause by clause, as values.
//!
//! Rules in the code name the clause that they carry out, every decision is reported with the clause that it stands on,
//! and a clause's identifier is never reused. [`Clause`]'s documentation shows them all as a table.
//!
//! In their words, a *door* is a section of the configuration other than `[options]`; a *hit* is a TCP segment or UDP
//! datagram that concerns a door; a *knock* is one source address's progress through one door's sequence, and its
//! *stage* the number of hits that it has got right.

use std::{error::Error, fmt, str::FromStr};

use crate::quote::Quoted;

/// Where a clause comes from; it also decides whether the clause is a must or a should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// knockd 0.8's manual pages, restated.
    Manual,
    /// The manual is silent: what knockd 0.8 was measured to do, kept so that a replacement changes nothing.
    Practice,
    /// Practice is a defect: the safe behaviour that a reader of the manual would expect.
    Decision,
}

/// How binding a clause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// A daemon that does otherwise is wrong: what the manual says, and the decisions.
    Must,
    /// A daemon should do so, lest a replacement surprise its users: practice.
    Should,
}

impl Source {
    /// How binding what comes from it is.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::Manual | Self::Decision => Level::Must,
            Self::Practice => Level::Should,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Manual => "manual",
            Self::Practice => "practice",
            Self::Decision => "decision",
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "must",
            Self::Should => "should",
        })
    }
}

/// [`Source::level`] in words, for a table that is put together while compiling; a test holds the two against each other.
macro_rules! level {
    (Practice) => {
        "should"
    };
    ($must:ident) => {
        "must"
    };
}

/// A table's rows from the clauses, for the documentation and for [`Clause::TABLE`].
macro_rules! table {
    ($($id:literal $source:ident $sentence:literal)*) => {
        concat!(
            "| clause | level | source | what it demands |\n|---|---|---|---|\n",
            $("| ", $id, " | ", level!($source), " | ", stringify!($source), " | ", $sentence, " |\n",)*
        )
    };
}

macro_rules! clauses {
    ($($variant:ident $id:literal $source:ident $sentence:literal)*) => {
        /// One clause of the contract.
        ///
        #[doc = table!($($id $source $sentence)*)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Clause {
            $(#[doc = $sentence] $variant,)*
        }

        impl Clause {
            /// Every clause, in the contract's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// All of them as a table in Markdown.
            pub const TABLE: &'static str = table!($($id $source $sentence)*);

            /// Its stable identifier, such as `SEQ-3`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// Where it comes from.
            #[must_use]
            pub const fn source(self) -> Source {
                match self { $(Self::$variant => Source::$source,)* }
            }

            /// How binding it is.
            #[must_use]
            pub const fn level(self) -> Level {
                self.source().level()
            }

            /// What it demands, in a sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

clauses! {
    Listen1 "LISTEN-1" Manual
        "Packets are seen at the link layer: a port need not be open, and a firewall that drops a packet does not hide it."
    Listen2 "LISTEN-2" Manual
        "The interface is the one of `-i`, else of `Interface`, else `eth0`."
    Listen3 "LISTEN-3" Manual
        "A packet concerns a door if it is sent to any of the interface's own addresses, IPv4 or IPv6; where the door has a `Target`, if it is sent to exactly that address."
    Listen4 "LISTEN-4" Manual
        "Ethernet, cooked Linux captures (SLL) and raw IP are understood, and beyond the manual SLL2, loopback, and Ethernet with one or two VLAN tags."
    Listen5 "LISTEN-5" Manual
        "With `-4`, IPv6 packets are ignored."
    Listen6 "LISTEN-6" Decision
        "A packet whose lengths a kernel would refuse, a later fragment, or one that a routing header sends on is neither a hit nor a mistake; IPv6 extension headers are walked, what was not captured cannot be a hit, and checksums are not verified."
    Listen7 "LISTEN-7" Manual
        "Only TCP and UDP concern a door: every other protocol, and a packet quoted inside an ICMP error, neither advances nor spoils a knock."
    Listen8 "LISTEN-8" Decision
        "The interface and its addresses are followed while the daemon runs, whether they come, go or change."
    Listen9 "LISTEN-9" Decision
        "A source that cannot be a client makes no hit: an unspecified, multicast or broadcast address, and except on loopback also a loopback address or one of the host's own."
    Listen10 "LISTEN-10" Decision
        "The interface may be `any` or a list separated by commas."
    Seq1 "SEQ-1" Manual
        "The hits of a door's sequence, in order and from one source address, trigger the door once; which of the local addresses each of them reaches does not matter."
    Seq2 "SEQ-2" Manual
        "A port without a protocol is TCP, and `:tcp` and `:udp` may be written in any case; the right port with the wrong protocol is a wrong hit."
    Seq3 "SEQ-3" Manual
        "Any wrong port discards the knock: a hit that passes the door's flag filter and is not the next one expected, whether or not a door uses its port, makes the source start over."
    Seq4 "SEQ-4" Decision
        "A wrong hit that is the door's first port starts a new knock at once, at stage 1, so a client that lost a packet succeeds by knocking again."
    Seq5 "SEQ-5" Decision
        "A repeated packet is not a new hit: a copy of a hit that a knock of its source at this door counted neither advances nor spoils nor starts, TCP for 64 s after the hit, UDP for 1 s after the trigger; but a UDP copy that is the next hit expected advances."
    Seq6 "SEQ-6" Decision
        "Doors are independent: a source may have a knock in progress at each of them, and each knock is judged by itself."
    Seq7 "SEQ-7" Decision
        "Sources are independent: nothing that one address does changes the knock of another."
    Seq8 "SEQ-8" Practice
        "A sequence has 1 to 32 ports, and a port may recur; a door with one port triggers on each hit."
    Seq9 "SEQ-9" Practice
        "After the trigger the knock is gone, and the same sequence triggers the door again."
    Seq10 "SEQ-10" Decision
        "Knocks in progress are bounded in number and memory: past the bound the oldest knock of the lowest stage is dropped, and that is logged once for each burst."
    Seq11 "SEQ-11" Decision
        "Hits on a port of `Ignore_Ports`, the door's or that of `[options]`, neither advance nor spoil a knock; each may list 64 ports, none of which the door's sequences may use."
    Time1 "TIME-1" Manual
        "`Seq_Timeout` is the time for the whole sequence from its first hit, 25 s where it is absent; a knock that is incomplete when it has passed is discarded."
    Time2 "TIME-2" Decision
        "Time is that of the packets' capture, at its full resolution: a hit at the limit is too late, what is due at a moment comes before a packet of that moment, and a stamp before the latest one counts as the latest."
    Time3 "TIME-3" Decision
        "A knock expires, and its timeout is logged, at the moment it is due, not when the next packet comes."
    Time4 "TIME-4" Decision
        "On a live interface a step of the wall clock neither expires nor extends a knock."
    Flags1 "FLAGS-1" Manual
        "`TCPFlags` names flags separated by commas, in any case: only segments with all of them set concern the door."
    Flags2 "FLAGS-2" Manual
        "A flag after `!` must be clear."
    Flags3 "FLAGS-3" Manual
        "A TCP segment that does not match `TCPFlags` is ignored: it neither advances nor spoils a knock."
    Flags4 "FLAGS-4" Practice
        "Flags that `TCPFlags` does not name may be anything, and UDP has none to match; but a door that has `TCPFlags` and no UDP port in its current sequence ignores UDP."
    Flags5 "FLAGS-5" Decision
        "Blanks around a flag are allowed."
    Flags6 "FLAGS-6" Manual
        "Without `TCPFlags` every TCP segment counts, so the traffic of an open connection spoils its sender's knock."
    Once1 "ONCE-1" Manual
        "`One_Time_Sequences` names a file with one sequence a line, written as in `Sequence`; the first usable line is the door's sequence."
    Once2 "ONCE-2" Manual
        "Lines that begin with `#` and blank lines are ignored; a line that is no sequence is skipped with a warning and left as it is."
    Once3 "ONCE-3" Manual
        "After a successful knock a `#` is written over the first byte of its line, and nothing else in the file changes."
    Once4 "ONCE-4" Manual
        "The next usable line is the sequence from the very next packet on: the used one opens no longer, and other knocks in progress on it are discarded."
    Once5 "ONCE-5" Decision
        "The mark lands on exactly the line that was used."
    Once6 "ONCE-6" Decision
        "A line opens at most once, across crashes too: its mark is on the disk before the command starts, and a door whose mark cannot be written does not open, is disabled and says why."
    Once7 "ONCE-7" Decision
        "A door without a usable line left is disabled, at the start too, and that is logged with door and file, while all else goes on; a file that cannot be read at the start is an error."
    Once8 "ONCE-8" Decision
        "One-time sequences work alike for IPv4 and IPv6."
    Once9 "ONCE-9" Decision
        "A file of 100 MiB is ready after about the time of reading it once, and a knock costs the same as with a small file."
    Once10 "ONCE-10" Decision
        "Lines may be of any length and end in LF or CRLF, and the last may lack its end."
    Once11 "ONCE-11" Decision
        "`Sequence` beside `One_Time_Sequences` in a door, and one file at two doors, are errors, since a used line could open again."
    Cmd1 "CMD-1" Manual
        "When a knock is complete `Start_Command` runs through `/bin/sh -c`, with the source's address in the place of every `%IP%`."
    Cmd2 "CMD-2" Manual
        "`Stop_Command` runs `Cmd_Timeout` seconds, 10 where it is absent, after the start command has ended; without a start command for the source's address family there is none, but the door still opens and its line is spent."
    Cmd3 "CMD-3" Manual
        "`Start_Command_6` and `Stop_Command_6` are for IPv6 sources: where one is absent the IPv4 command runs, where it is empty nothing does."
    Cmd4 "CMD-4" Practice
        "Commands of different knocks run side by side; a slow one delays no hit and no other command."
    Cmd5 "CMD-5" Decision
        "A command runs whole or not at all, whatever its length; where the system refuses one, that is logged and its partner does not run."
    Cmd6 "CMD-6" Practice
        "A command's exit status other than zero is logged, and the stop command still runs."
    Cmd7 "CMD-7" Decision
        "A door that was opened is closed: stop commands outlive a reload, run before the daemon exits on SIGTERM, and run when due, or at the next start, after a crash; one may run twice."
    Cmd8 "CMD-8" Decision
        "Processes are bounded: none is kept for an open door, completed knocks queue with stop commands first, and past 10,000 waiting starts further knocks do not open and spend nothing."
    Cmd9 "CMD-9" Decision
        "A command inherits nothing of the daemon's: it gets standard input from `/dev/null`, output, error, default signals and a session of its own."
    Conf1 "CONF-1" Manual
        "`[options]` holds `UseSyslog`, `LogFile`, `PidFile` and `Interface`, and every other section is a door; keys ignore case, blanks around `=` are free, and `#` starts a comment line."
    Conf2 "CONF-2" Practice
        "An unknown or misplaced key, a bad flag, timeout or `Target`, a section without a name, a door without a sequence and a file without a door are errors with their line, and the exit status is 1."
    Conf3 "CONF-3" Decision
        "Ports are decimal, from 1 to 65535, with blanks allowed around them; an empty element or a second protocol is an error."
    Conf4 "CONF-4" Decision
        "An error shows file, line and column and marks the text, and all errors of a file are reported."
    Conf5 "CONF-5" Practice
        "CRLF, a missing last line end, indented comments and lines of any length are fine; of a key given twice the last counts, doors may share a name, and `;` starts no comment."
    Log1 "LOG-1" Practice
        "A message follows the local time as `[YYYY-MM-DD HH:MM]` in `LogFile`, and goes to syslog with `UseSyslog` and to standard output with `-v`."
    Log2 "LOG-2" Practice
        "The messages that other tools parse keep their exact wording; with `-l` the host's name follows the address."
    Log3 "LOG-3" Decision
        "A look-up of a host's name delays no hit, and only letters, digits, dots, hyphens and underscores of its answer are logged."
    Log4 "LOG-4" Decision
        "The last hit logs its stage and then `OPEN SESAME`, discards are logged only with `-D`, and at most 1,000 lines a second tell of first stages and timeouts, with a count of the rest."
    Proc1 "PROC-1" Manual
        "The options are `-i -d -c -D -l -v -V -h -4 -p -g`, each with a long form."
    Proc2 "PROC-2" Manual
        "`-d` becomes a daemon and keeps `PidFile` until it exits; its parent reports success only once the daemon listens, and a second daemon on the same file is refused."
    Proc3 "PROC-3" Practice
        "SIGHUP reads the configuration again and opens the log file again: a bad file is reported and changes nothing, knocks at unchanged doors go on, and one-time files are read again."
    Proc4 "PROC-4" Practice
        "SIGTERM and SIGINT end the daemon in order, with exit status 0."
    Proc5 "PROC-5" Decision
        "Options of the command line beat directives, a relative `-c` works with `-d`, an unknown option or a stray argument is an error with exit status 2, and a new log file is not readable by others."
    Knock1 "KNOCK-1" Manual
        "`knock` sends one hit for each port, in order: a TCP SYN, or a UDP datagram for `:udp` or with `-u`; `-d` is the wait between hits in milliseconds."
    Knock2 "KNOCK-2" Decision
        "A TCP hit is one SYN, and it is never retransmitted."
    Knock3 "KNOCK-3" Decision
        "Bad ports, protocols and hosts are errors on standard error, with an exit status that is not 0, and nothing is sent."
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// An identifier that no clause has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownClause(pub String);

impl fmt::Display for UnknownClause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a clause; expected an identifier such as `SEQ-3`", Quoted(self.0.as_bytes()))
    }
}

impl Error for UnknownClause {}

/// By identifier, in any case.
impl FromStr for Clause {
    type Err = UnknownClause;

    fn from_str(id: &str) -> Result<Self, UnknownClause> {
        let found = Self::ALL.iter().find(|clause| clause.id().eq_ignore_ascii_case(id));
        found.copied().ok_or_else(|| UnknownClause(id.to_owned()))
    }
}
