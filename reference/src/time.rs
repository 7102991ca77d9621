//! The engine's clock.

use std::{fmt, time::Duration};

/// A moment on the engine's only clock: nanoseconds since an origin that its caller chose and keeps.
///
/// A daemon takes the monotonic clock and translates capture stamps to it, so a step of the wall clock cannot expire
/// or extend a knock (TIME-4); a replay takes the capture's own stamps, counted from the epoch (TIME-2). There is no
/// conversion to civil time here: what a log line shows is its writer's business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The last moment that can be told, about 584 years after the origin.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the origin.
    #[must_use]
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment `span` later, or [`Instant::MAX`] past the end of the clock.
    #[must_use]
    #[inline]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Seconds since the origin with nine decimals.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}
