//! What holds for every configuration and for every text at all.

use knockd::{
    config::{Config, Diagnostic, Style, one_time_trap, render},
    sequence::Sequence,
};
use proptest::{collection::vec, prelude::*, sample::select};

/// A valid configuration's text, written in one of many ways.
fn valid() -> impl Strategy<Value = Vec<u8>> {
    let options = vec(
        select(vec!["UseSyslog", "LogFile = /var/log/k", "interface=any", "PidFile =", "Ignore_Ports = 1,2:udp"]),
        0..4,
    );
    (options, vec(door(), 1..5), select(vec!["\n", "\r\n", "\n\n # comment\n\t"])).prop_map(|(options, doors, end)| {
        let mut lines = vec![b"[options]".to_vec()];
        lines.extend(options.into_iter().map(|line| line.as_bytes().to_vec()));
        lines.extend(doors.into_iter().flatten());
        lines.join(end.as_bytes())
    })
}

fn door() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let name = "[a-zé \\]\\[#]{0,5}[a-z]".prop_map(|name| format!("[{name}]").into_bytes());
    let sequence =
        (vec((3_u16.., select(vec!["", ":udp", ": TCP"])), 1..=32), 0..=2_usize).prop_map(|(ports, blanks)| {
            let ports: Vec<_> = ports.into_iter().map(|(port, protocol)| format!("{port}{protocol}")).collect();
            format!("Sequence = {}", ports.join(&format!(",{}", " ".repeat(blanks)))).into_bytes()
        });
    let one_time = Just(b"One_Time_Sequences = /etc/knockd/\xff".to_vec());
    let command = (
        select(vec!["Command", "Stop_Command", "start_command_6", "Stop_Command_6", "COMMAND_6"]),
        vec(any::<u8>().prop_filter("a line's end, or no command's", |byte| !b"\n\0".contains(byte)), 0..20),
    )
        .prop_map(|(key, command)| [key.as_bytes(), b" = ", &command].concat());
    let flags = "(!?(FIN|syn) *,)?!?(ack|Rst|psh|urg)".prop_map(|flags| format!("TCPFlags = {flags}").into_bytes());
    let seconds = (select(vec!["Timeout", "Seq_Timeout", "Cmd_Timeout"]), 1_u32..)
        .prop_map(|(key, seconds)| format!("{key}={seconds}").into_bytes());
    let target = any::<std::net::IpAddr>().prop_map(|address| format!("Target = {address}").into_bytes());
    let rest = vec(
        prop_oneof![4 => command, 1 => flags, 2 => seconds, 1 => target, 1 => Just(b"Ignore_Ports = 2,1:udp,1".to_vec())],
        0..8,
    );
    (name, prop_oneof![4 => sequence, 1 => one_time], rest).prop_map(|(name, sequence, rest)| {
        let mut lines = vec![name];
        lines.extend(rest);
        lines.push(sequence);
        lines
    })
}

/// Valid text with some bytes replaced, removed or inserted, at best by others that mean something.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![select(b"[]=#,:!\n\r \t\0\xff\xc3;_-09".to_vec()), any::<u8>()];
    (valid(), vec((any::<prop::sample::Index>(), 0..3_usize, byte), 1..8)).prop_map(|(mut text, changes)| {
        for (at, change, byte) in changes {
            let at = at.index(text.len() + 1);
            match change {
                0 => text.insert(at, byte),
                1 if at < text.len() => text[at] = byte,
                _ if at < text.len() => drop(text.remove(at)),
                _ => text.push(byte),
            }
        }
        text
    })
}

/// Everything that a text says about itself is about that text.
fn check(text: &[u8]) -> Result<(), TestCaseError> {
    let found = match Config::parse(text) {
        Ok((config, traps)) => {
            prop_assert_eq!(&Config::parse(&config.to_text()).expect("its own text").0, &config);
            traps
        }
        Err(errors) => {
            prop_assert!(!errors.is_empty());
            errors
        }
    };
    prop_assert!(found.is_sorted_by_key(|found| (found.span.start, found.span.end)));
    for finding in found.iter().chain(&one_time_trap(text)) {
        check_place(text, finding)?;
    }
    for style in [Style::Plain, Style::Colours] {
        let pictures = render("knockd.conf", text, &found, style);
        prop_assert_eq!(pictures.is_empty(), found.is_empty());
    }
    Ok(())
}

/// The span is inside the text and in one line; line and column, counted the slow way, are those of its start.
fn check_place(text: &[u8], found: &Diagnostic) -> Result<(), TestCaseError> {
    let span = found.span.clone();
    prop_assert!(span.start <= span.end && span.end <= text.len(), "{:?}", found);
    prop_assert!(!text[span.clone()].contains(&b'\n'), "{:?}", found);
    let text = text.strip_prefix(b"\xef\xbb\xbf").map_or(&text[..span.start], |_| &text[3..span.start]);
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    prop_assert_eq!(found.line, lines.len());
    prop_assert_eq!(found.column, String::from_utf8_lossy(lines[lines.len() - 1]).chars().count() + 1);
    Ok(())
}

proptest! {
    #[test]
    fn a_valid_text_parses_and_comes_back_from_its_plainest_form(text in valid()) {
        let (config, _) = Config::parse(&text).map_err(|errors| TestCaseError::fail(render("", &text, &errors, Style::Plain)))?;
        let plain = config.to_text();
        let (again, traps) = Config::parse(&plain).map_err(|errors| TestCaseError::fail(render("", &plain, &errors, Style::Plain)))?;
        prop_assert_eq!(&again, &config);
        prop_assert_eq!(again.to_text(), plain);
        prop_assert!(traps.len() <= config.doors.len() * 8);
        check(&text)?;
    }

    #[test]
    fn a_spoilt_text_gives_places_and_pictures(text in mutated()) {
        check(&text)?;
    }

    #[test]
    fn any_bytes_give_places_and_pictures(text in vec(any::<u8>(), 0..400)) {
        check(&text)?;
        check(&[b"\xef\xbb\xbf[x]\nSequence=", &*text].concat())?;
    }

    #[test]
    fn a_sequence_comes_back_from_its_text(text in "[ 0-9a-uP:,]{0,30}|([1-9][0-9]{0,3}(:udp|:Tcp)?,){0,33}[1-9]") {
        match Sequence::parse(text.as_bytes()) {
            Ok(sequence) => prop_assert_eq!(Sequence::parse(sequence.to_string().as_bytes()), Ok(sequence)),
            Err(error) => prop_assert!(error.span.start <= error.span.end && error.span.end <= text.len()),
        }
    }
}

/// Where a text ends in what is a line's end elsewhere, the place at its end still lies in the picture.
#[test]
fn a_text_of_carriage_returns_has_its_picture() {
    for text in ["\r", "\r\r", "\0\r\r", "\r\n\r", "[options]\r\n\r\r\n\r"] {
        check(text.as_bytes()).expect(text);
    }
}

/// More ports than one `Ignore_Ports` may list come back too.
#[test]
fn many_ignored_ports_come_back() {
    let list = |from: u16| (from..from + 64).map(|port| port.to_string()).collect::<Vec<_>>().join(",");
    let doors: Vec<_> = [1000, 1032, 2000].map(|from| format!("[x]\nSequence=1\nIgnore_Ports={}\n", list(from))).into();
    for shared in [list(1000), list(3000), "5".into()] {
        let text = format!("[options]\nIgnore_Ports={shared}\n{}", doors.join(""));
        let (config, _) = Config::parse(text.as_bytes()).expect("64 ports each");
        assert!(config.doors.iter().any(|door| door.ignored.len() > 64));
        assert_eq!(Config::parse(&config.to_text()).map(|(config, _)| config), Ok(config));
    }
}
