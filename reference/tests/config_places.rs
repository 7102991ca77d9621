//! The exact bytes that a finding marks, which traps a door has, and the plainest text of a configuration (CONF-4).

use knockd::config::{Config, Directive, Problem, Trap};

/// What is found in `text`: the marked bytes, and for errors and traps their words.
fn found(text: &str) -> Vec<(String, Problem)> {
    let found = match Config::parse(text.as_bytes()) {
        Ok((_, traps)) => traps,
        Err(errors) => errors,
    };
    found.into_iter().map(|found| (text[found.span].to_owned(), found.problem)).collect()
}

fn marked(text: &str) -> Vec<String> {
    found(text).into_iter().map(|(marked, _)| marked).collect()
}

/// The traps of a door that has these lines and no others besides a sequence without traps.
fn traps(lines: &str) -> Vec<Trap> {
    let trap = |(_, problem)| match problem {
        Problem::Trap(trap) => trap,
        Problem::Error(error) => panic!("{error}"),
    };
    found(&format!("[x]\nSequence = 1,3,2\n{lines}")).into_iter().map(trap).collect()
}

#[test]
fn an_error_marks_the_bytes_that_are_wrong() {
    for (text, wrong) in [
        ("", &[""][..]),
        ("[ssh\nSequence = 1", &["[ssh"]),
        ("[ssh] x\nSequence = 1", &["x"]),
        ("[ ]\nSequence = 1", &["[ ]"]),
        ("[x]\nSequence = 1\n;", &[";"]),
        ("Interface = eth0\n[x]\nSequence = 1", &["Interface"]),
        ("[x]\nSequence = 1\n  = 7000", &["="]),
        ("[x]\nSequence = 1\nfirewall = open", &["firewall"]),
        ("[x]\nSequence = 1\nTarget", &["Target"]),
        ("[x]\nSequence = 1\nusesyslog = yes\n", &["usesyslog = yes"]),
        ("[options]\nTarget = ::1\n[x]\nSequence = 1", &["Target"]),
        ("[x]\nSequence = 1\nCommand = a\0b\0c", &["\0"]),
        ("[x]\nOne_Time_Sequences =", &["One_Time_Sequences"]),
        ("[x]\nSequence = 7000, no, 70000 ,2:tpc", &["no", "70000", "tpc"]),
        ("[x]\nSequence = 1,2\nIgnore_Ports = 3, 2,no", &["no"]),
        ("[x]\nSequence = 1,2\nIgnore_Ports = 3, 2", &["2"]),
        ("[x]\nSequence = 1\nTCPFlags = syn, sin ,! fun,!SYN", &["sin", "! fun", "!SYN"]),
        ("[x]\nSequence = 1\nTarget = host", &["host"]),
        ("[x]\nSequence = 1\nTimeout = 1.5", &["1.5"]),
        ("[front door]\nCommand = a", &["front door"]),
    ] {
        assert_eq!(marked(text), wrong, "{text:?}");
    }
}

#[test]
fn of_two_sequences_the_later_one_is_marked() {
    assert_eq!(marked("[x]\nSequence = 1\nOne_Time_Sequences = f"), ["One_Time_Sequences"]);
    assert_eq!(marked("[x]\nOne_Time_Sequences = f\nSequence = 1"), ["Sequence"]);
}

#[test]
fn a_trap_marks_what_makes_it_one() {
    for (text, marks) in [
        ("[x]\nSequence = 1, 3\nTCPFlags = syn,!ack", &["1, 3"][..]),
        ("[x]\nSequence = 1, 1,2:udp,2:udp\nTCPFlags = syn,!ack", &["1"]),
        ("[x]\nSequence = 1,2, 3\nTCPFlags = syn,!ack", &["1,2, 3"]),
        ("[x]\nSequence = 1,3,2\nTCPFlags = SYN , !urg", &["SYN , !urg"]),
        ("[front door]\nSequence = 1,3,2", &["front door"]),
    ] {
        assert_eq!(marked(text), marks, "{text:?}");
    }
    let text = "[x]\nSequence = 3:udp, 4,4\nTCPFlags = syn,!ack";
    let (place, trap) = (Config::parse(text.as_bytes()).expect("no error").1[0].span.clone(), &found(text)[0].1);
    assert_eq!(place, 24..25, "the second of the two");
    assert!(matches!(trap, Problem::Trap(Trap::RepeatedPort(port)) if port.number.get() == 4), "{trap:?}");
}

#[test]
fn only_syn_without_a_word_on_ack_takes_answers() {
    for (flags, takes) in [
        ("syn", true),
        ("syn,!fin", true),
        ("fin,syn", true),
        ("syn,ack", false),
        ("syn,!ack", false),
        ("fin", false),
        ("ack", false),
        ("!syn", false),
    ] {
        assert_eq!(traps(&format!("TCPFlags = {flags}")), [Trap::SynWithoutAck][..usize::from(takes)], "{flags}");
    }
}

#[test]
fn a_stop_command_is_judged_for_each_family_that_it_serves() {
    let untimed = Trap::StopWithoutTimeout;
    let idle = Trap::StopWithoutStart;
    let (stop, stop_6) = (Directive::StopCommand, Directive::StopCommand6);
    for (lines, expected) in [
        ("Stop_Command = c", vec![idle(stop, "IPv4 and IPv6")]),
        ("Stop_Command = c\nStop_Command_6 = d", vec![idle(stop, "IPv4"), idle(stop_6, "IPv6")]),
        ("Stop_Command = c\nStop_Command_6 =", vec![idle(stop, "IPv4")]),
        ("Stop_Command_6 = d", vec![idle(stop_6, "IPv6")]),
        ("Command = a\nStop_Command = c", vec![untimed(stop)]),
        ("Command = a\nStop_Command = c\nStop_Command_6 = d", vec![untimed(stop)]),
        ("Command = a\nStop_Command_6 = d", vec![untimed(stop_6)]),
        ("Command = a\nCommand_6 =\nStop_Command = c\nStop_Command_6 = d", vec![untimed(stop), idle(stop_6, "IPv6")]),
        ("Command = a\nCommand_6 =\nStop_Command = c", vec![untimed(stop)]),
        ("Command_6 = b\nStop_Command = c", vec![idle(stop, "IPv4"), untimed(stop)]),
        ("Command_6 = b\nStop_Command = c\nStop_Command_6 = d", vec![idle(stop, "IPv4"), untimed(stop_6)]),
        ("Command = a\nStop_Command = c\nCmd_Timeout = 0", vec![]),
    ] {
        let mut found = traps(&format!("TCPFlags = syn,!ack\n{lines}"));
        // Two traps of one line have the same place and no order of their own.
        found.sort_by_key(|trap| matches!(trap, Trap::StopWithoutTimeout(_)));
        let mut expected = expected;
        expected.sort_by_key(|trap| matches!(trap, Trap::StopWithoutTimeout(_)));
        assert_eq!(found, expected, "{lines}");
    }
}

#[test]
fn the_plainest_text_is_always_the_same() {
    let text = b"[options]\nusesyslog\npidfile=/p\nlogfile=/l\ninterface=any\nignore_ports=9\n[b]\ntimeout=5\n\
                 sequence= 1 ,2:UDP\ncommand=x\ncommand_6=\ntcpflags=!ack, SYN\n[a]\none_time_sequences=f\ntarget=::1\n\
                 stop_command_6=y\ncmd_timeout=0\n";
    let (config, _) = Config::parse(text).expect("no error");
    let plain = "[options]\n    UseSyslog\n    LogFile = /l\n    PidFile = /p\n    Interface = any\n\n\
                 [b]\n    Sequence = 1,2:udp\n    Seq_Timeout = 5\n    TCPFlags = syn,!ack\n    Ignore_Ports = 9\n    \
                 Start_Command = x\n    Start_Command_6 =\n    Cmd_Timeout = 10\n\n\
                 [a]\n    One_Time_Sequences = f\n    Seq_Timeout = 25\n    Target = ::1\n    Ignore_Ports = 9\n    \
                 Stop_Command_6 = y\n    Cmd_Timeout = 0\n";
    assert_eq!(String::from_utf8_lossy(&config.to_text()), plain);
}

#[test]
fn only_ports_that_a_door_could_not_list_itself_move_to_the_options() {
    let ports = |count: u16| (100..100 + count).map(|port| port.to_string()).collect::<Vec<_>>().join(",");
    for (more, moves) in [("", false), ("99", true)] {
        let text = format!("[options]\nIgnore_Ports={more}\n[x]\nSequence=1\nIgnore_Ports={}", ports(64));
        let (config, _) = Config::parse(text.as_bytes()).expect("no error");
        assert_eq!(config.to_text().starts_with(b"[options]"), moves, "{} ports", config.doors[0].ignored.len());
    }
}
