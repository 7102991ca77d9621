//! The journal of doors that are to be closed (CMD-7): a file that outlives every process.
//!
//! It is written before a start command that has a stop command, so that whoever comes next can close what was opened.
//! What is found there is run, by root as a rule; so it is used only where nobody else can have written it ([`folder`]),
//! only by the daemon whose key it bears, and only while it is locked. The lock is a record lock, which dies with its
//! process and tells who holds it.

pub mod folder;
pub mod record;

use std::{
    fmt,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    os::fd::OwnedFd,
    path::PathBuf,
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, RawMode, fcntl_lock, fstat, openat, renameat, statat, unlinkat},
    io::Errno,
    process::{Flock, FlockType, fcntl_getlk},
};

use folder::{Folder, Unsafe};
use record::{Key, MAGIC, NoJournal, OpenDoor, Record, Recovered};

/// A journal of this length is written anew once most of it is about closed doors.
const LONG: u64 = 256 << 10;

/// A journal that is shorter than this when it is opened goes on as it is.
const SHORT: usize = 4 << 10;

/// An open, locked journal.
#[derive(Debug)]
pub struct Journal {
    folder: Folder,
    name: String,
    key: Key,
    file: Arc<File>,
    /// Where the next record belongs.
    end: u64,
    /// Whether the file's name in its folder is durable.
    is_named: bool,
    /// What the file was long when it held open doors alone.
    fresh: u64,
}

/// Why there is no journal.
#[derive(Debug)]
pub enum OpenError {
    /// Its place or the file is not safe.
    Unsafe(Unsafe),
    /// The file is something else.
    NoJournal(PathBuf),
    /// The file is another daemon's.
    OtherKey(PathBuf),
    /// This process uses it; 0 if it cannot be named from here.
    Locked(i32),
    /// The system's reason.
    Io(PathBuf, io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsafe(why) => why.fmt(f),
            Self::NoJournal(path) => write!(f, "{}: {NoJournal}", path.display()),
            Self::OtherKey(path) => write!(f, "{} is another daemon's", path.display()),
            Self::Locked(process) => write!(f, "process {process} uses it"),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for OpenError {}

/// The name of a key's journal. Two keys of one name would be told apart by what is in the file.
#[must_use]
pub fn name(key: &Key) -> String {
    // FNV-1a, with a length before each part, so that no part runs into the next.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in [&key.pid_file, &key.config, &key.interface] {
        for byte in (part.len() as u64).to_le_bytes().iter().chain(part) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    format!("knockd-{hash:016x}.journal")
}

impl Journal {
    /// Opens the journal of a key, or begins it, and locks it.
    ///
    /// # Errors
    ///
    /// It cannot or must not be used.
    pub fn open(folder: Folder, key: Key, user: u32) -> Result<(Self, Recovered), OpenError> {
        let name = name(&key);
        let path = folder.path.join(&name);
        let io = |error: io::Error| OpenError::Io(path.clone(), error);
        loop {
            let mut file = open_file(&folder, &name, OFlags::empty()).map_err(|error| match error {
                Errno::LOOP => OpenError::Unsafe(Unsafe::NoFile(path.clone())),
                error => io(error.into()),
            })?;
            folder::check_file(&path, &file.metadata().map_err(io)?, user).map_err(OpenError::Unsafe)?;
            if let Some(process) = lock(&file).map_err(io)? {
                return Err(OpenError::Locked(process));
            }
            // Its last user may have put a shorter one in its place while we waited.
            if !is_named(&file, &folder, &name).map_err(io)? {
                continue;
            }
            let mut text = Vec::new();
            file.read_to_end(&mut text).map_err(io)?;
            let found = record::read(&text).map_err(|NoJournal| OpenError::NoJournal(path.clone()))?;
            if found.key.as_ref().is_some_and(|other| *other != key) {
                return Err(OpenError::OtherKey(path));
            }
            let (file, end, fresh) = (Arc::new(file), found.whole as u64, MAGIC.len() as u64);
            let mut journal = Self { folder, name, key, file, end, is_named: true, fresh };
            journal.begin(&found, text.len()).map_err(io)?;
            return Ok((journal, found));
        }
    }

    /// Makes the file end with its last whole record, and short. A new one is not waited for: it is durable with its first
    /// door.
    fn begin(&mut self, found: &Recovered, length: usize) -> io::Result<()> {
        if length == 0 {
            let text = self.text([]);
            self.end = 0;
            self.is_named = false;
            self.fresh = text.len() as u64;
            return self.append(&text);
        }
        if found.damage.is_none() && found.key.is_some() && length < SHORT {
            return Ok(());
        }
        let shortened = self.compact(&found.doors);
        if shortened.is_err() && found.key.is_some() {
            // There is no room for a second file, but the first can be cut.
            return self.file.set_len(self.end);
        }
        shortened
    }

    /// The file, to be made durable; and before the first time its folder, in which its name is new.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn to_sync(&mut self) -> io::Result<(Arc<File>, Option<OwnedFd>)> {
        let folder = if self.is_named { None } else { Some(self.folder.descriptor.try_clone()?) };
        self.is_named = true;
        Ok((self.file.clone(), folder))
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path.join(&self.name)
    }

    /// Appends records, whole or not at all. They outlive this process, but not yet the machine's power.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn append(&mut self, records: &[u8]) -> io::Result<()> {
        let mut file: &File = &self.file;
        let written = file.seek(SeekFrom::Start(self.end)).and_then(|_| file.write_all(records));
        if let Err(error) = written {
            // What is left beyond the end would be a torn tail; it is overwritten next time if it cannot be cut now.
            self.file.set_len(self.end).ok();
            return Err(error);
        }
        self.end += records.len() as u64;
        Ok(())
    }

    /// Whether it is worth to [`Journal::compact`] it.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.end > LONG && self.end > 2 * self.fresh
    }

    /// A journal with these doors alone.
    fn text<'a>(&self, doors: impl IntoIterator<Item = (&'a u64, &'a OpenDoor)>) -> Vec<u8> {
        let mut text = MAGIC.to_vec();
        record::write(&Record::Key(self.key.clone()), &mut text);
        for (opening, door) in doors {
            record::write(&Record::Opening { opening: *opening, stop: door.stop.clone() }, &mut text);
            if let Some((boot, due)) = door.due {
                record::write(&Record::Opened { opening: *opening, boot, due }, &mut text);
            }
        }
        text
    }

    /// Writes the journal anew with these doors alone. A crash at any moment leaves either the old file or the new one,
    /// and both say the same. Nobody may be making the old file durable meanwhile.
    ///
    /// # Errors
    ///
    /// The system's; the old file then goes on.
    pub fn compact<'a>(&mut self, doors: impl IntoIterator<Item = (&'a u64, &'a OpenDoor)>) -> io::Result<()> {
        let text = self.text(doors);
        let new = format!("{}.new", self.name);
        // What a crash has left there is nobody's.
        unlinkat(&self.folder.descriptor, &new, AtFlags::empty()).ok();
        let mut file = open_file(&self.folder, &new, OFlags::EXCL)?;
        let written = file.write_all(&text).and_then(|()| file.sync_data()).and_then(|()| {
            // Whoever opens the new file must find it locked.
            if lock(&file)?.is_some() {
                return Err(io::Error::other("another process has locked the new journal"));
            }
            renameat(&self.folder.descriptor, &new, &self.folder.descriptor, &self.name)?;
            Ok(())
        });
        if let Err(error) = written {
            unlinkat(&self.folder.descriptor, &new, AtFlags::empty()).ok();
            return Err(error);
        }
        // Until the new name is durable, a loss of power may bring back the old file, which says no less.
        let durable = rustix::fs::fsync(&self.folder.descriptor);
        self.file = Arc::new(file);
        self.end = text.len() as u64;
        self.fresh = self.end;
        self.is_named = true;
        Ok(durable?)
    }
}

/// Opens a file of the folder, following no link and waiting for nobody; makes it if it is not there.
fn open_file(folder: &Folder, name: &str, more: OFlags) -> rustix::io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    openat(&folder.descriptor, name, flags, Mode::from_raw_mode(0o600 as RawMode)).map(File::from)
}

/// Whether this name still leads to this file.
fn is_named(file: &File, folder: &Folder, name: &str) -> io::Result<bool> {
    let ours = fstat(file)?;
    Ok(statat(&folder.descriptor, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|there| (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)))
}

/// Locks a journal, or says which process has done so: 0 if it cannot be named from here.
fn lock(file: &File) -> io::Result<Option<i32>> {
    loop {
        match fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(None),
            Err(Errno::ACCESS | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(found) = fcntl_getlk(file, &Flock::from(FlockType::WriteLock))? {
            return Ok(Some(found.pid.map_or(0, |process| process.as_raw_nonzero().get())));
        }
    }
}
