//! Times that can be compared: pieces of work take turns, and each is told by its median.

use std::time::{Duration, Instant};

/// What the rounds of one piece of work took.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// One round of `work`; gives what it took.
    pub fn time(&mut self, work: impl FnOnce()) -> Duration {
        let started = Instant::now();
        work();
        let took = started.elapsed();
        self.0.push(took);
        took
    }

    /// A round that was timed elsewhere.
    pub fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// Runs every piece of `work` once a round, one after the other, so that whatever else the machine does meets all
    /// of them alike. A first round, which warms caches, does not count.
    pub fn of<const N: usize>(rounds: usize, mut work: [&mut dyn FnMut(); N]) -> [Self; N] {
        let mut times = [(); N].map(|()| Self::default());
        work.iter_mut().for_each(|work| work());
        for _ in 0..rounds {
            for (work, times) in work.iter_mut().zip(&mut times) {
                times.time(work);
            }
        }
        times
    }

    /// The median in nanoseconds for each of `units`.
    #[must_use]
    pub fn nanos_per(&self, units: u64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a count of packets is far below 2^52")]
        let units = units as f64;
        median.as_secs_f64() * 1e9 / units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_told_by_unit() {
        let times = Times([5, 1, 90].map(Duration::from_micros).to_vec());
        assert!((times.nanos_per(1_000) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn work_takes_turns() {
        let order = std::cell::RefCell::new(String::new());
        let _ = Times::of(2, [&mut || order.borrow_mut().push('a'), &mut || order.borrow_mut().push('b')]);
        assert_eq!(order.into_inner(), "ababab");
    }
}
