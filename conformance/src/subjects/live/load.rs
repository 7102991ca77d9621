//! How busy the machine is while cases run: every so often a shell is started that does nothing.
//!
//! The world notices when it is late itself, but not when the daemon's command is kept waiting by everything else that
//! wants a processor. That would look like a daemon that runs its commands late.

use std::{
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long it rests between two shells: a stall that matters is longer.
const REST: Duration = Duration::from_millis(50);

/// When a shell was started, and how long it took.
type Taken = Vec<(Instant, Duration)>;

/// The watch; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Load {
    taken: Arc<Mutex<Taken>>,
    /// Never sent on: its end is the signal.
    stop: Option<Sender<()>>,
    watcher: Option<JoinHandle<()>>,
}

impl Load {
    /// Begins to watch.
    pub(super) fn watch() -> Self {
        let taken = Arc::new(Mutex::new(Taken::new()));
        let (stop, stopped) = mpsc::channel::<()>();
        let noted = Arc::clone(&taken);
        let watch = move || {
            loop {
                let start = Instant::now();
                let shell = Command::new("/bin/sh").args(["-c", ":"]).stdin(Stdio::null()).status();
                // A machine that cannot even start a shell is as busy as can be.
                let took = if shell.is_ok() { start.elapsed() } else { Duration::MAX };
                noted.lock().unwrap_or_else(PoisonError::into_inner).push((start, took));
                if stopped.recv_timeout(REST) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        Self { taken, stop: Some(stop), watcher: Some(thread::spawn(watch)) }
    }

    /// The longest time that a shell took that had not ended before `since`.
    pub(super) fn longest_since(&self, since: Instant) -> Duration {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let late =
            taken.iter().rev().take_while(|(start, took)| start.checked_add(*took).is_none_or(|end| end >= since));
        late.map(|(_, took)| *took).max().unwrap_or_default()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A watcher that was lost has nothing to say.
        let _lost = self.watcher.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_those_that_had_not_ended_counts() {
        let (stop, _) = mpsc::channel();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let taken = vec![
            (at(0), Duration::from_millis(900)),
            (at(1000), Duration::from_millis(300)),
            (at(1400), Duration::from_millis(2)),
        ];
        let load = Load { taken: Arc::new(Mutex::new(taken)), stop: Some(stop), watcher: None };
        assert_eq!(load.longest_since(at(800)), Duration::from_millis(900));
        assert_eq!(load.longest_since(at(1100)), Duration::from_millis(300));
        assert_eq!(load.longest_since(at(1350)), Duration::from_millis(2));
        assert_eq!(load.longest_since(at(1500)), Duration::ZERO);
    }
}
