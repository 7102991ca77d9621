//! Where the journal may lie. It decides what root runs, so nobody else may be able to write it, replace it or lead us to
//! another one.

use std::{
    fmt, fs, io,
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags, open};

/// Bits of a mode that let others write.
const OTHERS_WRITE: u32 = 0o022;
/// In a folder with this bit nobody removes or renames what is not theirs.
const STICKY: u32 = 0o1000;

/// Why a journal is not used. What is said of it begins after `without a journal`.
#[derive(Debug)]
pub enum Unsafe {
    /// The system's reason.
    Io(PathBuf, io::Error),
    /// It is no folder.
    NoFolder(PathBuf),
    /// It belongs to this user.
    Owner(PathBuf, u32),
    /// Others may write there.
    Writable(PathBuf, u32),
    /// The file is a link, a device or the like, or it has a second name.
    NoFile(PathBuf),
    /// The file has another mode than 0600.
    Mode(PathBuf, u32),
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NoFolder(path) => write!(f, "{} is no folder", path.display()),
            Self::Owner(path, user) => write!(f, "{} belongs to user {user}", path.display()),
            Self::Writable(path, mode) => write!(f, "others may write to {} (mode {mode:04o})", path.display()),
            Self::NoFile(path) => write!(f, "{} is not a regular file with one name", path.display()),
            Self::Mode(path, mode) => write!(f, "{} has mode {mode:04o} and not 0600", path.display()),
        }
    }
}

impl std::error::Error for Unsafe {}

/// An open folder that only our own user, or root, can change.
#[derive(Debug)]
pub struct Folder {
    /// Its path without links.
    pub path: PathBuf,
    /// The folder itself.
    pub descriptor: OwnedFd,
}

impl Folder {
    /// Opens a folder for `user`; `make` makes it if only its last part is missing.
    ///
    /// Links on the way are followed, since `/var/run` is one on most systems, and then every folder of the path that
    /// they lead to is looked at: in none of them may another user be able to put something else in the next one's place.
    ///
    /// # Errors
    ///
    /// It is not there, or not safe.
    pub fn open(path: &Path, user: u32, make: bool) -> Result<Self, Unsafe> {
        let io = |error| Unsafe::Io(path.to_owned(), error);
        if make && !path.exists() {
            fs::DirBuilder::new().mode(0o700).create(path).map_err(io)?;
        }
        let path = path.canonicalize().map_err(io)?;
        for (height, folder) in path.ancestors().enumerate() {
            let about = fs::symlink_metadata(folder).map_err(|error| Unsafe::Io(folder.to_owned(), error))?;
            check(folder, &about, user, height > 0)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = open(&path, flags, Mode::empty()).map_err(|error| Unsafe::Io(path.clone(), error.into()))?;
        Ok(Self { path, descriptor })
    }
}

fn check(folder: &Path, about: &fs::Metadata, user: u32, above: bool) -> Result<(), Unsafe> {
    if !about.is_dir() {
        return Err(Unsafe::NoFolder(folder.to_owned()));
    }
    if about.uid() != user && about.uid() != 0 {
        return Err(Unsafe::Owner(folder.to_owned(), about.uid()));
    }
    // In a sticky folder others can make files, so the journal cannot lie in it, but its folder can.
    if about.mode() & OTHERS_WRITE != 0 && !(above && about.mode() & STICKY != 0) {
        return Err(Unsafe::Writable(folder.to_owned(), about.mode() & 0o7777));
    }
    Ok(())
}

/// Whether an open journal file is one that only `user` can have written.
pub(super) fn check_file(path: &Path, about: &fs::Metadata, user: u32) -> Result<(), Unsafe> {
    if !about.is_file() || about.nlink() != 1 {
        return Err(Unsafe::NoFile(path.to_owned()));
    }
    if about.uid() != user {
        return Err(Unsafe::Owner(path.to_owned(), about.uid()));
    }
    if about.mode() & 0o7777 != 0o600 {
        return Err(Unsafe::Mode(path.to_owned(), about.mode() & 0o7777));
    }
    Ok(())
}
