//! A configuration and its one-time files, read at the start and again on demand (PROC-3).
//!
//! At the start the watcher reads them itself. Later it may have lost the right to, and the doorkeeper opens them for it:
//! that goes on beside everything else, one file after the other.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use super::{error::Error, options::Called};
use crate::{
    config::{Config, Diagnostic, Sequences, Style, render},
    engine::{Doors, OneTimeFile},
    one_time::UsedUp,
};

/// How much of a one-time file is read at once: few system calls, and still in the caches when it is looked at.
const PIECE: usize = 256 << 10;

/// Which file it is: device and inode.
pub(super) type Identity = (u64, u64);

/// Everything that was read.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The doors, ready for the engine.
    pub(super) doors: Doors,
    /// The configuration's traps.
    pub(super) traps: Vec<Diagnostic>,
    /// The configuration's text.
    pub(super) text: Vec<u8>,
    /// Which file each one-time file was, by its path as written.
    pub(super) files: BTreeMap<Vec<u8>, Identity>,
}

impl Loaded {
    /// Reads from the disk what this process may read, one-time files with the lines that are used up.
    ///
    /// # Errors
    ///
    /// The configuration cannot be read or has errors, or its one-time files do not do.
    pub(super) fn from_disk(called: &Called, config: &Path, style: Style) -> Result<Self, Error> {
        let mut loading = Loading::from_disk(config, style)?;
        loading.whole = true;
        loading.read(called).finish(&shown(config))
    }
}

/// Opens a file for reading; a pipe that nobody writes to is no reason to wait.
fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// All bytes of a file.
pub(super) fn all(mut file: &File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

/// A configuration whose one-time files are still to be read.
#[derive(Debug)]
pub(super) struct Loading {
    config: Config,
    traps: Vec<Diagnostic>,
    text: Vec<u8>,
    /// Whether the texts of one-time files are to have the lines that are used up.
    whole: bool,
    /// The paths as written of the files to be read, the next one last.
    left: Vec<Vec<u8>>,
    /// The file that is being read.
    reading: Vec<u8>,
    read: BTreeMap<Vec<u8>, Result<OneTimeFile, String>>,
    files: BTreeMap<Vec<u8>, Identity>,
}

impl Loading {
    /// Begins with the configuration at this path, which this process may read.
    pub(super) fn from_disk(config: &Path, style: Style) -> Result<Self, Error> {
        let name = shown(config);
        match open(config).and_then(|file| all(&file)) {
            Ok(text) => Self::parse(text, &name, style),
            Err(error) => Err(Error::Unreadable { file: name, error }),
        }
    }

    /// Begins with the text of the configuration that people call `name`.
    pub(super) fn parse(text: Vec<u8>, name: &str, style: Style) -> Result<Self, Error> {
        let (config, traps) = Config::parse(&text)
            .map_err(|errors| Error::Config { file: name.to_owned(), drawn: render(name, &text, &errors, style) })?;
        let paths = config.doors.iter().filter_map(|door| match &door.sequences {
            Sequences::OneTime(path) => Some(path.clone()),
            Sequences::Fixed(_) => None,
        });
        let mut left: Vec<_> = paths.collect();
        left.reverse();
        let (reading, read, files) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Self { config, traps, text, whole: false, left, reading, read, files })
    }

    /// The configuration.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Reads all files, which this process may read.
    pub(super) fn read(mut self, called: &Called) -> Self {
        while let Some(path) = self.next(called) {
            self.found(open(&path).map_err(|error| error.to_string()));
        }
        self
    }

    /// Whether no file is left to be read.
    pub(super) fn has_all(&self) -> bool {
        self.left.is_empty()
    }

    /// The path, absolute, of the next file to be opened; `None` when all are read.
    pub(super) fn next(&mut self, called: &Called) -> Option<PathBuf> {
        self.reading = self.left.pop()?;
        Some(called.absolute(&self.reading))
    }

    /// The file that [`Loading::next`] asked for, or why it cannot be opened.
    pub(super) fn found(&mut self, file: Result<File, String>) {
        let path = std::mem::take(&mut self.reading);
        let read = file.and_then(|file| {
            one_time_file(&file, self.whole).map_err(|error| error.to_string()).inspect(|(_, identity)| {
                self.files.insert(path.clone(), *identity);
            })
        });
        self.read.insert(path, read.map(|(file, _)| file));
    }

    /// What was read, if all of it will do.
    pub(super) fn finish(mut self, name: &str) -> Result<Loaded, Error> {
        // Two doors that name one file by one path share it: the second finds it here, too.
        let doors = Doors::load(self.config, |path| match self.read.get_mut(path) {
            Some(Ok(file)) => {
                let text = std::mem::take(&mut file.text);
                Ok(OneTimeFile { used_up: file.used_up, text, identity: file.identity.clone() })
            }
            Some(Err(why)) => Err(why.clone()),
            None => Err("it was not read".to_owned()),
        });
        let doors = doors.map_err(|errors| Error::OneTime { file: name.to_owned(), errors })?;
        Ok(Loaded { doors, traps: self.traps, text: self.text, files: self.files })
    }
}

fn one_time_file(mut file: &File, whole: bool) -> io::Result<(OneTimeFile, Identity)> {
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let identity = (about.dev(), about.ino());
    let (mut used_up, mut text) = (UsedUp::default(), Vec::new());
    if !whole {
        text = after_used_lines(file, &mut used_up)?;
    }
    file.read_to_end(&mut text)?;
    Ok((OneTimeFile { used_up, text, identity: format!("{}:{}", identity.0, identity.1) }, identity))
}

/// Reads as far as the lines at the file's beginning are used up, and gives what it has read beyond them.
fn after_used_lines(mut file: &File, used_up: &mut UsedUp) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; PIECE];
    loop {
        let count = match file.read(&mut piece) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let passed = used_up.pass_over(&piece[..count]);
        if count == 0 || passed < count {
            return Ok(piece[passed..count].to_vec());
        }
    }
}

/// A path as people read it.
pub(super) fn shown(path: &Path) -> String {
    String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned()
}
