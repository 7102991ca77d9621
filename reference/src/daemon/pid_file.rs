//! The pid file: locked while the daemon lives, so that a second one is refused (PROC-2).

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::libc;
use rustix::fs::{FlockOperation, fcntl_lock};

/// A pid file that is ours.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    file: File,
}

/// Why it cannot be ours.
#[derive(Debug)]
pub(super) enum PidFileError {
    /// Another daemon has it; what it has written there.
    Taken(PathBuf, String),
    /// The system's reason.
    Io(PathBuf, io::Error),
}

impl fmt::Display for PidFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(path, process) if process.is_empty() => {
                write!(f, "another knockd is running: it has locked {}", path.display())
            }
            Self::Taken(path, process) => {
                write!(f, "another knockd is running, process {process}: it has locked {}", path.display())
            }
            Self::Io(path, error) => write!(f, "cannot write the pid file {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for PidFileError {}

impl PidFileError {
    /// Whether there is only no place for it: its folder is missing, or we may not write there. Then no other daemon of
    /// this user can have it.
    pub(super) fn is_want_of_a_place(&self) -> bool {
        use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
        matches!(self, Self::Io(_, error) if matches!(error.kind(), NotFound | PermissionDenied | ReadOnlyFilesystem))
    }
}

impl PidFile {
    /// Locks the file, making it if it is not there, and writes this process number into it. A link at its place is not
    /// followed.
    ///
    /// # Errors
    ///
    /// Another daemon has it, or it cannot be written.
    pub(super) fn take(path: &Path, process: u32) -> Result<Self, PidFileError> {
        Self::lock(path)
            .and_then(|found| match found {
                Ok(mut file) => {
                    file.set_len(0)?;
                    writeln!(file, "{process}")?;
                    Ok(Ok(Self { path: path.to_owned(), file }))
                }
                Err(other) => Ok(Err(PidFileError::Taken(path.to_owned(), other))),
            })
            .unwrap_or_else(|error| Err(PidFileError::Io(path.to_owned(), error)))
    }

    /// The locked file, or the number that its owner has written.
    fn lock(path: &Path) -> io::Result<Result<File, String>> {
        loop {
            let mut options = File::options();
            options.read(true).write(true).create(true).truncate(false).mode(0o644);
            let mut file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
            if !file.metadata()?.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
            }
            if fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                let mut text = Vec::new();
                (&mut file).take(20).read_to_end(&mut text)?;
                let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
                return Ok(Err(digits.map(|digit| char::from(*digit)).collect()));
            }
            // Its last owner may have removed it while we opened it.
            if is_named(&file, path) {
                file.rewind()?;
                return Ok(Ok(file));
            }
        }
    }

    /// Removes the file, if it is still ours, and gives up the lock.
    pub(super) fn remove(self) {
        if is_named(&self.file, &self.path) {
            // A folder that has become read-only keeps it, which the lock makes harmless.
            fs::remove_file(&self.path).ok();
        }
    }
}

fn is_named(file: &File, path: &Path) -> bool {
    let identity = |about: fs::Metadata| (about.dev(), about.ino());
    let ours = file.metadata().map(identity).ok();
    ours.is_some() && ours == fs::symlink_metadata(path).map(identity).ok()
}
