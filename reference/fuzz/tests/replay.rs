//! The corpora that fuzzing has left behind, and its seeds, once more: on the stable toolchain, in any build.
#![expect(clippy::disallowed_methods, reason = "this test reads the project's own files")]

use std::{fs, path::Path};

use knockd_fuzz::{TARGETS, seeds};

/// All corpora together, in bytes, at most.
const MOST: usize = 64 << 10;

/// The committed inputs of a target, each with its name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("its entries can be read").path());
    let inputs = paths.map(|path| {
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.display().to_string(), bytes)
    });
    let mut inputs: Vec<_> = inputs.collect();
    inputs.sort();
    inputs
}

#[test]
fn every_corpus_holds() {
    for (name, target) in TARGETS {
        let inputs = corpus(name);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for (file, bytes) in inputs {
            // The last one printed is the one that failed.
            println!("{file}");
            target(&bytes);
        }
    }
}

#[test]
fn every_seed_holds_and_so_does_what_is_left_of_it() {
    for (name, target) in TARGETS {
        let seeds = seeds::of(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            println!("{name}: {}", seed.escape_ascii());
            target(&seed);
            target(&seed[..seed.len() / 2]);
        }
    }
}

#[test]
fn the_corpora_are_small() {
    let names = ["decoder", "config", "one_time", "journal"];
    let total: usize = names.iter().flat_map(|name| corpus(name)).map(|(_, bytes)| bytes.len()).sum();
    assert!(total <= MOST, "{total} bytes");
}
