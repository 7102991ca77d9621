//! Time since the boot, and which boot it is: what a time in the journal is counted from.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use nix::time::{ClockId, clock_gettime};

use super::journal::record::BootId;

/// How long ago this machine was started, sleep included.
#[must_use]
pub fn now() -> Duration {
    // Linux has had this clock since 2.6.39; without it everything would be due at once, and nothing stay open.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::MAX, Duration::from)
}

/// This boot. Where the system does not tell, every process has a boot of its own: what it opens is then closed at once
/// by the next one.
#[must_use]
pub fn id() -> BootId {
    told().unwrap_or_else(|| {
        let moment = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        moment.as_nanos().wrapping_add(u128::from(std::process::id()) << 96).to_be_bytes()
    })
}

fn told() -> Option<BootId> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}
