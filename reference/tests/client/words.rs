//! Help and errors, to be read by people.

use super::ends;

#[test]
fn help_is_short_or_long() {
    let (short, long) = (ends(0, &["-h"]).0, ends(0, &["--help"]).0);
    insta::assert_snapshot!("help_short", short);
    insta::assert_snapshot!("help_long", long);
    for option in ["--udp", "--delay", "--timeout", "--verify", "--then", "--ipv4", "--ipv6", "Examples:"] {
        assert!(short.contains(option) && long.contains(option), "{option}");
    }
    assert!(long.contains("Exit status:"));
}

#[test]
fn the_version_names_the_program() {
    for option in ["-V", "--version"] {
        assert_eq!(ends(0, &[option]).0, format!("knock {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn what_is_wrong_with_the_command_line_is_told_and_its_status_is_2() {
    let mut all = String::new();
    for line in [
        "",
        "localhost",
        "localhost 7000 0 abc 80:tpc",
        "localhost 7000 -1",
        "localhost 7000 -- -v 8000",
        "-d soon localhost 7000",
        "-d -5 localhost 7000",
        "-d 4294967296 localhost 7000",
        "-t 1.5 localhost 7000",
        "--verify 22:udp localhost 7000",
        "--verify pause localhost 7000",
        "--tries 2 localhost 7000",
        "--verify 22 --tries 0 localhost 7000",
        "--then",
        "--frobnicate localhost 7000",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (out, err) = ends(2, &words);
        assert_eq!(out, "", "{line}");
        all += &format!("$ knock {line}\n{err}\n");
    }
    insta::assert_snapshot!("wrong_use", all);
}

#[test]
fn hosts_that_cannot_be_knocked_on_are_told_before_anything_is_sent() {
    let mut all = String::new();
    for line in [
        "-v 127.0.0.1 7000 -- -4 8000",
        "-v -4 127.0.0.1 7000 -- ::1 8000",
        "-v -6 127.0.0.1 7000",
        "-v 127.0.0.1 7000 -- fe80::1 8000",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let status = if line.ends_with("-- -4 8000") { 2 } else { 1 };
        let (out, err) = ends(status, &words);
        assert_eq!(out, "", "{line}: something was sent");
        all += &format!("$ knock {line}\n{err}\n");
    }
    insta::assert_snapshot!("hosts", all);
    // The system's words differ from machine to machine.
    let (out, err) = ends(1, &["-v", "127.0.0.1", "7000", "--", "nowhere.invalid", "8000"]);
    assert_eq!(out, "");
    assert!(err.starts_with("knock: host `nowhere.invalid` is not found: "), "{err}");
    assert!(err.ends_with("; expected a name that exists, or an address; nothing was sent\n"), "{err}");
}
