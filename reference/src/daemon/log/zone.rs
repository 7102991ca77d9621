//! Local time as the C library has it, so that lines carry the time that `date` shows: the zone that `TZ` names, else the
//! system's. One file is read, and again when it was replaced; nothing looks through the data of all zones.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;

/// The system's zone.
const SYSTEM: &str = "/etc/localtime";
/// Where zones lie that are named without a path.
const ZONES: &str = "/usr/share/zoneinfo";

/// The local time zone.
#[derive(Debug)]
pub(super) struct Zone {
    zone: TimeZone,
    /// The file of a zone that may be replaced while the daemon runs, and which file it was.
    file: Option<(&'static Path, Option<Identity>)>,
}

/// What changes when another file takes a file's place: device, inode, time of the last change.
type Identity = (u64, u64, i64, i64);

impl Zone {
    /// The zone of this process.
    pub(super) fn local() -> Self {
        match std::env::var_os("TZ") {
            Some(name) => {
                let zones = std::env::var_os("TZDIR").unwrap_or_else(|| ZONES.into());
                Self { zone: named(&name, Path::new(&zones)), file: None }
            }
            None => Self::of(Path::new(SYSTEM)),
        }
    }

    fn of(path: &'static Path) -> Self {
        Self { zone: read(path).unwrap_or(TimeZone::UTC), file: Some((path, identity(path))) }
    }

    /// The zone now.
    pub(super) fn now(&mut self) -> TimeZone {
        if let Some((path, seen)) = self.file
            && identity(path) != seen
        {
            *self = Self::of(path);
        }
        self.zone.clone()
    }
}

/// The zone that a value of `TZ` means, UTC if it means none.
fn named(value: &OsStr, zones: &Path) -> TimeZone {
    let bytes = value.as_bytes();
    let name = bytes.strip_prefix(b":").unwrap_or(bytes);
    if name.is_empty() {
        return TimeZone::UTC;
    }
    // An absolute path is not below the folder.
    let path: PathBuf = zones.join(OsStr::from_bytes(name));
    let rule = || TimeZone::posix(std::str::from_utf8(name).ok()?).ok();
    read(&path).or_else(rule).unwrap_or(TimeZone::UTC)
}

fn read(path: &Path) -> Option<TimeZone> {
    // Its name is shown nowhere.
    TimeZone::tzif("local", &fs::read(path).ok()?).ok()
}

fn identity(path: &Path) -> Option<Identity> {
    let about = fs::metadata(path).ok()?;
    Some((about.dev(), about.ino(), about.mtime(), about.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    /// The data of a zone that is always so many hours ahead of UTC.
    fn ahead(hours: i32) -> Vec<u8> {
        let mut data = b"TZif".to_vec();
        data.extend([0; 16]);
        for count in [0_u32, 0, 0, 0, 1, 4] {
            data.extend(count.to_be_bytes());
        }
        data.extend((hours * 3_600).to_be_bytes());
        data.extend(b"\0\0XYZ\0");
        data
    }

    /// The hour of a moment at which it is noon in UTC.
    fn hour(zone: TimeZone) -> i8 {
        Timestamp::from_second(12 * 3_600).expect("a time").to_zoned(zone).hour()
    }

    #[test]
    fn a_value_means_what_it_means_to_the_c_library() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("Far")).expect("a folder");
        fs::write(folder.path().join("Far/East"), ahead(9)).expect("a file");
        fs::write(folder.path().join("EST5"), ahead(2)).expect("a file");
        let path = folder.path().join("Far/East").into_os_string().into_string().expect("a plain path");
        let values = [
            ("", 12),
            ("Far/East", 21),
            (":Far/East", 21),
            (&path, 21),
            ("EST5", 14),
            ("XYZ-3", 15),
            ("<+03>-3", 15),
            ("Nowhere/Known", 12),
        ];
        for (value, expected) in values {
            assert_eq!(hour(named(OsStr::new(value), folder.path())), expected, "{value}");
        }
    }

    #[test]
    fn a_zone_that_is_replaced_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path: &'static Path = Box::leak(folder.path().join("localtime").into_boxed_path());
        let mut zone = Zone::of(path);
        assert_eq!(hour(zone.now()), 12, "there is none");
        for hours in [3, 4] {
            fs::write(folder.path().join("new"), ahead(hours)).expect("a file");
            fs::rename(folder.path().join("new"), path).expect("the same folder");
            assert_eq!(hour(zone.now()), 12 + i8::try_from(hours).expect("a few"));
        }
    }
}
