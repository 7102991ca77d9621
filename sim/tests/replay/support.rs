//! A folder with captures and what belongs to them, and the program that is run in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Output, Stdio},
};

use etherparse::PacketBuilder;
use knockd::time::Instant;
use knocksim::capture::PcapWriter;
use tempfile::TempDir;

/// Link type: packets begin with the IP header.
pub(crate) const RAW: u16 = 101;

/// 2026-11-22 00:00:00 UTC, when the packets of these tests begin, in seconds since the epoch.
pub(crate) const START: u64 = 1_795_305_600;

/// The knocking client of most tests.
pub(crate) const CLIENT: &str = "192.0.2.7";

/// The host that captures.
pub(crate) const SERVER: &str = "192.0.2.1";

/// A door of three ports that counts SYNs only.
pub(crate) const DOOR: &str =
    "[ssh]\n  Sequence = 7000,9000,8000\n  Seq_Timeout = 5\n  TCPFlags = syn,!ack\n  Command = open %IP%\n";

/// The folder with the committed captures.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures")
}

/// The committed captures, by name.
pub(crate) fn captures() -> Vec<PathBuf> {
    let is_capture = |path: &PathBuf| {
        let name = path.to_string_lossy();
        [".pcap", ".pcapng", ".pcap.gz"].iter().any(|ending| name.ends_with(ending))
    };
    let mut captures: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the captures are there")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_capture)
        .collect();
    captures.sort();
    captures
}

/// A packet of a made-up capture: how many milliseconds after [`START`], and its bytes from the IP header on.
pub(crate) type Packet = (u64, Vec<u8>);

/// A TCP segment with these flags from [`CLIENT`] to `port` of [`SERVER`]. Its source port is the port plus 1, its
/// sequence number `at`, so that two of them at one moment are the same packet.
pub(crate) fn tcp(at: u64, port: u16, flags: &str) -> Packet {
    let sequence = number(at);
    let mut builder = PacketBuilder::ipv4(octets(CLIENT), octets(SERVER), 64).tcp(port + 1, port, sequence, 1024);
    for flag in flags.split(',') {
        builder = match flag {
            "syn" => builder.syn(),
            "ack" => builder.ack(1),
            "psh" => builder.psh(),
            "fin" => builder.fin(),
            other => panic!("no flag {other}"),
        };
    }
    let mut bytes = Vec::new();
    builder.write(&mut bytes, &[]).expect("a vector takes every byte");
    (at, bytes)
}

/// A SYN as [`tcp`] makes it.
pub(crate) fn syn(at: u64, port: u16) -> Packet {
    tcp(at, port, "syn")
}

/// A UDP datagram from [`CLIENT`] to `port` of [`SERVER`].
pub(crate) fn udp(at: u64, port: u16) -> Packet {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4(octets(CLIENT), octets(SERVER), 64)
        .udp(port + 1, port)
        .write(&mut bytes, b"x")
        .expect("a vector takes every byte");
    (at, bytes)
}

/// A SYN over IPv6 from 2001:db8::7 to `port` of 2001:db8::1.
pub(crate) fn syn6(at: u64, port: u16) -> Packet {
    let address = |last: u8| [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let mut bytes = Vec::new();
    let builder = PacketBuilder::ipv6(address(7), address(1), 64).tcp(port + 1, port, number(at), 1024);
    builder.syn().write(&mut bytes, &[]).expect("a vector takes every byte");
    (at, bytes)
}

/// The same packet from another IPv4 source; checksums are not looked at (LISTEN-6).
pub(crate) fn from(source: &str, (at, mut bytes): Packet) -> Packet {
    bytes[12..16].copy_from_slice(&octets(source));
    (at, bytes)
}

/// The same packet to another IPv4 destination.
pub(crate) fn to(destination: &str, (at, mut bytes): Packet) -> Packet {
    bytes[16..20].copy_from_slice(&octets(destination));
    (at, bytes)
}

fn number(at: u64) -> u32 {
    u32::try_from(at).expect("tests last milliseconds")
}

fn octets(address: &str) -> [u8; 4] {
    address.parse::<std::net::Ipv4Addr>().expect("an address").octets()
}

/// A capture of these packets, with stamps in microseconds.
pub(crate) fn pcap(packets: &[Packet]) -> Vec<u8> {
    pcap_of(RAW, false, packets)
}

/// A capture of these packets with this link type and resolution.
pub(crate) fn pcap_of(link: u16, nanos: bool, packets: &[Packet]) -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), link, nanos).expect("a vector takes every byte");
    for (at, bytes) in packets {
        let at = Instant::from_nanos(START * 1_000_000_000 + at * 1_000_000);
        writer.record(at, bytes, bytes.len()).expect("a vector takes every byte");
    }
    writer.finish().expect("a vector takes every byte")
}

/// The three right hits of [`DOOR`], half a second apart.
pub(crate) fn knock() -> Vec<u8> {
    pcap(&[syn(0, 7000), syn(500, 9000), syn(1000, 8000)])
}

/// A folder that goes away with the test.
pub(crate) struct Scene(TempDir);

impl Scene {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("the folder can be used"))
    }

    /// A folder with `a.pcap` of these bytes and `a.conf` of [`DOOR`].
    pub(crate) fn with_capture(bytes: &[u8]) -> Self {
        Self::new().file("a.pcap", bytes).file("a.conf", DOOR)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and its folder if there is none.
    pub(crate) fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(self.path())).expect("the folder can be used");
        fs::write(&path, bytes).expect("the folder can be used");
        self
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `knocksim` in this folder, not yet run.
    #[expect(clippy::disallowed_types, reason = "the program is run as its users run it")]
    pub(crate) fn command(&self, arguments: &[&str]) -> process::Command {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_knocksim"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for variable in ["CLICOLOR", "CLICOLOR_FORCE", "NO_COLOR", "COLUMNS"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs `knocksim replay` here.
    pub(crate) fn replay(&self, arguments: &[&str]) -> Ran {
        let arguments: Vec<&str> = ["replay"].iter().chain(arguments).copied().collect();
        Ran::from(self.command(&arguments).output().expect("the program can be run"))
    }
}

/// Runs `knocksim replay` where the captures are called `captures/NAME`.
pub(crate) fn replay_committed(arguments: &[&str]) -> Ran {
    let arguments: Vec<&str> = ["replay"].iter().chain(arguments).copied().collect();
    let mut command = Scene::new().command(&arguments);
    Ran::from(command.current_dir(folder().join("..")).output().expect("the program can be run"))
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    /// Standard error, but for [`Ran::notes`].
    pub(crate) err: String,
    /// What is said on standard error that is no complaint.
    pub(crate) notes: Vec<String>,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let err = String::from_utf8(output.stderr).expect("UTF-8");
        let is_note = |line: &&str| line.starts_with("knocksim: note: ");
        let (notes, err): (Vec<&str>, Vec<&str>) = err.split_inclusive('\n').partition(is_note);
        Self {
            status: output.status.code().expect("ended by a signal"),
            out: without_rate(&String::from_utf8(output.stdout).expect("UTF-8")),
            err: err.concat(),
            notes: notes.into_iter().map(ToOwned::to_owned).collect(),
        }
    }
}

impl Ran {
    /// Standard output of a run without complaints.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// Both streams and the status, to be read by people.
    pub(crate) fn picture(&self) -> String {
        let Self { status, out, err, .. } = self;
        format!("{out}--- standard error\n{err}--- status {status}\n")
    }
}

/// `text` without the one number in it that no two runs share.
fn without_rate(text: &str) -> String {
    let line = |line: &str| match line.rsplit_once("; ") {
        Some((counts, rate)) if rate.ends_with(" packets a second") => format!("{counts}; N packets a second\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// The lines of `--json` in few words: packet, seconds since [`START`], event, source, door, knock, then the event's own.
pub(crate) fn decisions(json: &str) -> Vec<String> {
    json.lines().map(|line| brief(&serde_json::from_str(line).expect("a line is JSON"))).collect()
}

fn brief(line: &serde_json::Value) -> String {
    let text = |name: &str| line[name].as_str().map_or_else(|| "-".to_owned(), str::to_owned);
    let time = text("time").split_once('.').map_or_else(
        || "-".to_owned(),
        |(seconds, fraction)| format!("{}.{fraction}", seconds.parse::<u64>().expect("seconds") - START),
    );
    let number = |name: &str| line[name].as_u64().map_or_else(|| "-".to_owned(), |number| number.to_string());
    let mut brief = format!("{} {time} {} {} {}", number("packet"), text("event"), text("source"), text("door"));
    brief += &format!(" k{}", number("knock"));
    let own = ["stage", "clause", "file", "file_hex", "offset", "command", "command_hex", "job"];
    for field in own.iter().filter_map(|name| line.get(name)) {
        brief += &format!(" {}", field.to_string().trim_matches('"'));
    }
    brief
}
