//! Keeps a flood of first hits from filling the disk (LOG-4).
//!
//! Anyone can make a daemon write `Stage 1`, and later its timeout, with one packet. The loop around the engine asks a
//! [`Limiter`] before it writes a message; a replay, whose reader wants to see all, does not.

use std::time::Duration;

use crate::{event::Event, time::Instant};

/// How many `Stage 1` and timeout lines together a second takes; the second begins with the first of them.
pub const LINES_A_SECOND: u32 = 1_000;

const SECOND: Duration = Duration::from_secs(1);

/// Counts the lines that a stranger's single packet can cause, and leaves out those past [`LINES_A_SECOND`].
#[derive(Debug, Default)]
pub struct Limiter {
    /// When the second in hand ends; [`None`] before the first line.
    ends: Option<Instant>,
    /// How many limited lines were admitted in it.
    admitted: u32,
    /// How many were left out since the last count.
    left_out: u64,
}

/// What to do about a message.
#[derive(Debug)]
pub struct Admission {
    /// To be logged before it: how many were left out in the second that has ended.
    pub first: Option<Event>,
    /// Whether the message itself is to be logged.
    pub admitted: bool,
}

impl Limiter {
    /// Whether `event`, which happens at `now`, is to be logged. `Stage 1` and sequence timeouts are limited; everything
    /// else is admitted always.
    pub fn admit(&mut self, now: Instant, event: &Event) -> Admission {
        let first = self.flush(now);
        if !is_limited(event) {
            return Admission { first, admitted: true };
        }
        if self.ends.is_none_or(|end| now >= end) {
            self.ends = Some(now.after(SECOND));
            self.admitted = 0;
        }
        let admitted = self.admitted < LINES_A_SECOND;
        if admitted {
            self.admitted += 1;
        } else {
            self.left_out += 1;
        }
        Admission { first, admitted }
    }

    /// When [`Limiter::flush`] has a count to tell, even if no further message comes; `None` while none was left out.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.ends.filter(|_| self.left_out > 0)
    }

    /// The count of the messages left out in a second that has ended by `now`, to be logged.
    pub fn flush(&mut self, now: Instant) -> Option<Event> {
        if self.left_out == 0 || self.ends.is_some_and(|end| now < end) {
            return None;
        }
        Some(Event::LeftOut { count: std::mem::take(&mut self.left_out) })
    }
}

fn is_limited(event: &Event) -> bool {
    matches!(event, Event::Stage { stage: 1, .. } | Event::TimedOut { .. })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        config::Config,
        event::{DoorRef, Who},
    };

    fn who() -> Who {
        let (config, _) = Config::parse(b"[ssh]\nsequence = 1,2\n").expect("a good configuration");
        let door = DoorRef { index: 0, config: Arc::new(config.doors[0].clone()) };
        Who { source: [10, 0, 0, 7].into(), door, knock: 1 }
    }

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    /// Offers `count` events at `now`; gives how many were admitted, and the counts that came first.
    fn offer(limiter: &mut Limiter, now: Instant, event: &Event, count: u32) -> (u32, Vec<String>) {
        let (mut admitted, mut counts) = (0, Vec::new());
        for _ in 0..count {
            let admission = limiter.admit(now, event);
            admitted += u32::from(admission.admitted);
            counts.extend(admission.first.map(|event| event.to_string()));
        }
        (admitted, counts)
    }

    #[test]
    fn a_second_takes_a_thousand_lines_and_the_next_begins_with_the_count() {
        let mut limiter = Limiter::default();
        let stage = Event::Stage { who: who(), stage: 1 };
        let timeout = Event::TimedOut { who: who(), stage: 1 };
        assert_eq!(offer(&mut limiter, at(5_000), &stage, 600), (600, vec![]));
        assert_eq!(offer(&mut limiter, at(5_500), &timeout, 600), (400, vec![]));
        assert_eq!(offer(&mut limiter, at(5_999), &stage, 50), (0, vec![]));
        assert_eq!(offer(&mut limiter, at(6_000), &stage, 1_001), (1_000, vec!["250 messages left out".to_owned()]));
        assert_eq!(offer(&mut limiter, at(7_000), &timeout, 1), (1, vec!["1 message left out".to_owned()]));
    }

    #[test]
    fn everything_else_is_always_logged() {
        let mut limiter = Limiter::default();
        offer(&mut limiter, at(0), &Event::Stage { who: who(), stage: 1 }, 2_000);
        let others = [
            Event::Stage { who: who(), stage: 2 },
            Event::Opened { who: who() },
            Event::CommandTimeout { who: who() },
            Event::Crowded { bound: 1 },
            Event::ShuttingDown,
        ];
        for event in &others {
            assert_eq!(offer(&mut limiter, at(999), event, 2_000), (2_000, vec![]), "{event}");
        }
        let count = vec!["1000 messages left out".to_owned()];
        assert_eq!(
            offer(&mut limiter, at(1_000), &others[0], 1),
            (1, count),
            "the count comes before whatever is next"
        );
    }

    #[test]
    fn the_count_is_told_when_the_second_ends_even_if_nothing_follows() {
        let mut limiter = Limiter::default();
        let stage = Event::Stage { who: who(), stage: 1 };
        assert_eq!(limiter.poll_timeout(), None);
        offer(&mut limiter, at(300), &stage, 1_000);
        assert_eq!(limiter.poll_timeout(), None, "none was left out");
        offer(&mut limiter, at(400), &stage, 7);
        assert_eq!(limiter.poll_timeout(), Some(at(1_300)));
        assert!(limiter.flush(at(1_299)).is_none());
        assert_eq!(limiter.flush(at(1_300)).map(|event| event.to_string()).as_deref(), Some("7 messages left out"));
        assert_eq!(limiter.poll_timeout(), None);
        assert!(limiter.flush(at(9_999)).is_none(), "it is told once");
    }

    #[test]
    fn a_slow_trickle_is_never_limited() {
        let mut limiter = Limiter::default();
        let stage = Event::Stage { who: who(), stage: 1 };
        for millis in 0..5_000 {
            assert!(limiter.admit(at(millis), &stage).admitted, "{millis} ms");
        }
    }
}
