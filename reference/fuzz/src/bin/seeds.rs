//! Writes the seeds of a target into a folder, a file each: `fuzz-seeds TARGET FOLDER`.
#![expect(clippy::disallowed_methods, reason = "a tool for the command line")]

use std::{env, fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    let [target, folder] = &words[..] else {
        eprintln!("usage: fuzz-seeds TARGET FOLDER");
        return ExitCode::from(2);
    };
    if !knockd_fuzz::TARGETS.iter().any(|(name, _)| name == target) {
        eprintln!("fuzz-seeds: there is no target {target} in this build");
        return ExitCode::from(2);
    }
    let written = fs::create_dir_all(folder).and_then(|()| {
        let seeds = knockd_fuzz::seeds::of(target);
        seeds
            .iter()
            .zip(0..)
            .try_for_each(|(seed, number)| fs::write(Path::new(folder).join(format!("seed-{number:04}")), seed))
    });
    if let Err(error) = written {
        eprintln!("fuzz-seeds: {folder}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
