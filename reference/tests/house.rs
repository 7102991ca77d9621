//! The house keeps its shape: which module may use which, what stands at the top level, where unsafe code may stand.
#![expect(clippy::disallowed_methods, reason = "this test reads the project's own files")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The library's modules, lowest first: a module may use those above it in this list and no other.
const LAYERS: [&str; 24] = [
    "quote",
    "clause",
    "flags",
    "port",
    "time",
    "sequence",
    "wire",
    "config",
    "one_time",
    "knock",
    "summary",
    "knocks",
    "repeats",
    "deadlines",
    "event",
    "job",
    "log_limit",
    "engine",
    "client",
    "cli",
    "send",
    "daemon",
    "lib",
    "bin",
];

/// What may stand at the top level, dot-files and git's own folder apart.
const TOP: [&str; 12] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "captures",
    "conformance",
    "reference",
    "sim",
    "target",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All Rust files below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text without comments, which may point anywhere.
fn code(path: &Path) -> String {
    read(path).lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The modules of the crate that a text names, in `crate::name` and `use crate::{name, name::...}`.
fn used(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut begins = true;
        for (place, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                _ if begins && c.is_alphabetic() => {
                    names.insert(word(&list[place..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    names
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let src = root().join("reference/src");
    let layer = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let mut arrows = 0;
    for path in sources(&src) {
        let inside = path.strip_prefix(&src).expect("it was found there");
        let first = inside.components().next().expect("it has a name").as_os_str().to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs");
        let own = layer(module).unwrap_or_else(|| panic!("{module} has no place among the layers"));
        for name in used(&code(&path)) {
            let Some(other) = layer(&name) else { continue };
            assert!(other <= own, "{} uses {name}, which lies above {module}", path.display());
            arrows += usize::from(other != own);
        }
    }
    assert!(arrows > 20, "only {arrows} uses were seen: the reading of `use` lines must be wrong");
}

#[test]
fn an_arrow_upwards_would_be_seen() {
    let names = used("use crate::{clause::Clause, engine::{Engine, Input}, time};\nlet x = crate::wire::decode(f);");
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["clause", "engine", "time", "wire"]);
}

#[test]
fn packages_depend_downwards() {
    let ours = ["knockd", "knocksim", "mapped", "knock-conformance", "knock-benches"];
    let packages = [
        ("reference", &[][..]),
        ("reference/fuzz", &["knockd"]),
        ("sim/mapped", &[]),
        ("sim", &["knockd", "mapped"]),
        ("conformance", &["knockd", "knocksim"]),
    ];
    for (package, allowed) in packages {
        let manifest = read(&root().join(package).join("Cargo.toml"));
        let (_, dependencies) = manifest.split_once("[dependencies]").expect("it has dependencies");
        for name in ours {
            let depends = dependencies.lines().any(|line| line.split(['.', ' ']).next() == Some(name));
            assert_eq!(depends, allowed.contains(&name), "{package} on {name}");
        }
    }
}

/// A suite that could look into the implementation that it judges would prove nothing.
#[test]
fn the_suite_sees_this_implementation_only_as_a_subject() {
    let src = root().join("conformance/src");
    let mut subjects = 0;
    for path in sources(&src) {
        let code = code(&path);
        let sees = ["knockd::", "knocksim::"].iter().any(|name| {
            code.match_indices(name).any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        });
        let is_subject = path.starts_with(src.join("subjects/replay"));
        assert!(!sees || is_subject, "{} sees the implementation", path.display());
        subjects += usize::from(sees);
    }
    assert!(subjects > 0, "no use was seen: the reading must be wrong");
    let manifest = read(&root().join("conformance/Cargo.toml"));
    for name in ["knockd", "knocksim"] {
        assert!(manifest.contains(&format!("{name} = {{ workspace = true, optional = true }}")), "{name} is no option");
    }
}

#[test]
fn the_top_level_is_fixed() {
    for entry in fs::read_dir(root()).expect("the project is there") {
        let name = entry.expect("its entries can be read").file_name().to_string_lossy().into_owned();
        assert!(name.starts_with('.') || TOP.contains(&name.as_str()), "{name} does not belong at the top level");
    }
}

#[test]
fn unsafe_code_stands_in_small_crates() {
    let small = [
        "sim/mapped",
        "reference/libpcap",
        "conformance/preload",
        "conformance/preload/names",
        "conformance/preload/pcap",
        "conformance/preload/process",
    ];
    let lints = read(&root().join("Cargo.toml"));
    assert!(lints.contains("\nundocumented_unsafe_blocks = "), "clippy asks no reason of a block of unsafe code");
    for package in small {
        let manifest = read(&root().join(package).join("Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{package} has lints of its own");
    }
    let small = small.map(|package| root().join(package).join("src/lib.rs"));
    for folder in ["reference", "sim", "benches", "conformance"] {
        for path in sources(&root().join(folder)) {
            let is_small = small.iter().any(|file| path.canonicalize().ok() == file.canonicalize().ok());
            let has = code(&path).split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
            // This file says the word in order to look for it.
            assert!(!has || is_small || path.ends_with("house.rs"), "{} has unsafe code", path.display());
        }
    }
    for file in &small {
        assert!(read(file).lines().count() < 100, "{} has unsafe code and is to stay under 100 lines", file.display());
    }
    let safe = [
        "reference/src/lib.rs",
        "sim/src/lib.rs",
        "sim/src/main.rs",
        "benches/src/lib.rs",
        "conformance/src/lib.rs",
        "conformance/src/main.rs",
        "conformance/preload/world/src/lib.rs",
    ];
    for root_file in safe {
        assert!(read(&root().join(root_file)).contains("#![forbid(unsafe_code)]"), "{root_file} does not forbid it");
    }
}

#[test]
fn generated_and_recorded_files_are_small() {
    let mut total = 0;
    for entry in fs::read_dir(root().join("captures")).expect("the captures are there") {
        let entry = entry.expect("its entries can be read");
        let length = entry.metadata().expect("it has a length").len();
        assert!(length <= 64 * 1024, "{} is over 64 KiB", entry.path().display());
        total += length;
    }
    assert!(total <= 4 * 1024 * 1024, "the captures are over 4 MiB together");
}
