//! What fuzzing begins with: frames of the captures, the project's configurations and one-time files, and the journals
//! of some daemons' lives, each as an input of its target.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use pcap_file::pcap::PcapReader;

/// The seeds of a target of this name.
///
/// # Panics
///
/// The project's files are not there, or there is no such target.
#[must_use]
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "decoder" => files("captures", ".pcap").iter().flat_map(|path| frames(path)).collect(),
        "config" => {
            ["captures", "reference/examples/iptables", "reference/examples/nftables", "reference/examples/one-time"]
                .into_iter()
                .flat_map(|folder| files(folder, ".conf"))
                .map(|path| read(&path))
                .collect()
        }
        "one_time" => ["captures", "reference/examples/one-time"]
            .into_iter()
            .flat_map(|folder| files(folder, ".sequences"))
            .map(|path| read(&path))
            .collect(),
        #[cfg(feature = "live")]
        "journal" => journals(),
        _ => panic!("there is no target {target}"),
    }
}

/// The project's files in a folder whose names end so, in order.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("its entries can be read").path());
    let mut found: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    found.sort();
    assert!(!found.is_empty(), "no {ending} in {}", folder.display());
    found
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One frame of each length in a capture: the others differ in a port or a number.
fn frames(path: &Path) -> Vec<Vec<u8>> {
    let bytes = read(path);
    let mut capture = PcapReader::new(&bytes[..]).expect("a capture");
    let link = match u32::from(capture.header().datalink) & 0xffff {
        1 => 0,
        113 => 1,
        276 => 2,
        12 | 101 | 228 | 229 => 3,
        0 | 108 => 4,
        other => panic!("{}: link type {other}", path.display()),
    };
    let (mut lengths, mut frames) = (BTreeSet::new(), Vec::new());
    while let Some(packet) = capture.next_raw_packet() {
        let packet = packet.expect("a whole record");
        if lengths.insert(packet.data.len()) {
            frames.push([&[link, 50, 4], &packet.data[..]].concat());
        }
    }
    frames
}

/// Journals in each of the target's kinds.
#[cfg(feature = "live")]
fn journals() -> Vec<Vec<u8>> {
    use std::time::Duration;

    use knockd::daemon::{
        journal::record::{Key, MAGIC, Record, write},
        message::Stop,
    };

    let key = |interface: &[u8]| {
        Record::Key(Key {
            pid_file: b"/run/knockd.pid".to_vec(),
            config: b"/etc/knockd.conf".to_vec(),
            interface: interface.to_vec(),
        })
    };
    let stop = |source: &str| Stop {
        command: format!("/usr/sbin/iptables -D INPUT -s {source} -j ACCEPT").into_bytes(),
        after: Duration::from_secs(10),
        door: "openSSH".to_owned(),
        source: source.parse().expect("an address"),
    };
    let (boot, due) = ([7; 16], 12_000_000_000);
    let opening = |opening, source| Record::Opening { opening, stop: stop(source) };
    let lives = [
        vec![],
        vec![key(b"eth0")],
        vec![key(b"eth0"), opening(0, "192.0.2.7")],
        vec![
            key(b""),
            opening(0, "192.0.2.7"),
            Record::Opened { opening: 0, boot, due },
            Record::Closed { opening: 0 },
        ],
        vec![
            key(b"any"),
            opening(3, "192.0.2.7"),
            opening(4, "2001:db8::7"),
            Record::Opened { opening: 4, boot, due },
            Record::Closed { opening: 3 },
            Record::Opened { opening: 9, boot, due: 0 },
        ],
    ];
    let mut seeds = Vec::new();
    for life in lives {
        let (mut text, mut contents) = (MAGIC.to_vec(), Vec::new());
        for record in &life {
            let begin = text.len();
            write(record, &mut text);
            let content = &text[begin + 8..];
            contents.push(u8::try_from(content.len()).expect("short commands"));
            contents.extend(content);
        }
        seeds.push([&[0], &text[..]].concat());
        seeds.push([&[1], &contents[..]].concat());
        seeds.push([&[2, 128, 1], &contents[..]].concat());
    }
    seeds
}
