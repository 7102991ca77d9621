//! Live mutants without a live world: their list, and what is made of what cases say about them.

use std::num::NonZeroUsize;

use crate::fake::{Fake, doors, obey};
use knock_conformance::{
    builtin,
    case::Case,
    clause::Level,
    mutants::{
        Fault,
        live::{self, Matrix},
        scripts::{Mistake, Scripts},
        uncovered,
    },
    subject::{Broken, Subject},
    transcript::Transcript,
};

/// A list of one mutant, which one of the cases of [`pair`] is to catch.
const ONE: &str = r#"
prelude = ""
[[mutant]]
name    = "stays-shut"
clause  = "SEQ-1"
text    = "the door stays shut"
case    = "one"
seen    = "missing run open *"
program = "knockd"
script  = 'exec "$real" "$@"'
"#;

fn read(text: &str) -> Scripts {
    Scripts::read(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The case `one`, which a model could carry, and `two`, which only live can.
fn pair() -> Vec<Case> {
    let mut cases = doors(&["one", "two"]);
    cases[1].shell = true;
    cases
}

#[test]
fn the_list_is_in_order() {
    let cases = builtin::cases().expect("the built-in cases");
    let mistakes: Vec<String> = Scripts::built_in().mistakes(&cases).iter().map(ToString::to_string).collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn what_is_wrong_with_a_list_is_told() {
    let mistakes = |text: &str| read(text).mistakes(&pair());
    let name = || "stays-shut".to_owned();
    assert_eq!(mistakes(ONE), []);
    let twice = format!("{ONE}{}", &ONE[ONE.find("[[").expect("a mutant")..]);
    assert_eq!(mistakes(&twice), [Mistake::NameTwice(name())]);
    let of_model = "no-comments";
    assert_eq!(mistakes(&ONE.replace("stays-shut", of_model)), [Mistake::NameTwice(of_model.to_owned())]);
    let no_clause = [Mistake::NoClause(name(), "SEQ-1000".to_owned()), Mistake::NoCase(name(), "one".to_owned())];
    assert_eq!(mistakes(&ONE.replace("SEQ-1", "SEQ-1000")), no_clause);
    assert_eq!(mistakes(&ONE.replace("\"$real\"", "true")), [Mistake::StartsNothing(name())]);
    let no_case = |case: &str| [Mistake::NoCase(name(), case.to_owned())];
    assert_eq!(mistakes(&ONE.replace("\"one\"", "\"three\"")), no_case("three"), "there is no such case");
    assert_eq!(mistakes(&ONE.replace("SEQ-1", "SEQ-2")), no_case("one"), "it is about another clause");
    assert_eq!(mistakes(&ONE.replace("\"knockd\"", "\"knock\"")), no_case("one"), "it is about no client");
    let idle = |case: &str| format!("{ONE}[[idle]]\ncase = \"{case}\"\nreason = \"It is young.\"\n");
    assert_eq!(mistakes(&idle("tw*")), []);
    assert_eq!(mistakes(&idle("on*")), [Mistake::NoIdleCase("on*".to_owned())], "the model could carry it");
    for key in ["name", "clause", "text", "case", "seen", "program", "script"] {
        let without: String =
            ONE.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect();
        assert!(Scripts::read(&without).is_err(), "without {key}");
    }
    assert!(Scripts::read(&format!("{ONE}retries = 3\n")).is_err());
    assert!(Scripts::read(&format!("{ONE}[[idle]]\ncase = \"two\"\n")).is_err(), "an excuse needs a reason");
}

/// Of the model and of real programs together there is a mutant for each clause.
#[test]
fn no_clause_is_without_a_mutant() {
    for level in [Level::Must, Level::Should] {
        let uncovered = uncovered(level, &Scripts::built_in());
        assert!(uncovered.is_empty(), "{uncovered:?}");
    }
    let without = uncovered(Level::Must, &read("prelude = \"\"\nmutant = []\n"));
    assert_eq!(without, ["CMD-9", "LOG-3", "KNOCK-1", "KNOCK-2", "KNOCK-3"], "what a model cannot show");
}

/// What the cases of [`pair`] say about an unbroken program and a broken one for each mutant.
fn matrix(list: &str, unbroken: &Fake, broken: &[Fake], whole: bool) -> Result<Vec<Fault>, Broken> {
    let (cases, scripts) = (pair(), read(list));
    let broken: Vec<&dyn Subject> = broken.iter().map(|fake| -> &dyn Subject { fake }).collect();
    let jobs = NonZeroUsize::new(2).expect("not 0");
    let matrix: Matrix<'_> = live::matrix(&cases, &scripts, unbroken, &broken, whole, jobs, &|| {})?;
    Ok(matrix.faults())
}

fn faults(list: &str, unbroken: &Fake, broken: Fake) -> Vec<String> {
    let faults = matrix(list, unbroken, &[broken], false).unwrap_or_else(|error| panic!("{error}"));
    faults.iter().map(ToString::to_string).collect()
}

/// Does what a case expects, and nothing in the case of this id.
fn fails(id: &'static str) -> Fake {
    Fake::that(move |case| Ok(if case.id == id { Transcript::default() } else { obey(case) }))
}

#[test]
fn a_mutant_that_its_case_catches_is_no_fault() {
    assert!(faults(ONE, &Fake::obedient(), Fake::idle()).is_empty());
}

#[test]
fn a_mutant_that_its_case_does_not_notice_is_a_fault_whoever_else_does() {
    let missed = "case `one` does not notice mutant `stays-shut`: the door stays shut";
    assert_eq!(faults(ONE, &Fake::obedient(), fails("two")), [missed]);
}

#[test]
fn a_mutant_that_is_caught_for_another_reason_is_a_fault() {
    let otherwise = faults(&ONE.replace("missing run", "late run"), &Fake::obedient(), Fake::idle());
    assert_eq!(otherwise.len(), 1);
    assert!(otherwise[0].contains("for another reason than is given") && otherwise[0].contains("missing: run open"));
}

#[test]
fn a_case_that_catches_nobody_is_a_fault_unless_a_reason_is_given() {
    let idle = "case `two` catches no mutant, and live-mutants.toml does not say why";
    assert_eq!(faults(ONE, &Fake::obedient(), fails("one")), [idle]);
    let excused = format!("{ONE}[[idle]]\ncase = \"two\"\nreason = \"It is young.\"\n");
    assert!(faults(&excused, &Fake::obedient(), fails("one")).is_empty());
    let stale = "`two` in live-mutants.toml fits no case that catches no mutant";
    assert_eq!(faults(&excused, &Fake::obedient(), Fake::idle()), [stale]);
}

#[test]
fn a_program_that_is_broken_already_shows_nothing() {
    let told = faults(ONE, &Fake::idle(), Fake::idle());
    assert_eq!(told.iter().filter(|fault| fault.contains("fails the unbroken program")).count(), 2);
    assert!(told.iter().any(|fault| fault.contains("does not notice mutant")));
}

#[test]
fn a_failure_in_a_disturbed_world_catches_nobody() {
    let disturbed = |fake: Fake| Fake { disturbed: true, ..fake };
    for whole in [false, true] {
        assert!(matrix(ONE, &disturbed(Fake::idle()), &[Fake::idle()], whole).is_err(), "the unbroken program");
        assert!(matrix(ONE, &Fake::obedient(), &[disturbed(Fake::idle())], whole).is_err(), "the case that it names");
        assert!(matrix(ONE, &Fake::obedient(), &[disturbed(fails("two"))], whole).is_err(), "the only one there is");
    }
    let two = format!("{ONE}{}", &ONE[ONE.find("[[").expect("a mutant")..].replace("stays-shut", "again"));
    let second = |fake: Fake, whole| matrix(&two, &Fake::obedient(), &[disturbed(fake), Fake::idle()], whole);
    assert!(second(fails("one"), false).is_err(), "the case that the first names");
    // Without the case that names it the first catches nobody, and the second shows what it does not.
    assert!(second(fails("two"), false).is_ok_and(|faults| faults.len() == 1));
    assert!(second(fails("two"), true).is_err(), "the whole matrix has no hole");
}

#[test]
fn a_broken_world_is_no_catch() {
    let broken = || Fake::that(|_| Err(Broken("no permission".to_owned())));
    assert!(matrix(ONE, &broken(), &[Fake::idle()], false).is_err());
    assert!(matrix(ONE, &Fake::obedient(), &[broken()], false).is_err());
    let lacks = Fake { lacks: knock_conformance::ability::Ability::ALL.to_vec(), ..Fake::obedient() };
    assert!(matrix(ONE, &lacks, &[Fake::idle()], false).is_err(), "the case that the mutant names is not for it");
}
