//! Time in a case: nanoseconds since its start, written in seconds.

use std::fmt;

/// A moment or a span of a case, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Nanos(pub u64);

/// One second.
pub const SECOND: Nanos = Nanos(1_000_000_000);

impl Nanos {
    /// This much later.
    #[must_use]
    pub fn after(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// This much earlier, at the earliest the start.
    #[must_use]
    pub fn before(self, span: Self) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// Reads seconds with at most nine decimals, without sign.
    ///
    /// # Errors
    ///
    /// The text, and what is expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no time: seconds like `2` or `0.25`, with at most nine decimals, are expected");
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 9 {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let nanos: u64 = format!("{decimals:0<9}").parse().map_err(|_| wrong())?;
        whole.checked_mul(SECOND.0).and_then(|whole| whole.checked_add(nanos)).map(Self).ok_or_else(wrong)
    }
}

/// In seconds, without needless zeros.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, nanos) = (self.0 / SECOND.0, self.0 % SECOND.0);
        if nanos == 0 {
            return write!(f, "{whole}");
        }
        let decimals = format!("{nanos:09}");
        write!(f, "{whole}.{}", decimals.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written_alike() {
        for (text, nanos) in [("0", 0), ("2", 2_000_000_000), ("0.25", 250_000_000), ("1.000000001", 1_000_000_001)] {
            assert_eq!(Nanos::parse(text), Ok(Nanos(nanos)));
            assert_eq!(Nanos(nanos).to_string(), text);
        }
        for bad in ["", ".5", "1.0000000001", "-1", "1e3", "99999999999999999999", "1,5"] {
            assert!(Nanos::parse(bad).is_err_and(|error| error.contains(bad)));
        }
    }
}
