//! Streams are visited as they come, and long captures pause.

use std::{
    fs,
    io::{self, Read},
    sync::{Arc, Mutex},
};

use knocksim::capture::{Progress, Reader, Record, Visit};

use crate::{
    files::{Order, gzip, header, interface, packet, record, section},
    seen::Keep,
};

const LE: Order = Order::Little;

/// What happened, in order, to a reader and a visit that share it.
type Log = Arc<Mutex<Vec<String>>>;

/// Brings one piece at each read, and says so.
struct Pieces(std::vec::IntoIter<Vec<u8>>, Log);

impl Read for Pieces {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let piece = self.0.next().unwrap_or_default();
        self.1.lock().expect("one thread").push(format!("read {}", piece.len()));
        room[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

struct Told(Log);

impl Visit for Told {
    fn record(&mut self, record: Record<'_>) {
        self.0.lock().expect("one thread").push(format!("packet {}", record.number));
    }

    fn pause(&mut self, progress: Progress) {
        self.0.lock().expect("one thread").push(format!("pause {}", progress.bytes));
    }
}

fn log(pieces: Vec<Vec<u8>>) -> Vec<String> {
    let log = Log::default();
    Reader::from_read("x", Pieces(pieces.into_iter(), Arc::clone(&log)))
        .expect("a capture")
        .read(&mut Told(Arc::clone(&log)))
        .expect("no fault");
    Arc::into_inner(log).expect("the reader is gone").into_inner().expect("one thread")
}

#[test]
fn a_packet_is_visited_before_the_next_one_is_awaited() {
    let one = record(LE, 1, 2, &[1; 4], 4);
    let told =
        log(vec![header(LE, false, 1), one.clone(), one[..7].to_vec(), one[7..].to_vec(), [one.clone(), one].concat()]);
    assert_eq!(
        told,
        [
            "read 24",
            "pause 24",
            "read 20",
            "packet 1",
            "pause 44",
            "read 7",
            "pause 51",
            "read 13",
            "packet 2",
            "pause 64",
            "read 40",
            "packet 3",
            "packet 4",
            "pause 104",
            "read 0",
        ]
    );
    let told =
        log(vec![section(LE), [interface(LE, 1, 0, &[]), packet(LE, 0, 0, &[], 0)].concat(), packet(LE, 0, 0, &[], 0)]);
    assert_eq!(
        told,
        ["read 28", "pause 28", "read 52", "packet 1", "pause 80", "read 32", "packet 2", "pause 112", "read 0"]
    );
}

/// Fails with `Interrupted` before each read, as a signal does.
struct Interrupted<R>(R, bool);

impl<R: Read> Read for Interrupted<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { self.0.read(room) }
    }
}

/// Fails after its bytes, as a bad disk does.
struct Broken<R>(R);

impl<R: Read> Read for Broken<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self.0.read(room)? {
            0 => Err(io::Error::other("the disk is on fire")),
            count => Ok(count),
        }
    }
}

#[test]
fn signals_are_no_faults_and_errors_are() {
    let file = [header(LE, false, 1), record(LE, 1, 2, &[1; 4], 4)].concat();
    for bytes in [file.clone(), gzip(&file)] {
        let mut keep = Keep::default();
        Reader::from_read("x", Interrupted(io::Cursor::new(bytes.clone()), false))
            .expect("a capture")
            .read(&mut keep)
            .expect("no fault");
        assert_eq!(keep.records.len(), 1);
        let broken = Reader::from_read("x", Broken(io::Cursor::new(bytes))).expect("a capture");
        let fault = broken.read(&mut keep).expect_err("a fault");
        assert_eq!(fault.to_string(), "x: packet 2 at byte 44: cannot be read: the disk is on fire");
        assert_eq!(keep.records.len(), 2);
    }
}

#[test]
fn long_captures_pause_at_least_once_a_mebibyte() {
    let mut file = header(LE, false, 1);
    for number in 0..60_000_u32 {
        let bytes: Vec<u8> =
            (0..15).flat_map(|turn| (number.wrapping_mul(2_654_435_761) ^ turn).to_le_bytes()).collect();
        file.extend(record(LE, number, 0, &bytes, 60));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.pcap");
    for content in [file.clone(), gzip(&file)] {
        fs::write(&path, &content).expect("written");
        let mut keep = Keep::default();
        Reader::open(&path).expect("a capture").read(&mut keep).expect("no fault");
        assert_eq!(keep.records.len(), 60_000);
        assert!(keep.pauses.len() >= file.len() >> 20, "{} pauses", keep.pauses.len());
        assert!(keep.pauses.iter().all(|pause| pause.total == Some(content.len() as u64)));
        assert!(keep.pauses.is_sorted_by_key(|pause| pause.bytes));
        assert!(keep.pauses.last().is_some_and(|pause| pause.bytes <= content.len() as u64));
    }
}

#[test]
fn a_block_longer_than_the_buffer_is_read_from_a_stream() {
    let long = vec![5; 3 << 20];
    let file =
        [section(LE), crate::files::block(LE, 0x0bad, &long), interface(LE, 1, 0, &[]), packet(LE, 0, 7, &[1], 1)]
            .concat();
    let from_memory = crate::seen::from_memory(&file);
    assert_eq!(from_memory.0.len(), 1);
    assert_eq!(crate::seen::from_stream(&file, &[65_536]), from_memory);
    assert_eq!(crate::seen::from_stream(&gzip(&file), &[usize::MAX]), from_memory);
}
