//! Marks a used line of a one-time file: one byte, in place, durable (ONCE-3, ONCE-6).

use std::{
    fs::File,
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, MetadataExt, OpenOptionsExt},
    },
    path::Path,
};

use nix::libc;

use super::message::Spend;
use crate::one_time::MARK;

/// Writes the mark, after a look whether the file and the byte are still those that were read (ONCE-5). Waits for the
/// disk.
///
/// # Errors
///
/// The system's, or what has changed. Nothing is marked then, unless it was the disk that failed.
pub(super) fn mark(spend: &Spend) -> io::Result<()> {
    let path = Path::new(std::ffi::OsStr::from_bytes(&spend.path));
    // A pipe that somebody has put there must not keep us waiting.
    let file = File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let about = file.metadata()?;
    if (about.dev(), about.ino()) != (spend.device, spend.inode) || !about.is_file() {
        return Err(io::Error::other("another file has taken its place since it was read"));
    }
    let mut found = [0];
    if file.read_at(&mut found, spend.offset)? != 1 || found[0] != spend.expected {
        return Err(io::Error::other("the line has changed since it was read"));
    }
    file.write_all_at(&[MARK], spend.offset)?;
    file.sync_data()
}
