//! Where a case's files are while the daemon runs.

use std::{
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    case::{CONFIG, Case, DIRECTORY, Kind},
    subject::Broken,
    subjects::scratch::Scratch,
};

/// A case's directory, and beside it the programs that its commands call.
pub(super) struct Directory {
    // Removed when this is dropped.
    root: Scratch,
}

impl Directory {
    /// Writes the case's files and programs.
    pub(super) fn new(case: &Case) -> Result<Self, Broken> {
        let root = Scratch::new().map_err(|error| Broken(format!("no temporary directory: {error}")))?;
        let directory = Self { root };
        for sub in [directory.files(), directory.programs()] {
            fs::create_dir(&sub).map_err(|error| Broken(format!("{}: {error}", sub.display())))?;
        }
        for (name, bytes) in &case.files {
            directory.put(name, bytes)?;
        }
        if let Kind::Daemon { config, .. } = &case.kind {
            directory.put(CONFIG, config)?;
        }
        directory.write_programs(case)?;
        Ok(directory)
    }

    /// The case's files.
    pub(super) fn files(&self) -> PathBuf {
        self.root.path().join("case")
    }

    /// The programs.
    pub(super) fn programs(&self) -> PathBuf {
        self.root.path().join("bin")
    }

    /// A file that is the runner's own.
    pub(super) fn own(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Gives a file these bytes, in place. In a configuration the case's directory gets its real name.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Broken> {
        let path = self.files().join(name);
        let bytes = if name == CONFIG { self.real(bytes) } else { bytes.to_vec() };
        fs::write(&path, bytes).map_err(|error| Broken(format!("{}: {error}", path.display())))
    }

    /// Removes a file; one that is not there is gone already.
    pub(super) fn remove(&self, name: &str) {
        let _gone = fs::remove_file(self.files().join(name));
    }

    /// A file's bytes, if it is there.
    pub(super) fn look(&self, name: &str) -> Option<Vec<u8>> {
        let name = Path::new(name).strip_prefix(DIRECTORY).unwrap_or(Path::new(name));
        fs::read(self.files().join(name)).ok()
    }

    /// A text of the case with the directory's real name.
    pub(super) fn real(&self, text: &[u8]) -> Vec<u8> {
        let real = self.files();
        replace(text, format!("{DIRECTORY}/").as_bytes(), format!("{}/", real.display()).as_bytes())
    }

    /// A text of the daemon with the case's name of the directory.
    pub(super) fn told(&self, text: &str) -> String {
        text.replace(&self.files().display().to_string(), DIRECTORY)
    }

    fn write_programs(&self, case: &Case) -> Result<(), Broken> {
        let broken = |error: std::io::Error| Broken(format!("the commands' programs cannot be written: {error}"));
        let mut script = String::new();
        for name in case.programs() {
            let path = self.programs().join(name);
            match case.command(name).status {
                0 => symlink("/bin/true", path).map_err(broken)?,
                status => script += &format!("printf '#!/bin/sh\\nexit {status}\\n' >{name}; chmod +x {name}\n"),
            }
        }
        if script.is_empty() {
            return Ok(());
        }
        // Another process writes them: a file that is open for writing in this one, even in a child of another thread,
        // could not be executed.
        let mut shell =
            Command::new("/bin/sh").current_dir(self.programs()).stdin(Stdio::piped()).spawn().map_err(broken)?;
        if let Some(mut input) = shell.stdin.take() {
            input.write_all(script.as_bytes()).map_err(broken)?;
        }
        let status = shell.wait().map_err(broken)?;
        if status.success() {
            Ok(())
        } else {
            Err(Broken(format!("the commands' programs cannot be written: {status}")))
        }
    }
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.windows(from.len()).position(|window| window == from) {
        replaced.extend_from_slice(&rest[..place]);
        replaced.extend_from_slice(to);
        rest = &rest[place + from.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}
