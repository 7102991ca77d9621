//! Directories for cases, which do not outlive the program when somebody interrupts it.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
};

use nix::sys::signal::{SigSet, Signal, raise};
use tempfile::TempDir;

/// Those that there are now.
static THERE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A directory that is removed when it is dropped, and when the program is interrupted.
#[derive(Debug)]
pub(super) struct Scratch(TempDir);

impl Scratch {
    /// Makes one.
    pub(super) fn new() -> io::Result<Self> {
        let mut there = THERE.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = tempfile::Builder::new().prefix("knock-conformance.").tempdir()?;
        there.insert(directory.path().to_owned());
        Ok(Self(directory))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        THERE.lock().unwrap_or_else(PoisonError::into_inner).remove(self.0.path());
    }
}

/// From now on whoever interrupts or ends the program leaves no directory behind. To be called before there are other
/// threads, which would get the signals instead; programs that are started do not inherit this.
///
/// # Errors
///
/// The signals cannot be held back.
pub fn clean_when_interrupted() -> io::Result<()> {
    // Who started the program may have it ignore some, as `nohup` does: they are to stay without effect.
    let ignored = ignored(&fs::read_to_string("/proc/self/status")?);
    let mut signals = SigSet::empty();
    let ends = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM].into_iter();
    ends.filter(|signal| ignored >> (*signal as u32 - 1) & 1 == 0).for_each(|signal| signals.add(signal));
    signals.thread_block()?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let Ok(signal) = signals.wait() else { return };
        // Held to the end, so that no case makes another one.
        let there = THERE.lock().unwrap_or_else(PoisonError::into_inner);
        for directory in there.iter() {
            // A case may still be writing into it. What cannot be removed now stays, as it would without this.
            let _left = fs::remove_dir_all(directory);
        }
        // The program ends as it would have ended: by the signal.
        let _ended = signals.thread_unblock().and_then(|()| raise(signal));
    })?;
    Ok(())
}

/// The ignored signals of a process's status, a bit each.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_is_found() {
        let hangup_and_interrupt = ignored("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000003\n");
        assert_eq!(hangup_and_interrupt, 1 << (Signal::SIGHUP as u32 - 1) | 1 << (Signal::SIGINT as u32 - 1));
        assert_eq!(ignored(""), 0);
    }

    #[test]
    fn a_directory_is_there_as_long_as_it_is_used() {
        let scratch = Scratch::new().expect("a directory");
        let path = scratch.path().to_owned();
        assert!(path.is_dir() && THERE.lock().expect("nobody panicked").contains(&path));
        drop(scratch);
        assert!(!path.exists() && !THERE.lock().expect("nobody panicked").contains(&path));
    }
}
