//! Where things are: in the runner's directory, which one process lays out for another, and in the world.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use crate::case::{CONFIG, Case, DIRECTORY, Kind};

/// Where the case's files are, in the runner's own directory.
pub(super) const CASE: &str = "case";
/// Where the texts are that files may become.
pub(super) const TEXTS: &str = "texts";
/// Where the texts of the system's files are.
pub(super) const SYSTEM: &str = "system";
/// Where the looks at files are kept.
pub(super) const LOOKS: &str = "looks";
/// The plan itself.
pub(super) const PLAN: &str = "plan.json";

/// Writes the case's files as they are at first, and every text that they may become.
pub(super) fn lay_out(case: &Case, directory: &Path) -> io::Result<()> {
    for inner in [CASE, TEXTS, SYSTEM, LOOKS] {
        fs::create_dir(directory.join(inner))?;
    }
    for (name, bytes) in &case.files {
        write(&directory.join(CASE), name, bytes)?;
    }
    for (name, bytes) in &case.texts {
        write(&directory.join(TEXTS), name, bytes)?;
    }
    for (place, bytes) in case.system.values().enumerate() {
        write(&directory.join(SYSTEM), &place.to_string(), bytes)?;
    }
    if let Kind::Daemon { config, .. } = &case.kind {
        write(&directory.join(CASE), CONFIG, config)?;
        if !case.texts.contains_key(CONFIG) {
            write(&directory.join(TEXTS), CONFIG, config)?;
        }
    }
    Ok(())
}

/// Writes one file of a case.
pub(super) fn write(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = directory.join(name);
    // A case is somebody else's: it does not write where it likes.
    if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(io::Error::other(format!("`{name}` is no name of a file beside the configuration")));
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes)
}

/// Where a file of the case is in the world.
pub(super) fn inside(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}
