//! What the preloaded functions share: a clock that only packets and sleeps move, a transcript, and the places where the
//! daemon stops so that its keeper can do something to it.
//!
//! The transcript is standard output and the keeper's answers come from standard input, as they were when the daemon
//! asked for its interface. A line that begins with `@` is one of ours:
//!
//! | line | |
//! |---|---|
//! | `@listen NAME PID` | The daemon opens the interface NAME; PID is its process. |
//! | `@stop N PID` | Before packet N (counted from 1) PID waits for one byte on standard input. N is one more than there are packets at the end of the capture. |
//! | `@packet N SECONDS` | Packet N is seen; the clock now says SECONDS. |
//! | `@child PID SECONDS` | What follows, up to the next `@child`, `@stop`, `@packet` or `@end`, is a child's. |
//! | `@run TEXT` | A shell is given TEXT; what follows, up to `@ran`, is the output of that command. |
//! | `@ran STATUS` | The shell ended with this wait status, which is 256 times its exit status. |
//! | `@sleep N SECONDS` | The process sleeps N seconds, in no time; its clock now says SECONDS. |
//! | `@syslog TEXT` | TEXT goes to syslog, and no further. |
//! | `@end` | The capture is over and the daemon is ended; its exit status says nothing. |
//! | `@broken TEXT` | The library was started wrongly; the daemon is ended with status 125. |

#![forbid(unsafe_code)]

use std::{
    env,
    fs::File,
    io::{self, Read, Write},
    net::{IpAddr, Shutdown},
    os::{fd::AsFd, unix::net::UnixStream},
    process,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

/// The capture that is read instead of an interface: a path.
pub const CAPTURE: &str = "KNOCK_CAPTURE";
/// The interface's addresses, with or without prefix lengths and separated by commas.
pub const LOCALS: &str = "KNOCK_LOCALS";
/// The interfaces that there are, separated by commas; absent, `eth0`. What was captured came to the first of them, and to
/// the others comes nothing. Beside them there is `any`.
pub const INTERFACES: &str = "KNOCK_INTERFACES";
/// The packets before which the daemon stops, separated by commas, once for each time that a packet is named; absent or
/// empty, none.
pub const STOPS: &str = "KNOCK_STOPS";

struct World {
    hears: bool,
    transcript: File,
    answers: File,
    stops: Vec<usize>,
}

static WORLD: OnceLock<World> = OnceLock::new();
/// Microseconds since 1970. A child goes on with a copy of its own.
static CLOCK: AtomicI64 = AtomicI64::new(0);
static SEEN: AtomicUsize = AtomicUsize::new(0);
/// Children that wait until the daemon is done with a packet.
static WAITING: Mutex<Vec<UnixStream>> = Mutex::new(Vec::new());

fn interfaces() -> Vec<String> {
    env::var(INTERFACES).unwrap_or("eth0".to_owned()).split(',').map(str::to_owned).collect()
}

/// Notes that the daemon listens on `interface`, from `start` on, in microseconds since 1970. Whether there is such an
/// interface.
///
/// Descriptors are taken once: a daemon that detaches gives its own away.
pub fn listen(interface: &str, start: i64) -> bool {
    let interfaces = interfaces();
    if interface != "any" && !interfaces.iter().any(|name| name == interface) {
        return false;
    }
    CLOCK.store(start, Ordering::Relaxed);
    WORLD.get_or_init(|| World {
        hears: interface == "any" || interfaces.first().is_some_and(|name| name == interface),
        transcript: copy(io::stdout()),
        answers: copy(io::stdin()),
        stops: stops(&env::var(STOPS).unwrap_or_default()),
    });
    mark(&format!("listen {interface} {}", process::id()));
    true
}

/// Whether packets come to the interface that the daemon listens on.
#[must_use]
pub fn hears() -> bool {
    WORLD.get().is_some_and(|world| world.hears)
}

fn copy(of: impl AsFd) -> File {
    // A copy is closed when a command is run, so that no command holds the transcript open or reads an answer.
    of.as_fd().try_clone_to_owned().map_or_else(|error| broken(&error.to_string()), File::from)
}

fn stops(list: &str) -> Vec<usize> {
    let numbers = list.split(',').filter(|number| !number.is_empty());
    numbers
        .map(|number| number.parse().unwrap_or_else(|_| broken(&format!("no number in {STOPS}: {number}"))))
        .collect()
}

/// The addresses of the interface to which packets come, and its name.
#[must_use]
pub fn locals() -> (String, Vec<IpAddr>) {
    let list = env::var(LOCALS).unwrap_or_default();
    let texts = list.split(',').filter(|text| !text.is_empty());
    let address = |text: &str| text.split('/').next().and_then(|address| address.parse().ok());
    let addresses =
        texts.map(|text| address(text).unwrap_or_else(|| broken(&format!("no address in {LOCALS}: {text}"))));
    (interfaces().swap_remove(0), addresses.collect())
}

/// What the clock says, in microseconds since 1970.
#[must_use]
pub fn now() -> i64 {
    CLOCK.load(Ordering::Relaxed)
}

/// Comes to the next packet, after whatever has to happen before it, and returns its index. `stamp` tells that of the
/// packet with an index, if there is one.
pub fn next(stamp: impl Fn(usize) -> Option<i64>) -> Option<usize> {
    let_children_run();
    let index = SEEN.load(Ordering::Relaxed);
    let stops = WORLD.get().map_or(&[][..], |world| &world.stops);
    for number in stops.iter().filter(|number| **number == index + 1) {
        stop(*number);
    }
    let Some(stamp) = stamp(index) else {
        mark("end");
        return None;
    };
    SEEN.store(index + 1, Ordering::Relaxed);
    // A wall clock that was set back does not make the daemon's past undone.
    CLOCK.fetch_max(stamp, Ordering::Relaxed);
    mark(&format!("packet {} {}", index + 1, clock()));
    Some(index)
}

/// Waits for the keeper. Signals are handled meanwhile, so nothing here may be locked; one that was sent before the answer
/// has been handled when this returns.
fn stop(number: usize) {
    mark(&format!("stop {number} {}", process::id()));
    let answered = WORLD.get().is_some_and(|world| (&world.answers).read_exact(&mut [0]).is_ok());
    if !answered {
        broken(&format!("no answer at {STOPS} {number}"));
    }
}

/// A pair for a child: its own end and the parent's.
#[must_use]
pub fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap_or_else(|error| broken(&error.to_string()))
}

/// Keeps a child back until the daemon is done with the packet: whoever runs first would otherwise be left to chance.
pub fn keep_back(child: UnixStream) {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).push(child);
}

/// In a child: waits for its turn, which comes at once when the daemon has died.
pub fn await_turn(mut parent: UnixStream) {
    // An error or the end of the stream also means that the daemon is gone.
    let _gone = parent.read(&mut [0]);
    mark(&format!("child {} {}", process::id(), clock()));
    // The daemon goes on when this child has ended and its end of the pair is closed with it.
    std::mem::forget(parent);
}

fn let_children_run() {
    let children = std::mem::take(&mut *WAITING.lock().unwrap_or_else(PoisonError::into_inner));
    for mut child in children {
        // A child that was killed needs no turn, and its stream has ended.
        let _ended = child.shutdown(Shutdown::Write).and_then(|()| child.read(&mut [0]));
    }
}

/// Sleeps without letting time pass for anybody else.
pub fn sleep(seconds: u32) {
    CLOCK.fetch_add(i64::from(seconds) * 1_000_000, Ordering::Relaxed);
    mark(&format!("sleep {seconds} {}", clock()));
}

/// Writes one of our lines to the transcript.
pub fn mark(line: &str) {
    if let Some(world) = WORLD.get() {
        // Whoever reads the transcript may have gone; then nobody misses the line.
        let _gone = (&world.transcript).write_all(format!("@{line}\n").as_bytes());
    }
}

fn clock() -> String {
    format!("{}.{:06}", now() / 1_000_000, now() % 1_000_000)
}

/// Ends a daemon whose keeper has made a mistake.
pub fn broken(text: &str) -> ! {
    // The transcript may not be open yet, and it is standard output.
    let _gone = writeln!(io::stdout(), "@broken {text}");
    process::exit(125);
}
