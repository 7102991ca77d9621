//! The files that a daemon sees, by their paths.

use std::{collections::BTreeMap, sync::Arc};

use crate::case::DIRECTORY;

/// Files. Reading one keeps it as it is now, whatever becomes of it.
#[derive(Clone, Debug, Default)]
pub struct Disk(BTreeMap<String, Arc<Vec<u8>>>);

impl Disk {
    /// Writes a file.
    pub fn put(&mut self, path: &str, bytes: Vec<u8>) {
        self.0.insert(plain(path), Arc::new(bytes));
    }

    /// Removes a file.
    pub fn remove(&mut self, path: &str) {
        self.0.remove(&plain(path));
    }

    /// What is in a file, if it is there.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<Arc<Vec<u8>>> {
        self.0.get(&plain(path)).cloned()
    }

    /// A file's bytes, to be changed.
    pub(super) fn edit(&mut self, path: &str) -> Option<&mut Vec<u8>> {
        self.0.get_mut(&plain(path)).map(Arc::make_mut)
    }

    /// Adds to a file's end; makes it if it is not there.
    pub(super) fn append(&mut self, path: &str, text: &str) {
        Arc::make_mut(self.0.entry(plain(path)).or_default()).extend(text.as_bytes());
    }
}

/// A path with nothing in it that leads nowhere: what makes a file this file and no other (ONCE-11). The daemon runs in
/// the case's directory.
pub(super) fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { vec![DIRECTORY] };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/").trim_start_matches('/'))
}
