//! The committed captures: they decide as they should, and all that stands beside them is in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use knockd::{
    clause::Clause,
    config::{Config, Style},
};
use knocksim::replay::{
    self, Options, Show, Streams,
    beside::{Sidecar, beside},
};
use serde_json::Value;

use crate::support::{captures, folder};

const KIB: u64 = 1024;

#[test]
fn every_capture_decides_as_its_expected() {
    let options = Options { check: true, show: Show::Nothing, ..Options::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams = Streams { out: &mut out, err: &mut err, style: Style::Plain, bar: false };
    let outcome = replay::run(&options, &captures(), &mut streams).unwrap();
    let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
    assert!(err.lines().all(|line| line.starts_with("knocksim: note: ")), "{err}");
    assert_eq!(outcome.status(), 0, "{out}");
    assert_eq!(out.matches(": as expected, ").count(), captures().len(), "{out}");
}

#[test]
fn there_are_enough_and_they_are_small() {
    let sizes: Vec<u64> = captures().iter().map(|path| fs::metadata(path).unwrap().len()).collect();
    assert!(sizes.len() >= 24, "{} captures", sizes.len());
    assert!(sizes.iter().all(|size| *size <= 64 * KIB), "{sizes:?}");
    assert!(sizes.iter().sum::<u64>() <= 4 * KIB * KIB, "{sizes:?}");
}

#[test]
fn every_sidecar_names_clauses_that_exist() {
    for capture in captures() {
        let name = capture.display();
        let sidecar = Sidecar::of(&capture).unwrap_or_else(|error| panic!("{error}"));
        let sidecar = sidecar.unwrap_or_else(|| panic!("{name} has no sidecar"));
        assert!(!sidecar.about.is_empty() && !sidecar.local.is_empty() && !sidecar.clauses.is_empty(), "{name}");
        let recorded = sidecar.recorded.unwrap_or_else(|| panic!("{name}: how was it recorded?"));
        assert!(!recorded.with.is_empty() && !recorded.how.is_empty(), "{name}: how was it recorded?");
        for id in sidecar.clauses.iter().chain(sidecar.differs.iter().map(|differs| &differs.clause)) {
            assert!(id.parse::<Clause>().is_ok_and(|clause| clause.id() == id), "{name} names {id}");
        }
        assert!(sidecar.differs.iter().all(|differs| !differs.how.is_empty()), "{name}: how does it differ?");
    }
}

#[test]
fn every_configuration_parses() {
    for capture in captures() {
        let path = beside(&capture, "conf");
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(Config::parse(&text).is_ok(), "{}", path.display());
    }
}

#[test]
fn nothing_stands_alone() {
    let stem = |path: &Path| path.file_name().unwrap().to_string_lossy().split('.').next().unwrap().to_owned();
    let known: BTreeSet<String> = captures().iter().map(|path| stem(path)).collect();
    assert_eq!(known.len(), captures().len(), "two captures share a name");
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if ["conf", "toml", "expected", "log", "sequences"].contains(&ending.as_str()) {
            assert!(known.contains(&stem(&path)), "{} belongs to no capture", path.display());
        }
    }
}

/// Together the captures show every kind of decision; only the bound on knocks would take too many packets (SEQ-10).
#[test]
fn every_kind_of_decision_is_shown() {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for capture in captures() {
        for line in fs::read_to_string(beside(&capture, "expected")).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            seen.entry(field("event")).or_default().insert(field("clause") + &field("job"));
        }
    }
    let seen: Vec<String> = seen.into_iter().map(|(event, kinds)| format!("{event}: {kinds:?}")).collect();
    let all = [
        r#"disable: {""}"#,
        r#"discard: {"ONCE-4", "SEQ-3"}"#,
        r#"open: {""}"#,
        r#"run: {"start", "stop"}"#,
        r#"spend: {""}"#,
        r#"stage: {""}"#,
        r#"timeout: {""}"#,
    ];
    assert_eq!(seen, all);
}
