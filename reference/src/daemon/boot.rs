//! Time since the boot, and which boot it is: what a time in the journal is counted from.

use std::{fs, io, time::Duration};

use nix::time::{ClockId, clock_gettime};

use super::journal::record::BootId;

/// How long ago this machine was started, sleep included.
#[must_use]
pub fn now() -> Duration {
    // Linux has had this clock since 2.6.39; without it everything would be due at once, and nothing stay open.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::MAX, Duration::from)
}

/// This boot.
///
/// # Errors
///
/// The system does not tell.
pub fn id() -> io::Result<BootId> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let number =
        u128::from_str_radix(&digits, 16).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(number.to_be_bytes())
}
