//! One thread that waits for the disk, so that nothing else does: it makes the journal durable, and marks used lines.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use rustix::event::{EventfdFlags, eventfd};

use super::{marks, message::Spend};

/// Rings in the main loop's poll when another thread has something for it.
#[derive(Clone, Debug)]
pub(super) struct Bell(Arc<OwnedFd>);

impl Bell {
    /// A silent one.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Rings.
    pub(super) fn ring(&self) {
        // It cannot fail but by being full, and then it rings already.
        rustix::io::write(&self.0, &1_u64.to_ne_bytes()).ok();
    }

    /// Silences it.
    pub(super) fn silence(&self) {
        // It was silent if there is nothing to read.
        rustix::io::read(&self.0, &mut [0_u8; 8]).ok();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What the disk is asked for.
#[derive(Debug)]
pub(super) enum Task {
    /// Make this file durable, and its name in this folder if that is new; the number comes back.
    Sync((Arc<File>, Option<OwnedFd>), u64),
    /// Mark a line.
    Mark(Spend),
}

/// What has become of it.
#[derive(Debug)]
pub(super) enum Done {
    /// What was written before [`Task::Sync`] is durable, or it is not known to be.
    Synced(u64, io::Result<()>),
    /// The mark of this number is durable, or was not written.
    Marked(u64, io::Result<()>),
}

fn sync(file: &File, folder: Option<&OwnedFd>) -> io::Result<()> {
    if let Some(folder) = folder {
        rustix::fs::fsync(folder)?;
    }
    file.sync_data()
}

/// The thread.
#[derive(Debug)]
pub(super) struct Disk {
    tasks: Sender<Task>,
    done: Receiver<Done>,
}

impl Disk {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(super) fn start(bell: Bell) -> io::Result<Self> {
        let (tasks, to_do) = channel();
        let (finished, done) = channel();
        thread::Builder::new().name("disk".to_owned()).stack_size(64 << 10).spawn(move || {
            while let Ok(task) = to_do.recv() {
                let result = match task {
                    Task::Sync((file, folder), number) => Done::Synced(number, sync(&file, folder.as_ref())),
                    Task::Mark(spend) => Done::Marked(spend.spend, marks::mark(&spend)),
                };
                if finished.send(result).is_err() {
                    break;
                }
                bell.ring();
            }
        })?;
        Ok(Self { tasks, done })
    }

    /// Gives it a task, behind those that it has. A thread that has died does no more; then this is false.
    #[must_use]
    pub(super) fn ask(&self, task: Task) -> bool {
        self.tasks.send(task).is_ok()
    }

    /// What it has done since it was last asked.
    pub(super) fn done(&self) -> Option<Done> {
        self.done.try_recv().ok()
    }
}
