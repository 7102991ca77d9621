//! The list of mutants that no test can catch names code that is there, and hides nothing else.
#![expect(clippy::disallowed_methods, reason = "this test reads the project's own files")]

use std::{collections::BTreeSet, fs, path::Path};

/// One entry of `exclude_re`, which has this form: `FILE:.*: replace OLD with NEW in FUNCTION$`.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    file: String,
    old: String,
    new: String,
    function: String,
}

impl Entry {
    fn read(pattern: &str) -> Option<Self> {
        let text: String = pattern.strip_suffix('$')?.chars().filter(|letter| *letter != '\\').collect();
        let (file, mutation) = text.split_once(":.*: replace ")?;
        let (old, rest) = mutation.split_once(" with ")?;
        let (new, function) = rest.split_once(" in ")?;
        let plain = |text: &str| text.chars().all(|letter| letter.is_alphanumeric() || "_:".contains(letter));
        let operator = |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_punctuation());
        (plain(function) && operator(old) && operator(new)).then(|| Self {
            file: file.to_owned(),
            old: old.to_owned(),
            new: new.to_owned(),
            function: function.to_owned(),
        })
    }

    /// What is wrong with the entry, if anything is.
    fn fault(&self, code: &str) -> Option<String> {
        let Self { file, old, function, .. } = self;
        let Some(body) = body(code, function) else { return Some(format!("{file} has no function {function}")) };
        let times = body.matches(&format!(" {old} ")).count();
        (times != 1)
            .then(|| format!("`{old}` stands {times} times in {function} of {file}, and has to stand there once"))
    }
}

/// The text of the only function of this name, up to the brace that closes it: the first one as far to the left as it is.
fn body<'a>(code: &'a str, function: &str) -> Option<&'a str> {
    let name = function.rsplit("::").next()?;
    let lines = |line: &str| {
        let words: Vec<_> = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
        !line.trim_start().starts_with("//") && words.windows(2).any(|pair| pair == ["fn", name])
    };
    let mut found = code.split_inclusive('\n').filter(|line| lines(line));
    let (first, None) = (found.next()?, found.next()) else { return None };
    let start = first.as_ptr().addr() - code.as_ptr().addr();
    let indent = &first[..first.len() - first.trim_start().len()];
    let length = code[start..].find(&format!("\n{indent}}}\n"))?;
    Some(&code[start..start + length])
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn strings(key: &str) -> Vec<String> {
    let table: toml::Table = toml::from_str(&read(".cargo/mutants.toml")).expect("it is TOML");
    let list = table[key].as_array().unwrap_or_else(|| panic!("{key} is a list"));
    list.iter().map(|entry| entry.as_str().expect("a string").to_owned()).collect()
}

#[test]
fn each_excluded_mutant_is_of_code_that_is_there_and_hides_no_other() {
    let patterns = strings("exclude_re");
    let mut seen = BTreeSet::new();
    for pattern in &patterns {
        let entry = Entry::read(pattern).unwrap_or_else(|| panic!("`{pattern}` has another form"));
        assert_eq!(entry.fault(&read(&entry.file)), None, "{pattern}");
        assert!(seen.insert(pattern), "{pattern} stands there twice");
    }
}

#[test]
fn each_excluded_mutant_has_a_reason_above_it() {
    let text = read(".cargo/mutants.toml");
    let (_, list) = text.split_once("exclude_re = [").expect("the list");
    let mut reason = false;
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let comment = line.starts_with('#');
        assert!(comment || reason || line == "]", "{line} has no reason above it");
        reason |= comment;
    }
}

/// A pattern that fits nothing would be passed over without a word, and so would a test that is gone.
#[test]
fn each_examined_file_and_each_test_is_there() {
    for glob in strings("examine_globs").iter().chain(&strings("exclude_globs")) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(glob.trim_end_matches("*.rs"));
        assert!(path.exists(), "{glob}");
        assert!(path.is_dir() == glob.ends_with("/*.rs"), "{glob}");
    }
    let tests = strings("additional_cargo_args");
    for test in tests.iter().filter_map(|argument| argument.strip_prefix("--test=")) {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        assert!(tests.join(test).join("main.rs").is_file() || tests.join(format!("{test}.rs")).is_file(), "{test}");
    }
}

#[test]
fn a_stale_entry_would_be_seen() {
    let entry = |pattern: &str| Entry::read(pattern).expect("an entry");
    let code = "fn other() {\n    1 > 2\n}\n\nfn few(a: u8) -> bool {\n    // Not ( > ).\n    a > 1 && a < 3\n}\n\nfn many() {\n    1 < 2 < 3\n}\n";
    let fault = |mutation: &str| entry(&format!(r"a\.rs:.*: {mutation}$")).fault(code);
    assert_eq!(fault("replace < with == in few"), None);
    assert_eq!(fault(r"replace && with \|\| in Some::few"), None);
    assert!(fault("replace > with < in few").is_some(), "twice, the comment counted");
    assert!(fault("replace < with > in many").is_some(), "twice");
    assert!(fault("replace - with + in few").is_some(), "not at all");
    assert!(fault("replace < with > in gone").is_some(), "no such function");
    assert_eq!(entry(r"src/a\.rs:.*: replace \| with \^ in f$").file, "src/a.rs");
    for wrong in [
        "in f",
        r"a\.rs:.*: replace f -> bool with true$",
        r"a\.rs:.*: replace < with > in .*$",
        r"a\.rs:.*: replace < with > in f",
    ] {
        assert_eq!(Entry::read(wrong), None, "{wrong}");
    }
}
