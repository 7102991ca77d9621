//! Directories for cases, which do not outlive the program, however it ends.

use std::{
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use tempfile::TempDir;

/// A directory, removed when this is dropped or the program ends.
#[derive(Debug)]
pub(super) struct Scratch(TempDir);

/// What the directories of a run stand in, and who removes it.
struct Run {
    directory: TempDir,
    /// It waits for the end of its input, which comes when nobody has the other end any more: it is never written to.
    _sweeper: Child,
}

/// Made with the first directory.
static RUN: Mutex<Option<Run>> = Mutex::new(None);

/// Removes the directory `$1` when its input ends.
const SWEEP: &str = "cat > /dev/null; exec rm -rf -- \"$1\"";

impl Scratch {
    /// Makes one.
    pub(super) fn new() -> io::Result<Self> {
        let mut run = RUN.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = match run.take() {
            Some(begun) => begun,
            None => Run::begin()?,
        };
        let directory = tempfile::Builder::new().prefix("").tempdir_in(begun.directory.path());
        *run = Some(begun);
        directory.map(Self)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Run {
    fn begin() -> io::Result<Self> {
        let directory = TempDir::with_prefix("knock-")?;
        Ok(Self { _sweeper: sweeper(directory.path())?, directory })
    }
}

/// In a group of its own, so that who interrupts the program from a terminal does not interrupt this.
fn sweeper(directory: &Path) -> io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", SWEEP, "sweep"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_there_as_long_as_it_is_used() {
        let scratch = Scratch::new().expect("a directory");
        let path = scratch.path().to_owned();
        assert!(path.is_dir());
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_left_goes_with_whoever_held_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let run = directory.path().join("a run");
        std::fs::create_dir_all(run.join("a case")).expect("written");
        let mut sweeper = sweeper(&run).expect("a shell");
        assert!(run.exists());
        drop(sweeper.stdin.take());
        assert!(sweeper.wait().expect("it ends").success());
        assert!(!run.exists());
    }
}
