//! Each kind of expectation can fail: what is as expected passes, and every way of being otherwise turns red.

use crate::fake::{case, daemon, obey};
use knock_conformance::{
    case::Case,
    check::{self, Kind, Problem},
    subject::Precision,
    time::Nanos,
    transcript::{Sight, Transcript},
};

const TENTH: Nanos = Nanos(100_000_000);
const LIVE: Precision = Precision { early: Nanos(0), late: Nanos(150_000_000) };

fn problems(case: &Case, transcript: &Transcript) -> Vec<Problem> {
    check::judge(case, transcript, Precision::EXACT)
}

/// What is expected passes; after `spoil` there is one problem, of this kind.
#[track_caller]
fn turns_red(case: &Case, kind: Kind, spoil: impl FnOnce(&mut Transcript)) {
    let mut transcript = obey(case);
    assert_eq!(problems(case, &transcript), [], "what is expected passes");
    spoil(&mut transcript);
    let found = problems(case, &transcript);
    let kinds: Vec<Kind> = found.iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, [kind], "{found:?}");
}

#[test]
fn a_command_that_does_not_run() {
    turns_red(&daemon("0 alice > tcp 7000 syn\nrun open alice"), Kind::Missing, |seen| seen.seen.clear());
}

#[test]
fn a_command_that_runs_and_is_not_expected() {
    let case = daemon("0 alice > tcp 7000 syn\nrun open alice");
    turns_red(&case, Kind::Unexpected, |seen| seen.see(TENTH, Sight::Run("open 192.0.2.12".to_owned())));
}

#[test]
fn a_command_that_runs_twice() {
    let case = daemon("0 alice > tcp 7000 syn\nrun open alice");
    turns_red(&case, Kind::Unexpected, |seen| seen.see(Nanos(0), Sight::Run("open 192.0.2.11".to_owned())));
}

#[test]
fn a_command_for_somebody_else() {
    let case = daemon("0 alice > tcp 7000 syn\nrun open alice");
    let mut seen = obey(&case);
    seen.seen[0].what = Sight::Run("open 192.0.2.12".to_owned());
    assert_eq!(
        check::signature(&problems(&case, &seen)),
        "missing run open 192.0.2.11; unexpected run open 192.0.2.12"
    );
}

#[test]
fn a_command_that_runs_late_or_early() {
    let case = daemon("0 alice > tcp 7000 syn\n+0.3 run open alice");
    turns_red(&case, Kind::Late, |seen| seen.seen[0].at = seen.seen[0].at.after(Nanos(1)));
    turns_red(&case, Kind::Early, |seen| seen.seen[0].at = seen.seen[0].at.before(Nanos(1)));
}

#[test]
fn a_command_after_the_window_does_not_count() {
    let case = daemon("0 alice > tcp 7000 syn\nrun open alice");
    turns_red(&case, Kind::Missing, |seen| seen.seen[0].at = case.timeline.end.after(Nanos(1)));
}

#[test]
fn the_tolerance_of_a_live_subject_ends() {
    let case = daemon("0 alice > tcp 7000 syn\nrun open alice");
    let mut seen = obey(&case);
    seen.seen[0].at = LIVE.late;
    assert_eq!(check::judge(&case, &seen, LIVE), []);
    seen.seen[0].at = LIVE.late.after(Nanos(1));
    assert_eq!(check::judge(&case, &seen, LIVE).len(), 1);
}

#[test]
fn commands_in_another_order() {
    let case = daemon("0 alice > tcp 7000 syn\nrun first\nrun second");
    turns_red(&case, Kind::OutOfOrder, |seen| seen.seen.swap(0, 1));
}

/// A knock, spelled out: its last stage, the mark, the opening, the command.
const KNOCK: &str = "0 alice > tcp 7000 syn\nlog alice: ssh: Stage 1\nmark codes\nlog alice: ssh: OPEN SESAME\n\
                     log ssh: running command: open alice\nrun open alice";

fn one_time(timeline: &str) -> Case {
    let keys =
        "config = \"[ssh]\\none_time_sequences = /case/codes\\ncommand = open %IP%\"\nfiles = { codes = \" 7000\\n\" }";
    case(keys, &format!("{timeline}\nfile codes unchanged"))
}

#[test]
fn a_command_before_it_is_told() {
    let case = one_time(KNOCK);
    turns_red(&case, Kind::OutOfOrder, |seen| seen.seen.swap(3, 4));
    let short = daemon("0 alice > tcp 7000 syn\nlog alice: ssh: OPEN SESAME\nrun open alice");
    turns_red(&short, Kind::OutOfOrder, |seen| seen.seen.swap(0, 1));
}

#[test]
fn a_mark_after_the_opening_or_the_command() {
    let case = one_time(KNOCK);
    turns_red(&case, Kind::OutOfOrder, |seen| seen.seen.swap(1, 2));
    let case = one_time("0 alice > tcp 7000 syn\nmark codes\nrun open alice");
    turns_red(&case, Kind::OutOfOrder, |seen| seen.seen.swap(0, 1));
}

#[test]
fn a_mark_that_is_missing_or_too_many() {
    let case = one_time(KNOCK);
    turns_red(&case, Kind::Missing, |seen| seen.seen.retain(|seen| !matches!(seen.what, Sight::Mark(_))));
    turns_red(&case, Kind::Unexpected, |seen| seen.see(TENTH, Sight::Mark("codes".to_owned())));
    let never = one_time("0 alice > tcp 7001 syn\nnever mark codes");
    turns_red(&never, Kind::Forbidden, |seen| seen.see(TENTH, Sight::Mark("codes".to_owned())));
}

#[test]
fn an_end_before_the_last_command() {
    let doors = "config = \"[one]\\nsequence = 7000\\n[two]\\nsequence = 7001\"";
    let case = case(doors, "0.2 signal term\nrun close alice\nrun close bob\nexit 0");
    turns_red(&case, Kind::OutOfOrder, |seen| seen.seen.swap(1, 2));
    turns_red(&case, Kind::OutOfOrder, |seen| seen.seen.rotate_right(1));
}

/// The contract orders the doings of one knock: two doors, or two sources, may go ahead of each other, and in real time
/// nobody can tell.
#[test]
fn what_has_no_order_is_not_judged() {
    let lines = "0 alice > tcp 7000 syn\nlog alice: one: OPEN SESAME\nlog alice: two: Stage 1\nrun open alice";
    let doors = case("config = \"[one]\\nsequence = 7000\\n[two]\\nsequence = 7000,8000\"", lines);
    let sources = daemon("1 log alice: ssh: sequence timeout (stage 1)\nrun close bob");
    let moments = daemon("0 alice > tcp 7000 syn\nlog alice: ssh: Stage 1\nbob > tcp 7000 syn\nrun open alice");
    for case in [doors, sources, moments] {
        let mut seen = obey(&case);
        seen.seen.reverse();
        let across = problems(&case, &seen).into_iter().filter(|problem| problem.what.starts_with("run"));
        assert_eq!(across.collect::<Vec<_>>(), []);
    }
    let case = daemon("0 alice > tcp 7000 syn\nlog alice: ssh: OPEN SESAME\nrun open alice");
    let mut seen = obey(&case);
    seen.seen.reverse();
    assert_eq!(check::judge(&case, &seen, LIVE), []);
}

#[test]
fn a_command_that_may_run_is_only_that_one() {
    let case = daemon("0 alice > tcp 7000 syn\nmay run close *\nnever log *nothing*");
    assert_eq!(problems(&case, &Transcript::default()), []);
    turns_red(&case, Kind::Unexpected, |seen| {
        seen.see(TENTH, Sight::Run("close 192.0.2.11".to_owned()));
        seen.see(TENTH, Sight::Run("open 192.0.2.11".to_owned()));
    });
}

#[test]
fn a_line_that_is_not_logged() {
    let case = daemon("0 alice > tcp 7000 syn\nlog alice: ssh: Stage 1");
    turns_red(&case, Kind::Missing, |seen| seen.seen.clear());
    turns_red(&case, Kind::Missing, |seen| seen.seen[0].what = Sight::Log("192.0.2.11: ssh: Stage 2".to_owned()));
}

#[test]
fn lines_in_another_order() {
    let case = daemon("0 alice > tcp 7000 syn\nlog alice: ssh: Stage 1\nlog alice: ssh: OPEN SESAME");
    turns_red(&case, Kind::OutOfOrder, |seen| seen.seen.swap(0, 1));
}

#[test]
fn a_line_too_many_where_the_whole_log_is_told() {
    let keys = "log = \"all\"\nconfig = \"[ssh]\\nsequence = 7000\"";
    let case = case(keys, "0 alice > tcp 7000 syn\nlog alice: ssh: Stage 1");
    turns_red(&case, Kind::Unexpected, |seen| seen.see(TENTH, Sight::Log("192.0.2.11: ssh: OPEN SESAME".to_owned())));
    let mut seen = obey(&case);
    seen.see(TENTH, Sight::Log("warming up".to_owned()));
    assert_eq!(problems(&case, &seen), [], "only lines in the words of LOG-2 are everybody's");
}

#[test]
fn a_datagram_that_syslog_does_not_get() {
    let case = daemon("0 alice > tcp 7000 syn\nsyslog <13>*: alice: ssh: Stage 1");
    turns_red(&case, Kind::Missing, |seen| seen.seen.clear());
    turns_red(&case, Kind::Missing, |seen| {
        seen.seen[0].what = Sight::Syslog("<14>x: 192.0.2.11: ssh: Stage 1".to_owned())
    });
}

#[test]
fn a_word_that_is_not_said() {
    let case = daemon("0 exit 1\nsays *unknown key*");
    turns_red(&case, Kind::Missing, |seen| seen.seen.retain(|seen| !matches!(seen.what, Sight::Says(_))));
}

#[test]
fn an_end_that_does_not_come_or_comes_otherwise() {
    let case = daemon("0.2 signal term\n0.3 exit 0");
    turns_red(&case, Kind::Missing, |seen| seen.seen.clear());
    turns_red(&case, Kind::Differs, |seen| seen.seen[0].what = Sight::Exit(15));
    turns_red(&case, Kind::Early, |seen| seen.seen[0].at = TENTH);
    turns_red(&case, Kind::Late, |seen| seen.seen[0].at = seen.seen[0].at.after(TENTH));
    turns_red(&case, Kind::Unexpected, |seen| seen.see(Nanos(400_000_000), Sight::Exit(0)));
}

#[test]
fn an_end_that_nobody_expects() {
    let case = daemon("0 alice > tcp 7000 syn\nrun open alice");
    turns_red(&case, Kind::Unexpected, |seen| seen.see(TENTH, Sight::Exit(0)));
}

#[test]
fn a_crash_is_no_error_message() {
    let case = daemon("0 exit nonzero");
    turns_red(&case, Kind::Differs, |seen| seen.seen[0].what = Sight::Exit(0));
    turns_red(&case, Kind::Differs, |seen| seen.seen[0].what = Sight::Exit(134));
}

#[test]
fn an_end_with_any_status_must_still_come() {
    let case = daemon("0.2 signal term\n0.3 exit any");
    turns_red(&case, Kind::Missing, |seen| seen.seen.clear());
    turns_red(&case, Kind::Differs, |seen| seen.seen[0].what = Sight::Exit(139));
    turns_red(&case, Kind::Late, |seen| seen.seen[0].at = seen.seen[0].at.after(TENTH));
}

#[test]
fn a_second_daemon_that_stays() {
    let case = daemon("0.1 second\n0.2 second-exit 1");
    turns_red(&case, Kind::Missing, |seen| seen.seen.clear());
    turns_red(&case, Kind::Differs, |seen| seen.seen[0].what = Sight::SecondExit(0));
    turns_red(&case, Kind::Unexpected, |seen| seen.see(TENTH, Sight::Exit(1)));
}

#[test]
fn what_is_never_to_happen() {
    for (line, sight) in [
        ("never run open*", Sight::Run("open 192.0.2.11".to_owned())),
        ("never log *Stage*", Sight::Log("192.0.2.11: ssh: Stage 1".to_owned())),
        ("never syslog *Stage*", Sight::Syslog("<13>knockd: 192.0.2.11: ssh: Stage 1".to_owned())),
        ("never says *panicked*", Sight::Says("it panicked".to_owned())),
    ] {
        let case = daemon(&format!("0 alice > tcp 7000 syn\nmay run *\n{line}"));
        turns_red(&case, Kind::Forbidden, |seen| seen.see(TENTH, sight));
    }
}

#[test]
fn a_file_that_is_not_as_it_should_be() {
    let keys = "config = \"[ssh]\\none_time_sequences = /case/codes\"\nfiles = { codes = \" 1,2\\n\" }\ntexts = { used = \"#1,2\\n\" }";
    let spoil = |bytes: Option<&'static [u8]>| {
        move |seen: &mut Transcript| {
            seen.seen[0].what = Sight::File { name: "codes".to_owned(), bytes: bytes.map(<[u8]>::to_vec) };
        }
    };
    for line in ["file codes used", "file codes unchanged", "file codes exists"] {
        let case = case(keys, &format!("0 alice > tcp 1 syn\n{line}"));
        turns_red(&case, Kind::Differs, spoil(None));
        turns_red(&case, Kind::Missing, |seen| seen.seen.clear());
    }
    let case_used = case(keys, "0 alice > tcp 1 syn\nfile codes used");
    turns_red(&case_used, Kind::Differs, spoil(Some(b" 1,2\n")));
    turns_red(&case_used, Kind::Differs, spoil(Some(b"#1,2\n\n")));
    turns_red(&case(keys, "0 alice > tcp 1 syn\nfile codes unchanged"), Kind::Differs, spoil(Some(b"#1,2\n")));
    turns_red(&case(keys, "0 alice > tcp 1 syn\nfile codes gone"), Kind::Differs, spoil(Some(b" 1,2\n")));
}

#[test]
fn a_file_that_no_line_names_must_stay_as_it_was() {
    let keys = "config = \"[ssh]\\none_time_sequences = /case/codes\"\nfiles = { codes = \" 1,2\\n\" }";
    let case = case(keys, "0 alice > tcp 1 syn\nnever run *");
    turns_red(&case, Kind::Missing, |seen| seen.seen.clear());
    turns_red(&case, Kind::Differs, |seen| {
        seen.seen[0].what = Sight::File { name: "codes".to_owned(), bytes: Some(b"#1,2\n".to_vec()) };
    });
}

#[test]
fn a_client_that_sends_otherwise() {
    let case = case("client = \"server 7000 8000\"", "0 sent tcp 7000 syn\nsent tcp 8000 syn to server\nexit 0");
    let sent = |packet: &str| Sight::Sent(packet.to_owned());
    turns_red(&case, Kind::Missing, |seen| drop(seen.seen.remove(1)));
    turns_red(&case, Kind::Unexpected, |seen| seen.see(TENTH, sent("tcp 8000 syn to 192.0.2.1")));
    turns_red(&case, Kind::Differs, |seen| seen.seen[0].what = sent("udp 7000 to 192.0.2.1"));
    turns_red(&case, Kind::Differs, |seen| seen.seen[1].what = sent("tcp 8000 syn to 192.0.2.2"));
    let mut swapped = obey(&case);
    swapped.seen.swap(0, 1);
    assert_eq!(problems(&case, &swapped).len(), 2, "order is looked at");
}

#[test]
fn a_client_that_does_not_wait() {
    let case =
        case("client = \"-d 300 server 7000 8000\"", "0 sent tcp 7000 syn\npause 0.3\nsent tcp 8000 syn\nexit 0");
    turns_red(&case, Kind::Early, |seen| seen.seen[1].at = Nanos(299_999_999));
}
