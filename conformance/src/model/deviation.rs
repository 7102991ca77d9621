//! Every way in which the model can deviate from the contract: mutants, each with one behaviour and the clause that it
//! breaks.

use std::fmt;

macro_rules! deviations {
    ($($name:ident $clause:literal $text:literal;)*) => {
        /// A way to deviate from the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Deviation {
            $(#[doc = $text] $name,)*
        }

        impl Deviation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The clause that it breaks.
            #[must_use]
            pub fn clause(self) -> &'static str {
                match self {
                    $(Self::$name => $clause,)*
                }
            }

            /// What the daemon does, in a few words.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

deviations! {
    PortMustBeOpen "LISTEN-1" "only segments to open ports are seen";
    AlwaysEth0 "LISTEN-2" "`Interface` and `-i` are ignored";
    FirstAddressOnly "LISTEN-3" "only the interface's first address of each family is its own";
    NoIpv6Locals "LISTEN-3" "no IPv6 address is the interface's own";
    DestinationUnchecked "LISTEN-3" "packets to anybody count";
    TargetIgnored "LISTEN-3" "`Target` is ignored";
    TargetIsOneMore "LISTEN-3" "a door with `Target` also counts packets to the interface's addresses";
    TargetIsSourceToo "LISTEN-3" "what comes from `Target` concerns its door";
    NoSll2 "LISTEN-4" "SLL2 is unknown";
    NoVlan "LISTEN-4" "VLAN tags hide the packet";
    OneVlanTag "LISTEN-4" "a second VLAN tag hides the packet";
    VlanReadAsIp "LISTEN-4" "what follows an unknown ethertype is read as IP";
    NoIpv6OnRaw "LISTEN-4" "IPv6 is seen on Ethernet only";
    NoLoopbackLink "LISTEN-4" "loopback framing is unknown";
    LoopbackInHostOrderOnly "LISTEN-4" "loopback framing in network order is unknown";
    OnlyV4Ignored "LISTEN-5" "`-4` is ignored";
    OnlyV4SparesTargets "LISTEN-5" "`-4` does not hide an IPv6 `Target`";
    IhlIgnored "LISTEN-6" "every IPv4 header is taken to be 20 bytes long";
    ShortHeaderAccepted "LISTEN-6" "an IPv4 header length below 5 is taken for 5";
    TotalLengthUnchecked "LISTEN-6" "IPv4's total length is not looked at";
    PaddingIsThePacket "LISTEN-6" "what follows the IPv4 packet in the frame belongs to it";
    PayloadLengthUnchecked "LISTEN-6" "IPv6's payload length is not looked at";
    CapturedLengthIsTheFrame "LISTEN-6" "a frame is as long as what was captured of it";
    FragmentReadAsHeader "LISTEN-6" "a later fragment's data is read as a header";
    FirstFragmentDropped "LISTEN-6" "first fragments are dropped";
    ExtensionsNotWalked "LISTEN-6" "IPv6 extension headers are not walked";
    AuthenticationNotWalked "LISTEN-6" "the authentication header ends the walk";
    SegmentsLeftAccepted "LISTEN-6" "a routing header with segments left is passed over";
    ChecksumVerified "LISTEN-6" "a packet whose IPv4 header checksum is wrong is dropped";
    FourBytesSuffice "LISTEN-6" "a transport header cut short behind its ports counts";
    DataOffsetUnchecked "LISTEN-6" "TCP's data offset is not looked at";
    UdpLengthUnchecked "LISTEN-6" "UDP's length is not looked at";
    SourcePortTaken "SEQ-1" "the source port is taken for the destination port";
    UdpPortByteOrder "SEQ-2" "UDP ports are read in the wrong byte order";
    AnyProtocolHits "LISTEN-7" "every protocol is read as TCP";
    QuotedPacketHits "LISTEN-7" "the segment that an ICMP error quotes counts";
    AddressesReadOnce "LISTEN-8" "addresses are read at the start only";
    EndsWithInterface "LISTEN-8" "the daemon ends when its interface is deleted";
    LinkStaysDown "LISTEN-8" "an interface that was down is never listened on again";
    AnySourceKnocks "LISTEN-9" "unspecified, multicast and broadcast sources knock";
    BroadcastsReadOnce "LISTEN-9" "broadcast addresses are those of the start";
    OwnAddressKnocks "LISTEN-9" "the host's own addresses knock from outside";
    NoKnockOnLoopback "LISTEN-9" "a host cannot knock on itself over loopback";
    LastHitNotNeeded "SEQ-1" "the last but one hit opens the door";
    StartRunsTwice "SEQ-1" "the door opens twice";
    ProtocolIgnored "SEQ-2" "either protocol on the right port counts";
    ProtocolCaseMatters "SEQ-2" "`:UDP` is no protocol";
    AnyProtocolIsTcp "CONF-2" "an unknown protocol is TCP";
    WrongProtocolIgnored "SEQ-2" "the wrong protocol on a port of the sequence spoils nothing";
    WrongPortIgnored "SEQ-3" "wrong ports spoil nothing";
    WrongPortOfNoDoorIgnored "SEQ-3" "ports that no door uses spoil nothing";
    WrongPortOfOtherDoorIgnored "SEQ-3" "ports that the door does not use spoil nothing";
    WrongUdpIgnored "SEQ-3" "UDP spoils nothing";
    WrongTcpIgnored "FLAGS-4" "TCP does not spoil a sequence of UDP ports";
    EarlierPortsForgiven "SEQ-3" "ports that were hit already spoil nothing";
    RestartingHitSwallowed "SEQ-4" "a wrong hit that is the first one only discards";
    LongestOverlapKept "SEQ-4" "after a wrong hit the longest overlap with the sequence is kept";
    RepeatIsAHit "SEQ-5" "a repeated packet is a new hit";
    RepeatForgottenAtEnd "SEQ-5" "a repeat after its knock's end is a new hit";
    TcpForgottenSoon "SEQ-5" "a TCP hit is remembered for 30 s";
    TcpRememberedLong "SEQ-5" "a TCP hit is remembered for an hour";
    UdpNeverRepeats "SEQ-5" "a repeated datagram is a new hit";
    UdpRememberedLong "SEQ-5" "a UDP hit is remembered for 64 s after the trigger";
    UdpRepeatNeverAdvances "SEQ-5" "a repeated datagram that is the next hit is ignored";
    AnySourcePortRepeats "SEQ-5" "a repeat may come from another source port";
    AnySequenceNumberRepeats "SEQ-5" "a repeat may have another TCP sequence number";
    ProtocolsShareRepeats "SEQ-5" "a datagram and a segment of the same ports and number are one packet";
    RepeatHasSameFlags "SEQ-5" "a packet with other flags is no repeat";
    RepeatHasSameDestination "SEQ-5" "a packet to another local address is no repeat";
    OneDoorASource "SEQ-6" "while a source has a knock, its first hits at other doors are not seen";
    OneDoorBegins "SEQ-6" "a hit begins a knock at one door at most";
    WrongHitEndsEverywhere "SEQ-6" "a wrong hit at one door ends the source's knocks at all";
    OneSourceAtATime "SEQ-7" "while one source knocks, others cannot begin";
    SourcesShareKnocks "SEQ-7" "hits of different sources belong to one knock";
    AllLostWhenOldestEnds "SEQ-7" "when a knock ends, all others are forgotten";
    OneListOfKnocks "SEQ-7" "all knocks stand in one list, as in the C program: with the first one all are gone";
    SequenceOfThirtyOne "SEQ-8" "more than 31 ports are an error";
    SequenceOfAnyLength "CONF-2" "more than 32 ports are accepted";
    SuccessKeepsKnock "SEQ-9" "after the trigger the last hit alone triggers again";
    DoorOpensOnce "SEQ-9" "a door opens once";
    Unbounded "SEQ-10" "half-finished knocks are not bounded";
    OldestDropped "SEQ-10" "past the bound the oldest knock is dropped, whatever its stage";
    NewestDropped "SEQ-10" "past the bound the newest knock is dropped";
    IgnorePortsIgnored "SEQ-11" "`Ignore_Ports` is read and ignored";
    GlobalIgnoreIgnored "SEQ-11" "`Ignore_Ports` in `[options]` is read and ignored";
    IgnoredPortsSpoil "SEQ-11" "ignored ports spoil";
    IgnoredInBothProtocols "SEQ-11" "an ignored port is ignored for both protocols";
    IgnoredInSequenceAccepted "SEQ-11" "a port both ignored and in the sequence is no error";
    AnyNumberIgnored "SEQ-11" "more than 64 ports to ignore are accepted";
    TimeoutRestartsAtEachStage "TIME-1" "each hit gives the whole `Seq_Timeout` again";
    NoTimeout "TIME-1" "a knock never times out";
    LongTimeoutWraps "TIME-1" "`Seq_Timeout` is kept as milliseconds in 32 bits";
    OtherDefaults "TIME-1" "the default timeouts are 20 s and 5 s";
    LimitIsInTime "TIME-2" "a hit exactly at the limit is in time";
    WholeSeconds "TIME-2" "a knock begins at the whole second before";
    ClockGoesBack "TIME-2" "an earlier stamp turns the clock back";
    TimeoutWaitsForPacket "TIME-3" "a timeout is noticed when the next packet comes";
    WallClockCounts "TIME-4" "a step of the wall clock is time that passes";
    FlagsIgnored "FLAGS-1" "`TCPFlags` is ignored";
    AnyFlagSuffices "FLAGS-1" "one of the flags suffices";
    FlagCaseMatters "FLAGS-1" "`SYN` is no flag";
    UnknownFlagAccepted "CONF-2" "an unknown flag is ignored";
    NegationIgnored "FLAGS-2" "`!flag` is ignored";
    FlagsMismatchSpoils "FLAGS-3" "a segment whose flags differ discards the knock";
    OtherFlagsMustBeClear "FLAGS-4" "flags that are not named must be clear";
    FlagsFilterUdp "FLAGS-4" "a door with `TCPFlags` sees no UDP";
    UdpSpoilsBehindFlags "FLAGS-4" "a door with `TCPFlags` and TCP ports only is spoilt by UDP";
    UdpFilteredWithoutFlags "FLAGS-4" "UDP does not concern a door of TCP ports only";
    FlagBlanksRefused "FLAGS-5" "a blank beside a flag is an error";
    OnlySynWithoutFlags "FLAGS-6" "without `TCPFlags` only SYN segments count";
    LastLineFirst "ONCE-1" "the last usable line is the sequence";
    BlankLineEndsFile "ONCE-2" "a blank line ends a one-time file";
    UnparsableLineEndsFile "ONCE-2" "a line that does not parse ends a one-time file";
    SkippedLineNotLogged "ONCE-2" "a line that does not parse is skipped without a word";
    MarkNotWritten "ONCE-3" "a used line is not marked";
    MarkOnSecondByte "ONCE-3" "the mark overwrites the line's second byte";
    MarkInserted "ONCE-3" "the mark is inserted before the line";
    LineOverwritten "ONCE-3" "the whole line is overwritten";
    FileTidied "ONCE-3" "a file without a last newline gets one";
    NextLineNotTaken "ONCE-4" "the used sequence goes on to open";
    OtherKnocksGoOn "ONCE-4" "a knock that began on the used sequence goes on against the next";
    MarkOnUnparsableLine "ONCE-5" "an unparsable line before the used one takes its mark";
    MarkOnNextLine "ONCE-5" "the line after the used one takes its mark";
    CommandBeforeMark "ONCE-6" "the command runs before the mark is written";
    MarkFollowsCommand "ONCE-6" "a mark that can be written is written once the command runs";
    MarkFollowsOpening "ONCE-6" "`OPEN SESAME` is logged before the mark is written";
    OpensWithoutMark "ONCE-6" "the door opens though the mark cannot be written";
    EndsWithTheLastLine "ONCE-7" "the daemon ends when the last line is used";
    DisablingNotLogged "ONCE-7" "a door is disabled without a word";
    MissingFileAccepted "ONCE-7" "a missing one-time file is no error";
    UsedUpFileIsAnError "ONCE-7" "a file without a usable line is an error at the start";
    OnceOnlyOverIpv4 "ONCE-8" "a knock over IPv6 spends nothing";
    NothingSpent "ONCE-3" "a knock spends nothing";
    FirstMegabyteRead "ONCE-9" "a one-time file is read no further than a megabyte";
    FirstMegabyteKept "ONCE-9" "the mark leaves no more than a megabyte of a file";
    LastLineNeedsNewline "ONCE-10" "a last line without newline is not read";
    CrlfIsPartOfLine "ONCE-10" "a line that ends in CRLF does not parse";
    LongLineIsTwo "ONCE-10" "a line of more than 4095 bytes is two";
    UsedLineOpensAgain "ONCE-2" "lines that begin with `#` are sequences";
    TwoSequencesAccepted "ONCE-11" "`Sequence` beside `One_Time_Sequences` is no error";
    SharedFileAccepted "ONCE-11" "one one-time file at two doors is no error";
    FilesToldByPath "ONCE-11" "one file under two paths is taken for two";
    IpReplacedOnce "CMD-1" "only the first `%IP%` is replaced";
    IpNotReplaced "CMD-1" "`%IP%` is not replaced";
    MappedAddressIsIpv4 "CMD-1" "an IPv4 address in IPv6's form is written as IPv4";
    NoAliases "CMD-1" "`Command`, `Command_6` and `Timeout` are unknown";
    NoDelayBeforeStop "CMD-2" "the stop command does not wait";
    DelayFromTheStart "CMD-2" "the wait for the stop command begins with the start command";
    StopWaitsAnHour "CMD-2" "no stop command waits for more than an hour";
    NoStopCommand "CMD-2" "the stop command does not run";
    StopWithoutStart "CMD-2" "a stop command runs without a start command";
    NoOpeningWithoutCommand "CMD-2" "a knock without a command does not log `OPEN SESAME`";
    Ipv4CommandForIpv6 "CMD-3" "the IPv4 command runs for IPv6 sources";
    NoCommandWithoutIts6 "CMD-3" "without an IPv6 command nothing runs for IPv6 sources";
    EmptyCommandIsAbsent "CMD-3" "an empty IPv6 command is as good as none";
    EmptyStopIsWaitedFor "CMD-3" "an empty IPv6 stop command is waited for and logged";
    CommandsOneByOne "CMD-4" "commands run one after another";
    CommandCut "CMD-5" "a long command is cut";
    ConfigLinesCut "CMD-5" "configuration lines are cut at 4095 bytes";
    EveryKnockWaits "CMD-8" "any number of start commands may wait";
    FewKnocksWait "CMD-8" "past 5,000 waiting start commands knocks do not open";
    StartsBeforeStops "CMD-8" "start commands that wait run before stop commands that are due";
    FailureNotLogged "CMD-6" "a non-zero exit status is not logged";
    NoStopAfterFailure "CMD-6" "after a start command that failed there is no stop";
    ReloadForgetsStops "CMD-7" "a reload forgets pending stop commands";
    EndForgetsStops "CMD-7" "the daemon ends without its pending stop commands";
    EndsBeforeStops "CMD-7" "the daemon has ended before its pending stop commands run";
    KillForgetsStops "CMD-7" "a killed daemon's stop commands never run";
    StopRunsTwice "CMD-2" "the stop command runs twice";
    OptionsComeFirst "CONF-1" "`[options]` behind a door is read and ignored";
    KeyCaseMatters "CONF-1" "keys are lower-case";
    NoComments "CONF-1" "comments are lines";
    UnknownKeyAccepted "CONF-2" "an unknown key is ignored";
    NoDoorAccepted "CONF-2" "a file without a door is accepted";
    DoorWithoutSequenceAccepted "CONF-2" "a door without a sequence is accepted";
    NamelessSectionAccepted "CONF-2" "a section without a name is accepted";
    ContradictionAccepted "CONF-2" "`syn,!syn` is accepted";
    EmptyFlagsAccepted "CONF-2" "an empty `TCPFlags` is none";
    AnyTimeoutAccepted "CONF-2" "any text is a timeout";
    ConfigErrorIsStatus0 "CONF-2" "a bad configuration ends the daemon with status 0";
    BadPortIsZero "CONF-3" "what is no port is taken for one";
    PortRangeIsItsFirst "CONF-3" "`7000-7010` is 7000";
    SecondProtocolAccepted "CONF-3" "a second protocol is ignored";
    NoPlaceInErrors "CONF-4" "errors tell neither file nor line";
    OnlyTheFirstError "CONF-4" "only the first error is told";
    ConfigKeepsCr "CONF-5" "a carriage return is part of the value";
    SemicolonStartsComment "CONF-5" "`;` starts a comment";
    IndentedCommentsAreLines "CONF-5" "an indented comment is a line";
    FirstOfTwoCounts "CONF-5" "of a key given twice the first counts";
    NamesakesAreOneDoor "CONF-5" "two doors of one name are one";
    OptionsCaseMatters "CONF-5" "`[Options]` is a door";
    OtherStageWording "LOG-2" "`Stage N` reads otherwise";
    OtherOpenWording "LOG-2" "`OPEN SESAME` reads otherwise";
    OtherTimeoutWording "LOG-2" "`sequence timeout` reads otherwise";
    OtherCommandWording "LOG-2" "`running command` reads otherwise";
    OtherFailureWording "LOG-2" "`command returned non-zero status code` reads otherwise";
    OtherCommandTimeoutWording "LOG-2" "`command timeout` reads otherwise";
    OtherStartWording "LOG-2" "`starting up` reads otherwise";
    OtherEndWording "LOG-2" "`shutting down` reads otherwise";
    OtherRereadingWording "LOG-2" "`re-reading config file` reads otherwise";
    RunsBeforeItSaysSo "LOG-2" "a command runs before it is logged";
    RunsBeforeItOpens "LOG-4" "the start command runs before `OPEN SESAME` is logged";
    LastStageNotLogged "LOG-4" "the last stage is not logged";
    DiscardsAlwaysLogged "LOG-4" "discards are logged without `-D`";
    FloodLogged "LOG-4" "every first hit and every timeout of a flood is logged";
    FloodSilencesForEver "LOG-4" "after a flood no first hit and no timeout is logged any more";
    SyslogIgnored "LOG-1" "`UseSyslog` is ignored";
    SyslogAsDaemon "LOG-1" "the syslog facility is daemon, not user";
    DebugIgnored "LOG-4" "`-D` is ignored";
    RelativePathLost "PROC-5" "a relative `-c` is lost in the background";
    AnyInterfaceUnknown "LISTEN-10" "`-i any` never matches";
    ListOfInterfacesUnknown "LISTEN-10" "a list of interfaces is one name";
    SilentHelp "PROC-1" "`-V` and `-h` say nothing";
    MissingValueAccepted "PROC-5" "an option without its value is ignored";
    VerboseIgnored "PROC-1" "`-v` is ignored";
    PidFileStays "PROC-2" "the pid file stays";
    SecondAccepted "PROC-2" "a second instance on the same pid file runs";
    ReloadDropsKnocks "PROC-3" "a reload discards all knocks";
    KnocksSurviveChange "PROC-3" "a knock survives a change of its door";
    KnocksSurviveSmallChange "PROC-3" "a knock survives a change of `Target`, ignored ports or later commands";
    BadReloadEnds "PROC-3" "a bad configuration ends a running daemon";
    HupEnds "PROC-3" "SIGHUP ends the daemon";
    ReloadForgetsRepeats "SEQ-5" "a repeat is a new hit after a reload";
    ReloadForgetsTimeouts "PROC-3" "after a reload only the first door's knocks time out";
    HupIgnored "PROC-3" "SIGHUP is ignored";
    StatusIsTheSignal "PROC-4" "the exit status is the signal's number";
    DirectivesWin "PROC-5" "directives beat options";
    UnknownOptionIsNoError "PROC-5" "an unknown option ends the daemon with status 0";
}

/// Its name in the matrix and on the command line: lower-case words joined by dashes.
impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, letter) in format!("{self:?}").char_indices() {
            if letter.is_ascii_uppercase() && place != 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", letter.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

/// A set of deviations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deviations([u64; 4]);

const _: () = assert!(Deviation::ALL.len() <= 256, "the set has a bit for each deviation");

impl Deviations {
    /// None: the contract.
    pub const NONE: Self = Self([0; 4]);

    /// Those of the C program 0.8 that random cases bring about.
    pub const KNOCKD_0_8: Self = Self::NONE
        .with(Deviation::OneListOfKnocks)
        .with(Deviation::NoTimeout)
        .with(Deviation::OnlyV4SparesTargets)
        .with(Deviation::OtherKnocksGoOn)
        .with(Deviation::UdpSpoilsBehindFlags)
        .with(Deviation::EmptyStopIsWaitedFor)
        .with(Deviation::UsedUpFileIsAnError)
        .with(Deviation::EndsWithTheLastLine)
        .with(Deviation::NoIpv6OnRaw)
        .with(Deviation::NoVlan)
        .with(Deviation::TotalLengthUnchecked)
        .with(Deviation::PayloadLengthUnchecked)
        .with(Deviation::DataOffsetUnchecked)
        .with(Deviation::UdpLengthUnchecked)
        .with(Deviation::ExtensionsNotWalked)
        .with(Deviation::AnySourceKnocks);

    /// With this one too.
    #[must_use]
    pub const fn with(mut self, deviation: Deviation) -> Self {
        self.0[deviation as usize / 64] |= 1 << (deviation as usize % 64);
        self
    }

    /// Without this one.
    #[must_use]
    pub const fn without(mut self, deviation: Deviation) -> Self {
        self.0[deviation as usize / 64] &= !(1 << (deviation as usize % 64));
        self
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn on(self, deviation: Deviation) -> bool {
        self.0[deviation as usize / 64] >> (deviation as usize % 64) & 1 == 1
    }
}

impl From<Deviation> for Deviations {
    fn from(deviation: Deviation) -> Self {
        Self::NONE.with(deviation)
    }
}

impl FromIterator<Deviation> for Deviations {
    fn from_iter<I: IntoIterator<Item = Deviation>>(deviations: I) -> Self {
        deviations.into_iter().fold(Self::NONE, Self::with)
    }
}
