//! Once a burst, not once a packet.

use std::time::Duration;

use crate::time::Instant;

/// Tells the first of a run of like events from the rest; a run ends when nothing happened for ten seconds.
#[derive(Debug, Default)]
pub(super) struct Burst {
    last: Option<Instant>,
}

impl Burst {
    const PAUSE: Duration = Duration::from_secs(10);

    pub(super) fn starts(&mut self, now: Instant) -> bool {
        let previous = self.last.replace(now);
        previous.is_none_or(|last| now >= last.after(Self::PAUSE))
    }
}
