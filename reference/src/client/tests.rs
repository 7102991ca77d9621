//! What command lines mean, and what they cannot mean.

use std::{collections::VecDeque, num::NonZeroU16};

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    course::{Hands, Heard, Manner, Verify, follow},
    *,
};

fn words(text: &str) -> Vec<&str> {
    text.split(' ').filter(|word| !word.is_empty()).map(|word| if word == "''" { "" } else { word }).collect()
}

fn plan(text: &str) -> Plan {
    Plan::parse(&words(text), false).expect(text)
}

fn errors(text: &str) -> String {
    let errors = Plan::parse(&words(text), false).expect_err(text);
    assert!(!errors.is_empty());
    errors.iter().map(|error| format!("{error}\n")).collect()
}

#[test]
fn what_the_format_allows_is_read() {
    for (given, read) in [
        ("gate 7000 8000:udp 9000:TCP", "gate 7000 8000:udp 9000"),
        ("192.0.2.1 1 065535:Udp", "192.0.2.1 1 65535:udp"),
        ("[2001:db8::1] 7000", "2001:db8::1 7000"),
        ("fe80::1%eth0 7000", "fe80::1%eth0 7000"),
        ("gate pause 7000 pause:0 8000 PAUSE:250", "gate pause:1000 7000 pause:0 8000 pause:250"),
        ("gate 7000 -- 2001:db8::7 9000:udp -- c 1", "gate 7000 -- 2001:db8::7 9000:udp -- c 1"),
        ("127.1 80", "127.1 80"),
    ] {
        assert_eq!(plan(given).to_string(), read, "{given}");
    }
    let udp = Plan::parse(&["a", "7000:tcp", "8000", "--", "b", "9"], true).expect("a plan");
    assert_eq!(udp.to_string(), "a 7000:udp 8000:udp -- b 9:udp");
}

#[test]
fn every_wrong_word_is_told_with_what_belongs_there() {
    let mut all = String::new();
    for given in [
        "",
        "gate",
        "gate pause",
        "gate 7000 --",
        "gate -- other 1",
        "-- gate 7000",
        "'' 7000",
        "7000 8000",
        "gate:7000 8000",
        "a@gate 7000",
        "[gate] 7000",
        "fe80::1% 7000",
        "gate%eth0 7000",
        "gate 0",
        "gate 65536",
        "gate 99999999999999999999",
        "gate ''",
        "gate abc",
        "gate -v",
        "gate 8000x",
        "gate 7000-7010",
        "gate 7000,8000",
        "gate :udp",
        "gate 80:",
        "gate 80:tpc",
        "gate 80:tcp:udp",
        "gate 0:udp",
        "gate 7000 pause:",
        "gate 7000 pause:1.5",
        "gate 7000 pause:-1",
        "gate 7000 pause:4294967296",
        "7000 0 x -- -- b 80:sctp",
    ] {
        all += &format!(
            "knock {given}\n{}",
            errors(given).lines().map(|line| format!("    {line}\n")).collect::<String>()
        );
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_first_address_of_the_family_is_taken() {
    let has: Vec<SocketAddr> = ["[2001:db8::1]:0", "192.0.2.1:0", "192.0.2.2:0", "[2001:db8::2]:0"]
        .iter()
        .map(|text| text.parse().expect("an address"))
        .collect();
    assert_eq!(Family::Any.choose(&has), Some(has[0]));
    assert_eq!(Family::V4.choose(&has), Some(has[1]));
    assert_eq!(Family::V6.choose(&has[1..]), Some(has[3]));
    assert_eq!(Family::V6.choose(&has[1..3]), None);
    assert_eq!(Family::Any.choose(&[]), None);
}

#[test]
fn an_address_is_shown_as_the_user_knows_it() {
    for (address, host, text) in [
        ("192.0.2.1:0", "gate", "192.0.2.1:7000"),
        ("[2001:db8::1]:0", "[2001:db8::1]", "2001:db8::1:7000"),
        ("[fe80::1%3]:0", "fe80::1%eth0", "fe80::1%eth0:7000"),
    ] {
        let address: SocketAddr = address.parse().expect("an address");
        assert_eq!(shown(&address, &host.parse().expect("a host"), 7000), text);
        assert!(!lacks_zone(&address));
    }
    assert!(lacks_zone(&"[fe80::1]:0".parse().expect("an address")));
}

/// Writes down what is done; doors open as told.
struct Script {
    done: Vec<String>,
    answers: VecDeque<Heard>,
    /// How many hits can be sent.
    hits: usize,
}

impl Hands for Script {
    type Error = String;

    fn hit(&mut self, call: usize, port: Port) -> Result<(), String> {
        self.hits = self.hits.checked_sub(1).ok_or("no more")?;
        self.done.push(format!("{call}!{port}"));
        Ok(())
    }

    fn wait(&mut self, time: Duration) {
        self.done.push(format!("+{}", time.as_millis()));
    }

    fn connect(&mut self, call: usize, port: NonZeroU16, timeout: Duration) -> Heard {
        self.done.push(format!("{call}?{port}/{}", timeout.as_millis()));
        self.answers.pop_front().expect("an answer")
    }
}

fn verify(tries: u32) -> Option<Verify> {
    Some(Verify { port: NonZeroU16::MIN, tries, timeout: Duration::from_millis(900) })
}

fn done(
    text: &str,
    delay: u64,
    verify: Option<Verify>,
    followed: bool,
    answers: &[Heard],
) -> (String, Vec<Option<Heard>>) {
    let manner = Manner { delay: Duration::from_millis(delay), verify, followed };
    let mut script = Script { done: Vec::new(), answers: answers.iter().copied().collect(), hits: usize::MAX };
    let heard = follow(&plan(text), &manner, &mut script).expect("nothing fails");
    assert!(script.answers.is_empty(), "{:?}", script.answers);
    (script.done.join(" "), heard)
}

#[test]
fn hits_go_out_in_order_with_the_delay_between_them() {
    let plain = |text, delay| done(text, delay, None, false, &[]).0;
    assert_eq!(plain("a 7000 8000:udp 9000", 100), "0!7000 +100 0!8000:udp +100 0!9000");
    assert_eq!(plain("a 7000 8000", 0), "0!7000 0!8000");
    assert_eq!(plain("a 7 8 -- b 9 -- c 1", 5), "0!7 +5 0!8 +5 1!9 +5 2!1");
    assert_eq!(done("a 7 8", 5, None, true, &[]).0, "0!7 +5 0!8 +5", "what follows waits, too");
    assert_eq!(done("a 7 pause:9", 5, None, true, &[]).0, "0!7 +9");
}

#[test]
fn a_pause_stands_in_the_place_of_the_delay() {
    let plain = |text, delay| done(text, delay, None, false, &[]).0;
    assert_eq!(plain("a pause:7 1 pause:500 2 3", 100), "+7 0!1 +500 0!2 +100 0!3");
    assert_eq!(plain("a 1 pause:500 pause:1 2", 100), "0!1 +501 0!2");
    assert_eq!(plain("a 1 pause:0 2", 100), "0!1 0!2");
    assert_eq!(plain("a 1 pause:20 -- b pause:5 2", 100), "0!1 +25 1!2", "pauses on both sides of a new host add up");
}

#[test]
fn a_door_is_knocked_on_until_it_opens() {
    use Heard::{Open, Refused, Silent};
    let (what, heard) = done("a 7 8", 5, verify(3), true, &[Silent, Open]);
    assert_eq!(what, "0!7 +5 0!8 +5 0?1/900 +5 0!7 +5 0!8 +5 0?1/900");
    assert_eq!(heard, [Some(Open)]);
    let (what, heard) = done("a 7", 0, verify(2), false, &[Silent, Refused]);
    assert_eq!(what, "0!7 0?1/900 0!7 0?1/900");
    assert_eq!(heard, [Some(Refused)]);
    let (what, heard) = done("a 7 -- b 8", 5, verify(1), false, &[Silent, Open]);
    assert_eq!(what, "0!7 +5 0?1/900 +5 1!8 +5 1?1/900", "the second host has its turn");
    assert_eq!(heard, [Some(Silent), Some(Open)]);
    assert_eq!(done("a 7", 5, verify(0), false, &[Open]).0, "0!7 +5 0?1/900");
}

#[test]
fn nothing_is_sent_after_a_hit_that_could_not_be_sent() {
    let manner = Manner { delay: Duration::ZERO, verify: verify(3), followed: true };
    let mut script = Script { done: Vec::new(), answers: VecDeque::new(), hits: 1 };
    assert_eq!(follow(&plan("a 7 8 9 -- b 1"), &manner, &mut script), Err("no more".to_owned()));
    assert_eq!(script.done, ["0!7"]);
}

fn a_plan() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "[a-z][a-z0-9.-]{0,12}",
        any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
        any::<Ipv6Addr>().prop_map(|ip| ip.to_string()),
        any::<Ipv6Addr>().prop_map(|ip| format!("[{ip}]")),
        (any::<u16>(), "[a-z]{1,5}[0-9]").prop_map(|(part, zone)| format!("fe80::{part:x}%{zone}")),
    ];
    let hit = (1_u16.., select(vec!["", ":tcp", ":UDP"])).prop_map(|(port, protocol)| format!("{port}{protocol}"));
    let step = prop_oneof![8 => hit.clone(), 1 => Just("pause".to_owned()), 1 => any::<u32>().prop_map(|time| format!("pause:{time}"))];
    let call = (host, vec(step, 0..4), hit).prop_map(|(host, steps, hit)| {
        let steps = steps.into_iter().chain([hit]).collect::<Vec<_>>();
        format!("{host} {}", steps.join(" "))
    });
    vec(call, 1..4).prop_map(|calls| calls.join(" -- "))
}

/// Words of which some mean something.
fn any_words() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        select(vec![
            "gate",
            "7000",
            "8000:udp",
            "--",
            "pause",
            "pause:5",
            "80:",
            "0",
            "-4",
            "::1",
            "fe80::1%lo",
            "[::1]"
        ])
        .prop_map(str::to_owned),
        "[0-9a-f:%\\[\\]pause.-]{0,8}",
        ".{0,6}",
    ];
    vec(word, 0..9)
}

proptest! {
    #[test]
    fn a_plan_is_printed_back_and_read_alike(text in a_plan()) {
        let first = Plan::parse(&words(&text), false).map_err(|errors| TestCaseError::fail(format!("{errors:?}")))?;
        let printed = first.to_string();
        let second = Plan::parse(&words(&printed), false).map_err(|errors| TestCaseError::fail(format!("{errors:?}")))?;
        prop_assert_eq!(&second, &first);
        prop_assert_eq!(second.to_string(), printed);
    }

    #[test]
    fn any_words_are_a_plan_or_are_told(given in any_words()) {
        match Plan::parse(&given, false) {
            Ok(plan) => {
                prop_assert_eq!(Plan::parse(&words(&plan.to_string()), false), Ok(plan.clone()));
                prop_assert!(plan.calls().iter().all(|call| call.steps.iter().any(|step| matches!(step, Step::Hit(_)))));
            }
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    let text = error.to_string();
                    prop_assert!(text.contains("; expected ") && !text.contains(char::is_control), "{:?}", text);
                }
            }
        }
    }
}
