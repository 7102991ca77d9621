//! The contract, clause by clause, as values.

use std::fmt;

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

macro_rules! clauses {
    ($($variant:ident $id:literal $source:ident $sentence:literal)*) => {
        /// One clause of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Clause {
            $(#[doc = $sentence] $variant,)*
        }

        impl Clause {
            /// Every clause, in the contract's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

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

            /// What it demands, in a sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

clauses! {
    Listen1 "LISTEN-1" Manual "-"
    Listen2 "LISTEN-2" Manual "-"
    Listen3 "LISTEN-3" Manual "-"
    Listen4 "LISTEN-4" Manual "-"
    Listen5 "LISTEN-5" Manual "-"
    Listen6 "LISTEN-6" Decision "-"
    Listen7 "LISTEN-7" Manual "-"
    Listen8 "LISTEN-8" Decision "-"
    Listen9 "LISTEN-9" Decision "-"
    Listen10 "LISTEN-10" Decision "-"
    Seq1 "SEQ-1" Manual "-"
    Seq2 "SEQ-2" Manual "-"
    Seq3 "SEQ-3" Manual "-"
    Seq4 "SEQ-4" Decision "-"
    Seq5 "SEQ-5" Decision "-"
    Seq6 "SEQ-6" Decision "-"
    Seq7 "SEQ-7" Decision "-"
    Seq8 "SEQ-8" Practice "-"
    Seq9 "SEQ-9" Practice "-"
    Seq10 "SEQ-10" Decision "-"
    Seq11 "SEQ-11" Decision "-"
    Time1 "TIME-1" Manual "-"
    Time2 "TIME-2" Decision "-"
    Time3 "TIME-3" Decision "-"
    Time4 "TIME-4" Decision "-"
    Flags1 "FLAGS-1" Manual "-"
    Flags2 "FLAGS-2" Manual "-"
    Flags3 "FLAGS-3" Manual "-"
    Flags4 "FLAGS-4" Practice "-"
    Flags5 "FLAGS-5" Decision "-"
    Flags6 "FLAGS-6" Manual "-"
    Once1 "ONCE-1" Manual "-"
    Once2 "ONCE-2" Manual "-"
    Once3 "ONCE-3" Manual "-"
    Once4 "ONCE-4" Manual "-"
    Once5 "ONCE-5" Decision "-"
    Once6 "ONCE-6" Decision "-"
    Once7 "ONCE-7" Decision "-"
    Once8 "ONCE-8" Decision "-"
    Once9 "ONCE-9" Decision "-"
    Once10 "ONCE-10" Decision "-"
    Once11 "ONCE-11" Decision "-"
    Cmd1 "CMD-1" Manual "-"
    Cmd2 "CMD-2" Manual "-"
    Cmd3 "CMD-3" Manual "-"
    Cmd4 "CMD-4" Practice "-"
    Cmd5 "CMD-5" Decision "-"
    Cmd6 "CMD-6" Practice "-"
    Cmd7 "CMD-7" Decision "-"
    Cmd8 "CMD-8" Decision "-"
    Cmd9 "CMD-9" Decision "-"
    Conf1 "CONF-1" Manual "-"
    Conf2 "CONF-2" Practice "-"
    Conf3 "CONF-3" Decision "-"
    Conf4 "CONF-4" Decision "-"
    Conf5 "CONF-5" Practice "-"
    Log1 "LOG-1" Practice "-"
    Log2 "LOG-2" Practice "-"
    Log3 "LOG-3" Decision "-"
    Log4 "LOG-4" Decision "-"
    Proc1 "PROC-1" Manual "-"
    Proc2 "PROC-2" Manual "-"
    Proc3 "PROC-3" Practice "-"
    Proc4 "PROC-4" Practice "-"
    Proc5 "PROC-5" Decision "-"
    Knock1 "KNOCK-1" Manual "-"
    Knock2 "KNOCK-2" Decision "-"
    Knock3 "KNOCK-3" Decision "-"
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}
