//! The C knockd 0.8 through the preloaded library: that what it does is seen, in its place and at its time.
//!
//! Where knockd is not installed these tests say so and pass; the suite's own run demands it.
#![cfg(target_os = "linux")]

use std::{fs, path::Path, process::Command, sync::OnceLock};

use knock_conformance::{
    case,
    check::{self, Problem},
    subject::{Precision, Subject},
    subjects::original::Original,
};

/// The subject, with the library built as this test was; nothing if there is no knockd.
fn original() -> Option<&'static Original> {
    static ORIGINAL: OnceLock<Option<Original>> = OnceLock::new();
    let find = || {
        if !Path::new("/usr/sbin/knockd").exists() {
            eprintln!("skipped: Debian's package `knockd` is not installed");
            return None;
        }
        let target =
            std::env::current_exe().expect("a path").ancestors().nth(3).expect("a target directory").to_owned();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--package", "knock-preload", "--target-dir"]).arg(&target);
        assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo").success());
        Some(Original::find(None, Some(&target.join("debug/libknock_preload.so"))).expect("both are there"))
    };
    ORIGINAL.get_or_init(find).as_ref()
}

/// What is wrong with the C program in a case, of which `timeline` and `rest` are the text.
fn problems(config: &str, timeline: &str, rest: &str) -> Option<Vec<String>> {
    let original = original()?;
    let directory = tempfile::tempdir().expect("a directory");
    let text = format!(
        "[[case]]\nid = \"a\"\nclauses = [\"SEQ-1\"]\nabout = \"A.\"\n{rest}\nconfig = '''\n{config}'''\ntimeline = '''\n{timeline}'''\n"
    );
    fs::write(directory.path().join("a.toml"), text).expect("a case");
    let cases = case::load(directory.path()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(cases.len(), 1);
    assert_eq!(original.lacks(&cases[0]).into_iter().collect::<Vec<_>>(), []);
    let transcript = original.run(&cases[0]).unwrap_or_else(|error| panic!("{error}"));
    Some(check::judge(&cases[0], &transcript, Precision::EXACT).iter().map(Problem::to_string).collect())
}

#[track_caller]
fn passes(config: &str, timeline: &str, rest: &str) {
    if let Some(problems) = problems(config, timeline, rest) {
        assert_eq!(problems, Vec::<String>::new());
    }
}

const DOOR: &str = "[ssh]\n sequence = 7000,8000\n tcpflags = syn\n start_command = open %IP%\n cmd_timeout = 5\n stop_command = close %IP%\n";

#[test]
fn commands_and_lines_come_at_the_captures_time() {
    passes(
        DOOR,
        "0.25 alice > tcp 7000 syn\n  log alice: ssh: Stage 1\n+1.5 alice > tcp 8000 syn\n  log alice: ssh: OPEN SESAME\n  run open alice\n\
         +1 alice6 > tcp 7000 syn\n  log alice6: ssh: Stage 1\n+6 log alice: ssh: command timeout\n  run close alice\n+1 never run * alice6\n",
        "commands = { open = { takes = 2, status = 3 } }",
    );
}

#[test]
fn what_is_not_expected_is_a_problem() {
    let Some(problems) =
        problems(DOOR, "0.0 alice > tcp 7000 syn\n+1 alice > tcp 8000 syn\n  run open bob\n6 end\n", "")
    else {
        return;
    };
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[test]
fn a_reload_and_a_file_happen_between_two_packets() {
    passes(
        DOOR,
        "0.0 alice > tcp 7000 syn\n  log alice: ssh: Stage 1\n+1 put knockd.conf new\n signal hup\n  log re-reading config file: *\n\
         +1 alice > tcp 9000 syn\n  run open alice\n  file knockd.conf new\n+1 signal term\n  log shutting down\n  exit 15\n",
        "texts = { new = \"[ssh]\\nsequence = 9000\\ncommand = open %IP%\\n\" }",
    );
}

#[test]
fn it_waits_for_a_child_when_it_is_told_to_end() {
    passes(
        DOOR,
        "0.0 alice > tcp 7000 syn\n+1 alice > tcp 8000 syn\n  run open alice\n+1 signal term\n+4 run close alice\n log shutting down\n exit 15\n",
        "",
    );
}

#[test]
fn a_restarted_daemon_has_forgotten_the_knock_and_not_the_file() {
    passes(
        "[ssh]\none_time_sequences = /case/once\ncommand = open %IP%\n",
        "0.0 alice > tcp 7000 syn\n+1 alice > tcp 7001 syn\n  run open alice\n  file once used\n+1 restart\n+1 bob > tcp 8000 syn\n\
         +1 kill\n+1 bob > tcp 8001 syn\n+1 bob > tcp 8000 syn\n+1 bob > tcp 8001 syn\n  run open bob\n  file once all\n",
        "files = { once = \"7000,7001\\n8000,8001\\n9000,9001\\n\" }\n\
         texts = { used = \"#000,7001\\n8000,8001\\n9000,9001\\n\", all = \"#000,7001\\n#000,8001\\n9000,9001\\n\" }",
    );
}

#[test]
fn an_error_in_the_configuration_is_said() {
    passes("[ssh]\nfoo = bar\n", "0.0 says *line 2*\n exit 1\n", "");
}

#[test]
fn other_link_types_are_read() {
    for link in ["sll", "raw"] {
        let timeline = "0.0 alice > tcp 7000 syn\n+1 alice > tcp 8000 syn\n  run open alice\n";
        passes(DOOR, timeline, &format!("link = \"{link}\""));
    }
}

#[test]
fn a_command_that_reads_takes_no_answer() {
    passes(
        "[one]\nsequence = 7000\ncommand = read line; open %IP%\n",
        "0.0 alice > tcp 7000 syn\n  run read line; open alice\n+1 signal hup\n+1 alice > tcp 7000 syn\n  run read line; open alice\n",
        "commands.read = {}",
    );
}

#[test]
fn only_what_comes_to_its_interface_is_heard() {
    let timeline = "0.0 alice > tcp 7000 syn\n";
    for (options, expected) in
        [("", "  run open alice\n"), ("'-i', 'any'", "  never run *\n"), ("'-i', 'lo'", "  never run *\n")]
    {
        passes(
            "[one]\nsequence = 7000\ncommand = open %IP%\n",
            &format!("{timeline}{expected}"),
            &format!("options = [{options}]"),
        );
    }
    passes(
        "[one]\nsequence = 7000\ncommand = open %IP%\n",
        "0.0 says *eth7: No such device*\n  exit 1\n",
        "options = ['-i', 'eth7']",
    );
}

#[test]
fn who_has_no_library_is_told_how_to_build_it() {
    let error = Original::find(Some(Path::new("/bin/sh")), Some(Path::new("/nowhere.so"))).expect_err("there is none");
    assert!(error.to_string().contains("cargo build -p knock-preload"), "{error}");
    let error = Original::find(Some(Path::new("/nowhere")), None).expect_err("there is none");
    assert!(error.to_string().contains("/nowhere"), "{error}");
}

#[test]
fn a_scan_of_all_ports_is_followed_to_its_end() {
    passes(
        "[one]\nsequence = 65535\ntcpflags = syn\ncommand = open %IP%\n",
        "0.0 alice > scan tcp 1-65535 syn every 0.001\n65.534 run open alice\n",
        "",
    );
}

#[test]
fn many_cases_run_side_by_side() {
    if original().is_none() {
        return;
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    commands_and_lines_come_at_the_captures_time();
                }
            });
        }
    });
}
