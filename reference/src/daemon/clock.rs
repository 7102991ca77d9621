//! Time as the daemon knows it: capture stamps, which follow the wall clock, on the monotonic clock (TIME-4).
//!
//! The difference between the two clocks is constant but for steps of the wall clock. A frame that is read after a step
//! may have been captured before it; then the difference of that time counts, which gives a moment between the last
//! reading and now where the other does not.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use nix::{
    sys::{
        time::TimeSpec,
        timerfd::{ClockId as TimerClock, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
    time::{ClockId, clock_gettime},
};

use crate::time::Instant;

const SECOND: i64 = 1_000_000_000;

/// How much older than the last reading a frame may be that is read now, in nanoseconds: it was in a block that was not
/// full yet.
pub(super) const HELD_BACK: i64 = 20_000_000;

/// Less than this is no step but the time between two readings of clocks.
const NO_STEP: i64 = 200_000;

/// Both clocks at one moment, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) monotonic: i64,
    pub(super) wall: i64,
}

impl Moment {
    /// Now.
    pub(super) fn now() -> io::Result<Self> {
        Ok(Self { monotonic: nanos(ClockId::CLOCK_MONOTONIC)?, wall: nanos(ClockId::CLOCK_REALTIME)? })
    }

    /// The civil second.
    pub(super) fn second(self) -> i64 {
        self.wall.div_euclid(SECOND)
    }
}

fn nanos(clock: ClockId) -> io::Result<i64> {
    let time = clock_gettime(clock)?;
    Ok(time.tv_sec() * SECOND + time.tv_nsec())
}

/// The nanoseconds of a stamp; one that no clock of ours can have had counts as the limit of what can be told.
pub(super) fn stamp(seconds: i64, nanos: i64) -> i64 {
    seconds.saturating_mul(SECOND).saturating_add(nanos)
}

/// Translates stamps of the wall clock to the monotonic clock.
#[derive(Debug)]
pub(super) struct Translator {
    /// Wall clock less monotonic clock.
    difference: i64,
    /// What it was before the latest step, and when that step was noticed, while frames from before it may come.
    before: Option<(i64, i64)>,
    /// The last moment at which no frame was left to read.
    drained: i64,
    /// Now.
    now: i64,
}

impl Translator {
    /// From `now` on.
    pub(super) fn new(now: Moment) -> Self {
        let Moment { monotonic, wall } = now;
        Self { difference: wall - monotonic, before: None, drained: monotonic, now: monotonic }
    }

    /// Both clocks were read, after the frames that are to be translated next.
    pub(super) fn advance(&mut self, now: Moment) {
        let difference = now.wall - now.monotonic;
        self.now = now.monotonic;
        if (difference - self.difference).abs() > NO_STEP {
            // Of several steps the oldest difference is that of the oldest frames.
            let oldest = self.before.map_or(self.difference, |(before, _)| before);
            self.before = Some((oldest, now.monotonic));
            self.difference = difference;
        }
    }

    /// All frames that were there at the moment of the last [`Translator::advance`] have been translated.
    pub(super) fn drained(&mut self) {
        self.drained = self.now;
        let known = self.drained - HELD_BACK;
        self.before = self.before.filter(|(_, noticed)| *noticed > known);
    }

    /// Whether frames may come from before a step: then they are to be read again soon, so that later ones are not
    /// taken for those.
    pub(super) fn remembers_a_step(&self) -> bool {
        self.before.is_some()
    }

    /// When a frame was captured that was stamped so.
    pub(super) fn translate(&self, stamp: i64) -> Instant {
        let earliest = self.drained - HELD_BACK;
        let differences = [self.before.map(|(before, _)| before), Some(self.difference)];
        let mut moments = differences.into_iter().flatten().map(|difference| stamp.saturating_sub(difference));
        let moment = moments.find(|moment| (earliest..=self.now).contains(moment));
        let nearest = || stamp.saturating_sub(self.difference).clamp(earliest, self.now);
        instant(moment.unwrap_or_else(nearest))
    }

    /// The moment before which every frame has been translated: what is due by then may happen.
    pub(super) fn settled(&self) -> Instant {
        instant(self.drained - HELD_BACK)
    }
}

fn instant(monotonic: i64) -> Instant {
    Instant::from_nanos(u64::try_from(monotonic).unwrap_or_default())
}

/// Becomes readable when the wall clock is set.
#[derive(Debug)]
pub(super) struct Steps(TimerFd);

impl Steps {
    /// Watches from now on.
    pub(super) fn watch() -> io::Result<Self> {
        let timer = TimerFd::new(TimerClock::CLOCK_REALTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        let never = Expiration::OneShot(TimeSpec::new(i64::MAX / SECOND, 0));
        timer.set(never, TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET)?;
        Ok(Self(timer))
    }

    /// Forgets what made it readable.
    pub(super) fn clear(&self) {
        // Whether it was set, or nothing happened after all, is for both clocks to tell.
        let _why = self.0.wait();
    }
}

impl AsFd for Steps {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const MILLI: i64 = 1_000_000;

    /// What happens between two readings: a pause, then perhaps a step of the wall clock; frames at some of its moments.
    #[derive(Clone, Debug)]
    struct Round {
        pause: i64,
        step: i64,
        stepped_after: i64,
        frames: Vec<i64>,
    }

    fn round() -> impl Strategy<Value = Round> {
        let pause = 1_i64..8;
        let step = prop_oneof![4 => Just(0_i64), 1 => -100_000_i64..100_000, 1 => -30_i64..30];
        (pause, step, 0_i64..8, vec(0_i64..8, 0..4)).prop_map(|(pause, step, stepped_after, frames)| Round {
            pause: pause * MILLI,
            step: step * MILLI,
            stepped_after: stepped_after * MILLI,
            frames: frames.into_iter().map(|at| at * MILLI).collect(),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever the wall clock does, a daemon that reads in time is wrong by what a block is held back at most.
        #[test]
        fn steps_of_the_wall_clock_move_no_frame(rounds in vec(round(), 1..40)) {
            let (mut monotonic, mut wall) = (1_000_000 * MILLI, 1_700_000_000_000 * MILLI);
            let mut translator = Translator::new(Moment { monotonic, wall });
            for Round { pause, step, stepped_after, frames } in rounds {
                let wall_at = |at: i64| wall + at + if at >= stepped_after { step } else { 0 };
                let captured: Vec<_> =
                    frames.into_iter().filter(|at| *at <= pause).map(|at| (monotonic + at, wall_at(at))).collect();
                let now = Moment { monotonic: monotonic + pause, wall: wall_at(pause) };
                translator.advance(now);
                for (truth, stamp) in captured {
                    let told = i64::try_from(translator.translate(stamp).as_nanos()).expect("a near moment");
                    prop_assert!(told <= now.monotonic, "{} is after {}", told, now.monotonic);
                    prop_assert!((told - truth).abs() <= HELD_BACK + pause, "{told} for {truth}");
                    prop_assert!(step != 0 || translator.before.is_some() || told == truth);
                }
                translator.drained();
                wall = if stepped_after > pause { now.wall + step } else { now.wall };
                monotonic = now.monotonic;
            }
        }
    }

    #[test]
    fn a_daemon_that_stood_still_translates_exactly_without_a_step() {
        let start = Moment { monotonic: 0, wall: 5_000 * SECOND };
        let mut translator = Translator::new(start);
        translator.advance(Moment { monotonic: 60 * SECOND, wall: 5_060 * SECOND });
        assert_eq!(translator.translate(5_001 * SECOND), Instant::from_nanos(SECOND.unsigned_abs()));
        assert_eq!(translator.settled(), Instant::default(), "what is due waits for the frames");
    }

    #[test]
    fn a_step_is_forgotten_when_no_frame_can_be_older() {
        let mut translator = Translator::new(Moment { monotonic: 0, wall: 0 });
        translator.advance(Moment { monotonic: SECOND, wall: 0 });
        assert_eq!(translator.translate(SECOND / 2), instant(SECOND / 2), "from before the step");
        translator.drained();
        assert!(translator.remembers_a_step());
        translator.advance(Moment { monotonic: SECOND + 2 * HELD_BACK, wall: 2 * HELD_BACK });
        translator.drained();
        assert!(!translator.remembers_a_step());
        translator.advance(Moment { monotonic: 2 * SECOND, wall: SECOND });
        assert_eq!(translator.translate(SECOND), instant(2 * SECOND));
    }
}
