//! Starts a new daemon in the place of one whose watcher has died (`--respawn`), but not again and again.
//!
//! The times of earlier starts go from one daemon to the next in its environment.

use std::{ffi::CString, time::Duration};

use super::command::Shell;

/// The environment's variable: times since the boot, in milliseconds.
pub(super) const VARIABLE: &str = "KNOCKD_RESPAWNED";

/// Two starts are at least so far apart.
const APART: Duration = Duration::from_secs(5);
/// So many starts within so long are the last ones.
const MOST: usize = 5;
const WITHIN: Duration = Duration::from_secs(60);

/// When there may be a new daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// At this time since the boot.
    At(Duration),
    /// There have been too many.
    Never,
}

/// The times of earlier starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Respawns(Vec<Duration>);

impl Respawns {
    pub(super) fn of_environment() -> Self {
        Self::parse(&std::env::var(VARIABLE).unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        Self(text.split(',').filter_map(|time| time.parse().ok().map(Duration::from_millis)).collect())
    }

    pub(super) fn when(&self, now: Duration) -> When {
        // A time to come is of another boot.
        let recent = |time: &&Duration| **time <= now && now - **time < WITHIN;
        if self.0.iter().filter(recent).count() >= MOST {
            return When::Never;
        }
        When::At(self.0.iter().filter(recent).max().map_or(now, |last| now.max(*last + APART)))
    }

    /// With one more start, as the next daemon is told of them.
    fn with(&self, now: Duration) -> String {
        let earlier = self.0.iter().skip(self.0.len().saturating_sub(MOST));
        let times = earlier.chain([&now]).map(|time| time.as_millis().to_string());
        times.collect::<Vec<_>>().join(",")
    }

    /// Starts the same program with these arguments.
    pub(super) fn start(&self, mut shell: Shell, arguments: &[Vec<u8>], now: Duration) -> nix::Result<()> {
        shell.set(VARIABLE, &self.with(now));
        let mut words = vec![c"knockd".to_owned()];
        for argument in arguments {
            words.push(CString::new(argument.as_slice()).map_err(|_| nix::errno::Errno::EINVAL)?);
        }
        let words: Vec<_> = words.iter().map(CString::as_c_str).collect();
        shell.program(c"/proc/self/exe", &words).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn starts_are_apart_and_few() {
        let mut respawns = Respawns::default();
        let mut now = at(1_000);
        let mut times = Vec::new();
        while let When::At(time) = respawns.when(now) {
            times.push(time);
            now = time;
            respawns = Respawns::parse(&respawns.with(now));
        }
        assert_eq!(times, [1_000, 1_005, 1_010, 1_015, 1_020].map(at));
        assert_eq!(respawns.when(at(1_059)), When::Never);
        assert_eq!(respawns.when(at(1_060)), When::At(at(1_060)));
    }

    #[test]
    fn times_of_another_boot_and_what_is_no_time_do_not_count() {
        assert_eq!(Respawns::parse("9000000,x,-1,,").when(at(10)), When::At(at(10)));
    }
}
