//! A regular file's bytes, mapped read-only.
//!
//! Mapping is what makes a replay run at the speed of memory: copying a capture out of the page cache costs about as
//! much as deciding about its packets. It needs one `unsafe` call, which is why it stands in a crate of its own.

use std::{fs::File, io, ops::Deref};

#[cfg(unix)]
use memmap2::Advice;
use memmap2::Mmap;

/// The bytes of a regular file, as they were when it was mapped.
#[derive(Debug)]
pub struct Mapped(Mmap);

impl Mapped {
    /// Maps `file`, from its first byte to its present end.
    ///
    /// # Errors
    ///
    /// What the system says; [`io::ErrorKind::InvalidInput`] when it is no regular file, which cannot be mapped whole.
    pub fn new(file: &File) -> io::Result<Self> {
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        // SAFETY: the mapping is read-only, so this process cannot change it. It is shared: should another process
        // rewrite the file in place meanwhile, bytes would change under a slice, which Rust does not allow for. We rely on
        // nobody doing so: captures are appended to, renamed or removed, and none of that touches mapped bytes. Every
        // reader of this crate's bytes checks lengths against the slice, so whatever it reads, it stays inside. A file
        // that is cut short meanwhile ends the process with SIGBUS, as it does every program that maps its input.
        #[expect(unsafe_code, reason = "see above; there is no safe way to map a file")]
        let map = unsafe { Mmap::map(file)? };
        // Only a hint: a system that refuses it reads all the same.
        #[cfg(unix)]
        let _hint = map.advise(Advice::Sequential);
        Ok(Self(map))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
