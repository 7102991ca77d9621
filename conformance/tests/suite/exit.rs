//! Every rule of the exit status, on the report and on the program itself.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use crate::fake::{Fake, doors};
use knock_conformance::{status::Status, subject::Broken, transcript::Transcript};

const KNOWN: &str = "[[deviation]]\ncase = \"one\"\nclause = \"SEQ-1\"\ndid = \"missing run open 192.0.2.11\"\nreason = \"It is idle.\"\n";

#[test]
fn all_as_expected_is_0() {
    assert_eq!(Fake::obedient().judged(&doors(&["one", "two"]), "").verdict() as u8, 0);
    assert_eq!(Fake::idle().judged(&doors(&["one"]), KNOWN).verdict() as u8, 0);
}

#[test]
fn a_failure_or_a_ledger_that_is_not_true_is_1() {
    assert_eq!(Fake::idle().judged(&doors(&["one"]), "").verdict() as u8, 1);
    assert_eq!(Fake::obedient().judged(&doors(&["one"]), KNOWN).verdict() as u8, 1);
}

#[test]
fn nobody_judged_is_2() {
    assert_eq!(Fake::obedient().judged(&[], "").verdict() as u8, 2);
}

#[test]
fn a_broken_world_is_3_and_beats_a_failure() {
    let fake =
        Fake::that(
            |case| {
                if case.id == "one" { Err(Broken("no permission".to_owned())) } else { Ok(Transcript::default()) }
            },
        );
    assert_eq!(fake.judged(&doors(&["one"]), "").verdict() as u8, 3);
    assert_eq!(fake.judged(&doors(&["one", "two"]), "").verdict(), Status::WorldBroke);
}

/// A disturbed world excuses nobody: no failure becomes a pass, and none is blamed on the subject.
#[test]
fn a_failure_in_a_disturbed_world_is_3() {
    let disturbed = |fake: Fake| Fake { disturbed: true, ..fake };
    assert_eq!(disturbed(Fake::idle()).judged(&doors(&["one"]), "").verdict(), Status::WorldBroke);
    assert_eq!(disturbed(Fake::obedient()).judged(&doors(&["one"]), "").verdict(), Status::AsExpected);
    assert_eq!(disturbed(Fake::idle()).judged(&doors(&["one"]), KNOWN).verdict(), Status::AsExpected);
    let otherwise = KNOWN.replace("missing run", "late run");
    let report = disturbed(Fake::idle()).judged(&doors(&["one"]), &otherwise);
    assert_eq!((report.verdict(), report.complaints.len()), (Status::WorldBroke, 0));
    let passes = disturbed(Fake::obedient()).judged(&doors(&["one"]), KNOWN);
    assert_eq!(passes.verdict(), Status::Failed, "an entry that no longer fails is told all the same");
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }

    fn program(&self, arguments: &[&str]) -> Output {
        let program =
            Command::new(env!("CARGO_BIN_EXE_knock-conformance")).args(arguments).current_dir(self.0.path()).output();
        program.expect("the program runs")
    }

    #[track_caller]
    fn ends(&self, status: i32, arguments: &[&str]) -> String {
        let output = self.program(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        said
    }
}

pub(crate) fn example() -> String {
    let text = include_str!("../../FORMAT.md");
    let (_, rest) = text.split_once("```toml\n").expect("an example");
    rest.split_once("```").expect("which ends").0.to_owned()
}

#[test]
fn wrong_use_is_2() {
    let place = Place::new();
    place.file("mine.toml", &example().replace("about ", "abuot "));
    for arguments in [
        &["run", "--no-such-option"][..],
        &["run", "--only", "no-such-case"],
        &["run", "no-such-file.toml"],
        &["run", "mine.toml"],
        &["run", "--ledger", "no-such-ledger", "--only", "SEQ-1"],
        &["run", "--subject", "nobody"],
        &["show", "no-such-case"],
        &["table", "no-such-report.json"],
        &["ledger", "--update"],
        &["diff", "nobody", "nobody"],
        &[],
    ] {
        place.ends(2, arguments);
    }
}

#[cfg(feature = "replay")]
mod program {
    use super::{Place, example, fs};

    #[test]
    fn the_worked_example_passes_and_spoiled_it_fails() {
        let place = Place::new();
        place.file("mine.toml", &example());
        place.file("spoiled.toml", &example().replace("tcp 22   ack", "tcp 22   syn"));
        place.ends(0, &["run", "mine.toml"]);
        let said = place.ends(
            1,
            &["run", "spoiled.toml", "--keep", "kept", "--json", "a.json", "--junit", "a.xml", "--html", "a.html"],
        );
        assert!(said.contains("missing: run open") && said.contains("spoiled.toml:12"), "{said}");
        let kept = place.0.path().join("kept/flags-mismatch-is-ignored");
        for name in ["packets.pcap", "knockd.conf", "log", "transcript", "timeline", "problems"] {
            assert!(kept.join(name).is_file(), "{name} is kept");
        }
        assert!(fs::read_to_string(kept.join("problems")).expect("text").contains("missing: run open 192.0.2.11"));
        assert!(fs::read_to_string(kept.join("transcript")).expect("text").contains("log 192.0.2.11: ssh: Stage 1"));
        assert!(fs::metadata(kept.join("packets.pcap")).expect("a file").len() > 24, "more than a header");
        place.ends(0, &["report", "--html", "b.html", "a.json"]);
        place.ends(0, &["table", "a.json"]);
    }

    #[test]
    fn a_stale_ledger_is_1_and_an_update_of_a_part_is_refused() {
        let place = Place::new();
        place.file("mine.toml", &example());
        let entry =
            "[[deviation]]\ncase = \"flags-mismatch-is-ignored\"\nclause = \"FLAGS-3\"\ndid = \"x\"\nreason = \"y\"\n";
        place.file("ledger.toml", entry);
        assert!(place.ends(1, &["run", "mine.toml", "--ledger", "ledger.toml"]).contains("it passes"));
        let said = place.ends(2, &["ledger", "--update", "--ledger", "ledger.toml", "--only", "SEQ-1"]);
        assert!(said.contains("a run of all"), "{said}");
        assert!(
            place.ends(2, &["ledger", "--update", "--ledger", "ledger.toml", "mine.toml"]).contains("a run of all")
        );
        assert_eq!(fs::read_to_string(place.0.path().join("ledger.toml")).expect("text"), entry, "it stays as it is");
    }

    #[test]
    fn a_table_that_is_out_of_date_is_1() {
        let place = Place::new();
        place.file("mine.toml", &example());
        place.file("README.md", "<!-- support: begin, made by `knock-conformance table` -->\n<!-- support: end -->\n");
        place.ends(0, &["run", "mine.toml", "--json", "a.json"]);
        assert!(place.ends(1, &["table", "a.json", "--check", "README.md"]).contains("line "));
        place.ends(0, &["table", "a.json", "--write", "README.md"]);
        place.ends(0, &["table", "a.json", "--check", "README.md"]);
        place.file("README.md", "no markers\n");
        place.ends(2, &["table", "a.json", "--check", "README.md"]);
    }

    #[test]
    fn two_runs_that_part_are_1() {
        let place = Place::new();
        place.file("mine.toml", &example());
        place.ends(0, &["run", "mine.toml", "--json", "a.json"]);
        let report = fs::read_to_string(place.0.path().join("a.json")).expect("a report");
        place.file("b.json", &report.replace("open 192.0.2.11", "open 192.0.2.12"));
        place.ends(0, &["diff", "a.json", "replay", "mine.toml"]);
        let said = place.ends(1, &["diff", "a.json", "b.json", "mine.toml"]);
        assert!(said.contains("open 192.0.2.11") && said.contains("open 192.0.2.12"), "{said}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_world_that_breaks_before_the_first_case_is_3() {
        let place = Place::new();
        place.file("mine.toml", &example());
        let said = place.ends(3, &["run", "mine.toml", "--subject", "original", "--daemon", "/no/such/daemon"]);
        assert!(said.contains("/no/such/daemon"), "{said}");
    }
}
