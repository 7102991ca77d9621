//! A picture of every kind of error and of every trap, to be read by people: does it say what to do? (CONF-4)

use std::collections::BTreeSet;

use knockd::{
    config::{Config, ConfigError, Diagnostic, Problem, Style, Trap, one_time_trap, render},
    sequence::SequenceFault,
};

/// The names of an enum's variants, and the name of a value's; a variant that is missing here does not compile.
macro_rules! kinds {
    ($all:ident, $name:ident, $enum:ident: $($variant:ident)*) => {
        const $all: &[&str] = &[$(stringify!($variant),)*];
        fn $name(value: &$enum) -> &'static str {
            match value { $($enum::$variant { .. } => stringify!($variant),)* }
        }
    };
}

kinds! { ERRORS, error_kind, ConfigError:
    NoDoor UnclosedSection JunkAfterSection EmptySectionName SectionNameNotUtf8 NotALine BeforeSection EmptyKey UnknownKey
    DoorKeyInOptions OptionInDoor NoEqualsSign EmptyValue NeedlessValue Nul Sequence IgnorePorts IgnoredInSequence UnknownFlag
    EmptyFlag ContradictoryFlag Target Seconds NoSequence TwoSequences
}

kinds! { FAULTS, fault_kind, SequenceFault:
    Empty EmptyElement NotAPort PortRange Protocol SecondProtocol TooMany
}

kinds! { TRAPS, trap_kind, Trap:
    FewPorts RepeatedPort Sweep SynWithoutAck NoFlags StopWithoutTimeout StopWithoutStart OneTimeMark
}

/// What is wrong in `text`; an error hides the traps.
fn found(text: &[u8]) -> Vec<Diagnostic> {
    match Config::parse(text) {
        Ok((_, traps)) => traps,
        Err(errors) => errors,
    }
}

/// A configuration whose first door has `lines`, and else neither errors nor traps.
fn door(lines: &str) -> Vec<u8> {
    let sequence = if lines.contains("equence") { "" } else { "    Sequence = 7000,9000,8000\n" };
    let flags = if lines.contains("lags") { "" } else { "    TCPFlags = syn,!ack\n" };
    format!("[ssh]\n{sequence}{flags}{lines}\n").into_bytes()
}

fn error_examples() -> Vec<(&'static str, Vec<u8>)> {
    let many =
        |count: usize| (7000..7000 + 2 * count).step_by(2).map(|port| port.to_string()).collect::<Vec<_>>().join(",");
    vec![
        ("no_door", b"[options]\n    UseSyslog\n".to_vec()),
        ("no_door_in_an_empty_file", Vec::new()),
        ("section_unclosed", b"[ssh\nSequence = 1,3,2\nTCPFlags = ack\n".to_vec()),
        ("section_junk", b"[ssh] # the front door\nSequence = 1,3,2\n".to_vec()),
        ("section_empty", b"[]\nSequence = 1,3,2\n".to_vec()),
        ("section_blank", b"[ \t]\nSequence = 1,3,2\n".to_vec()),
        ("section_not_utf8", b"[caf\xe9]\nSequence = 1,3,2\n".to_vec()),
        ("line_without_meaning", door("    ; not a comment here")),
        ("line_without_equals_sign", door("    Sequence 7000,9000,8000")),
        ("line_before_section", b"Interface = eth0\n[ssh]\nSequence = 1,3,2\n".to_vec()),
        ("key_missing", door("    = 7000")),
        ("key_mistyped", door("    Sequnce = 7000,9000,8000")),
        ("key_unknown", door("    firewall = open")),
        ("key_of_a_door_in_options", b"[options]\nSeq_Timeout = 5\n[ssh]\nSequence = 1,3,2\n".to_vec()),
        ("key_of_options_in_a_door", door("    usesyslog")),
        ("value_missing", door("    Start_Command")),
        ("value_without_equals_sign", b"[options]\nUseSyslog yes\nInterface eth0\n[ssh]\nSequence = 1,3,2\n".to_vec()),
        ("value_empty_path", door("    One_Time_Sequences =")),
        ("value_empty_target", door("    Target =")),
        ("value_empty_seconds", door("    Timeout =")),
        ("value_empty_flags", door("    TCPFlags =")),
        ("value_needless", b"[options]\nUseSyslog = yes\n[ssh]\nSequence = 1,3,2\n".to_vec()),
        ("value_needless_equals_sign", b"[options]\nUseSyslog =\n[ssh]\nSequence = 1,3,2\n".to_vec()),
        ("nul_in_a_command", door("    Start_Command = open\0%IP%")),
        ("nul_in_a_path", b"[options]\nLogFile = /var/log/\0\n[ssh]\nSequence = 1,3,2\n".to_vec()),
        ("nul_in_a_one_time_path", door("    One_Time_Sequences = a\0b")),
        ("sequence_empty", door("    Sequence =")),
        ("sequence_empty_element", door("    Sequence = 7000,,8000")),
        ("sequence_not_a_port", door("    Sequence = 7000, 7010-7020, ssh")),
        ("sequence_comment", door("    Sequence = 7000,9000,8000 # as agreed")),
        ("sequence_port_range", door("    Sequence = 0,65536")),
        ("sequence_protocol", door("    Sequence = 7000:tpc,8000:")),
        ("sequence_second_protocol", door("    Sequence = 7000:tcp:udp")),
        ("sequence_too_many", door(&format!("    Sequence = {}", many(34)))),
        ("ignored_faults", door("    Ignore_Ports = 443,https")),
        ("ignored_too_many", door(&format!("    Ignore_Ports = {}", many(65).replace("7000", "1")))),
        ("ignored_in_sequence", door("    Ignore_Ports = 443, 9000")),
        (
            "ignored_in_sequence_by_options",
            b"[options]\nIgnore_Ports = 443,3\n[ssh]\nSequence = 1,3,2\n[mail]\nSequence = 3,1,2\n".to_vec(),
        ),
        ("flag_unknown", door("    TCPFlags = syn,!foo")),
        ("flag_missing", door("    TCPFlags = syn,,!")),
        ("flag_contradictory", door("    TCPFlags = syn, !SYN")),
        ("target", door("    Target = router.example")),
        ("seconds_seq_timeout", door("    Seq_Timeout = 0")),
        ("seconds_cmd_timeout", door("    Cmd_Timeout = 4294967296")),
        ("seconds_not_whole", door("    Timeout = 1.5")),
        ("sequence_missing", b"[ssh]\n    Start_Command = open\n".to_vec()),
        ("two_sequences", door("    Sequence = 1,3,2\n    One_Time_Sequences = /etc/knockd/ssh")),
        ("crlf_and_mark", b"\xef\xbb\xbf[ssh]\r\n    Sequence = 1,\xc3\xa9,2\r\n".to_vec()),
        ("far_into_a_long_line", door(&format!("    Sequence = {}x", " ".repeat(5000)))),
    ]
}

fn trap_examples() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("one_port", door("    Sequence = 7000")),
        ("two_ports", door("    Sequence = 7000,9000")),
        ("repeated_port", door("    Sequence = 7000,9000,9000")),
        ("sweep_up", door("    Sequence = 7000,7001,7002")),
        ("sweep_down", door("    Sequence = 7002:udp,7001:udp,7000:udp")),
        ("syn_without_ack", door("    TCPFlags = syn")),
        ("no_flags", b"[ssh]\nSequence = 1,3,2\n".to_vec()),
        ("stop_without_timeout", door("    Start_Command = open\n    Stop_Command = close")),
        ("stop_without_start", door("    Stop_Command = close")),
        ("stop_without_start_4", door("    Command_6 = open\n    Stop_Command = close\n    Cmd_Timeout = 5")),
        (
            "stop_without_start_6",
            door("    Command = open\n    Command_6 =\n    Stop_Command_6 = close\n    Cmd_Timeout = 5"),
        ),
    ]
}

/// One picture a file, named `PREFIX_NAME`; gives back what was found.
fn pictures(prefix: &str, examples: Vec<(&'static str, Vec<u8>)>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, text) in examples {
        let found = found(&text);
        assert!(!found.is_empty(), "{name}");
        insta::assert_snapshot!(format!("{prefix}_{name}"), render("knockd.conf", &text, &found, Style::Plain));
        problems.extend(found.into_iter().map(|found| found.problem));
    }
    problems
}

#[test]
fn every_error_has_its_picture() {
    let (mut errors, mut faults) = (BTreeSet::new(), BTreeSet::new());
    for problem in pictures("error", error_examples()) {
        let Problem::Error(error) = problem else { panic!("a trap among the errors: {problem}") };
        errors.insert(error_kind(&error));
        if let ConfigError::Sequence(fault) = error {
            faults.insert(fault_kind(&fault));
        }
    }
    assert_eq!(errors, ERRORS.iter().copied().collect());
    assert_eq!(faults, FAULTS.iter().copied().collect());
}

#[test]
fn every_trap_has_its_picture() {
    let one_time: &[u8] = b"# one line for each knock\n 7000,9000,8000\n\n9000 or so\n7100,7200:udp,7300\n7000,1,2\n";
    let line = one_time_trap(one_time).expect("a line that loses a digit");
    insta::assert_snapshot!(
        "trap_one_time_mark",
        render("ssh.sequences", one_time, std::slice::from_ref(&line), Style::Plain)
    );
    let problems = pictures("trap", trap_examples());
    let kinds = problems.iter().chain([&line.problem]).map(|problem| match problem {
        Problem::Trap(trap) => trap_kind(trap),
        Problem::Error(error) => panic!("an error among the traps: {error}"),
    });
    assert_eq!(kinds.collect::<BTreeSet<_>>(), TRAPS.iter().copied().collect());
}

#[test]
fn a_text_without_traps_has_no_warning() {
    let careful = door("    Command = open\n    Command_6 =\n    Stop_Command = close\n    Cmd_Timeout = 0");
    assert_eq!(found(&careful), []);
    assert_eq!(found(b"[ssh]\nSequence = 7000,7001:udp,7002\nTCPFlags = syn,ack\n"), []);
    assert_eq!(one_time_trap(b" 1,2,3\n\t4,5,6\r\n#7,8,9\nnot a sequence\n\n"), None);
}

#[test]
fn a_finding_in_one_line_tells_all() {
    let text = door("    Sequence = 1,\u{e9},abc\n    TCPFlags = sin");
    let lines: Vec<_> = found(&text).iter().map(Diagnostic::to_string).collect();
    insta::assert_snapshot!("one_line_each", lines.join("\n"));
}

#[test]
fn colours_change_nothing_but_colours() {
    let text = door("    Sequence = 1,2,x");
    let coloured = render("knockd.conf", &text, &found(&text), Style::Colours);
    assert!(coloured.contains("\u{1b}["));
    let mut plain = String::new();
    let mut letters = coloured.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            letters.by_ref().find(|letter| *letter == 'm');
        } else {
            plain.push(letter);
        }
    }
    assert_eq!(plain, render("knockd.conf", &text, &found(&text), Style::Plain));
}
