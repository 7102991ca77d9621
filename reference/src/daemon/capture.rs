//! Frames off the interfaces (LISTEN-1, LISTEN-8, LISTEN-10): a ring for each, opened when the interface is there and up,
//! and again when it comes back.

use std::{error::Error as _, ffi::CString, os::fd::BorrowedFd};

use knockd_libpcap::{Capture, Library};
use socket2::{SockFilter, SockRef};

use super::{
    clock::stamp,
    error::{CaptureError, Error, LibraryError},
    filter::Interest,
    link::Links,
};
use crate::{
    engine::Local,
    wire::{Frame, Link},
};

/// The name that stands for all interfaces.
pub(super) const ANY: &str = "any";

/// How many bytes of a frame are captured: tags, IPv4 with all its options, or IPv6 with a few hundred bytes of extension
/// headers, and TCP. What lies beyond cannot be a hit (LISTEN-6); nobody's own packets look like that.
const SNAPLEN: u16 = 512;
/// The ring's bytes: a quarter of a second of the smallest frames at 670,000 a second.
const RING: i32 = 16 << 20;
/// After how many milliseconds frames are handed over that do not fill a block.
const TIMEOUT: i32 = 1;

/// How many frames are read at once: few enough that they stay in the nearest caches.
pub(super) const BATCH: usize = 256;

/// The names of libpcap: Debian's first, since the search for a name that is not there takes a while; then its own.
const NAMES: [&str; 3] = ["libpcap.so.0.8", OWN_NAME, "libpcap.so"];
const OWN_NAME: &str = "libpcap.so.1";

/// Loads libpcap; it stays.
fn library() -> Result<&'static Library, LibraryError> {
    let mut words = String::new();
    for name in NAMES {
        match Library::load(name) {
            Ok(library) => return Ok(Box::leak(Box::new(library))),
            // Its own words are that loading failed; what the loader said lies below.
            Err(error) if name == OWN_NAME => {
                words = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            }
            Err(_) => {}
        }
    }
    Err(LibraryError { words })
}

/// Frames that were read together, in the order of their capture.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    frames: Vec<Read>,
    /// Whether no frame was left.
    pub(super) drained: bool,
}

/// One frame of a batch.
#[derive(Clone, Copy, Debug)]
struct Read {
    stamp: i64,
    at: usize,
    captured: usize,
    original_len: usize,
    link: Link,
    loopback: bool,
}

impl Batch {
    /// The frames, each with its stamp and whether it was captured on a loopback interface.
    pub(super) fn frames(&self) -> impl ExactSizeIterator<Item = (i64, bool, Frame<'_>)> {
        self.frames.iter().map(|read| {
            let bytes = &self.bytes[read.at..read.at + read.captured];
            (read.stamp, read.loopback, Frame { link: read.link, bytes, original_len: read.original_len })
        })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
        self.drained = true;
    }
}

/// What happened to an interface.
#[derive(Debug)]
pub(super) enum Change {
    /// It is there and up again.
    Back(String),
    /// It is down or gone.
    Away(String),
    /// It is there, but cannot be captured on.
    Failed(CaptureError),
}

/// All captures.
#[derive(Debug)]
pub(super) struct Captures {
    library: &'static Library,
    wanted: Vec<Wanted>,
}

#[derive(Debug)]
struct Wanted {
    name: String,
    open: Option<Open>,
    /// It failed, and that was told.
    failed: bool,
}

#[derive(Debug)]
struct Open {
    capture: Capture<'static>,
    link: Link,
    index: usize,
    loopback: bool,
}

impl Captures {
    /// Captures on those of the interfaces that are there and up.
    ///
    /// # Errors
    ///
    /// There is no libpcap, or an interface cannot be captured on.
    pub(super) fn begin(interfaces: &[String], links: &Links, interest: &Interest) -> Result<Self, Error> {
        let library = library().map_err(Error::Library)?;
        let wanted = interfaces.iter().map(|name| Wanted { name: name.clone(), open: None, failed: false });
        let mut captures = Self { library, wanted: wanted.collect() };
        let failed = captures.follow(links, interest).into_iter().find_map(|change| match change {
            Change::Failed(error) => Some(error),
            Change::Back(_) | Change::Away(_) => None,
        });
        failed.map_or(Ok(captures), |error| Err(Error::Capture(error)))
    }

    /// Other interfaces are wanted; what is open and still wanted stays so. To be followed by [`Captures::follow`].
    pub(super) fn want(&mut self, interfaces: &[String]) {
        let mut old = std::mem::take(&mut self.wanted);
        for name in interfaces {
            let known = old.iter().position(|wanted| wanted.name == *name).map(|place| old.swap_remove(place));
            self.wanted.push(known.unwrap_or_else(|| Wanted { name: name.clone(), open: None, failed: false }));
        }
    }

    /// Opens what is there and up, closes what is not.
    pub(super) fn follow(&mut self, links: &Links, interest: &Interest) -> Vec<Change> {
        let mut changes = Vec::new();
        for wanted in &mut self.wanted {
            let here = match links.get(&wanted.name) {
                _ if wanted.name == ANY => Some((0, false)),
                Some(link) if link.up => Some((link.index, link.loopback)),
                Some(_) | None => None,
            };
            let was_open = wanted.open.is_some();
            if wanted.open.as_ref().is_some_and(|open| here.is_none_or(|(index, _)| index != open.index)) {
                wanted.open = None;
            }
            if let (None, Some((index, loopback))) = (&wanted.open, here) {
                match Open::new(self.library, &wanted.name, index, loopback, interest) {
                    Ok(open) => (wanted.open, wanted.failed) = (Some(open), false),
                    // It went down just now; word of it is on its way.
                    Err(error) if error.is_down() => {}
                    Err(error) => {
                        if !std::mem::replace(&mut wanted.failed, true) {
                            changes.push(Change::Failed(error));
                        }
                    }
                }
            }
            match (was_open, wanted.open.is_some()) {
                (false, true) => changes.push(Change::Back(wanted.name.clone())),
                (true, false) => changes.push(Change::Away(wanted.name.clone())),
                (true, true) | (false, false) => {}
            }
        }
        changes
    }

    /// The interfaces that are waited for.
    pub(super) fn down(&self) -> impl Iterator<Item = &str> {
        self.wanted.iter().filter(|wanted| wanted.open.is_none() && !wanted.failed).map(|wanted| wanted.name.as_str())
    }

    /// Takes another filter for what is open, in one step: no frame is lost by it.
    pub(super) fn filter(&self, interest: &Interest) -> std::io::Result<()> {
        self.wanted.iter().flat_map(|wanted| &wanted.open).try_for_each(|open| open.filter(interest))
    }

    /// Reads what is there, up to [`BATCH`] frames of each interface. Says whether some interface can be read no more:
    /// then its links are to be followed.
    pub(super) fn read(&mut self, batch: &mut Batch) -> bool {
        batch.clear();
        let mut lost = false;
        let mut readers = 0;
        for wanted in &mut self.wanted {
            let Some(open) = &mut wanted.open else { continue };
            readers += 1;
            match open.read(batch) {
                Some(count) => batch.drained &= count < BATCH,
                None => {
                    wanted.open = None;
                    lost = true;
                }
            }
        }
        if readers > 1 {
            batch.frames.sort_by_key(|read| read.stamp);
        }
        lost
    }

    /// What to wait for.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.wanted.iter().flat_map(|wanted| &wanted.open).map(|open| open.capture.descriptor().0)
    }
}

impl Open {
    fn new(
        library: &'static Library,
        name: &str,
        index: usize,
        loopback: bool,
        interest: &Interest,
    ) -> Result<Self, CaptureError> {
        let failed = |number, words: String| CaptureError { interface: name.to_owned(), number, words };
        let device = CString::new(name).map_err(|error| failed(0, error.to_string()))?;
        let settings = [SNAPLEN.into(), RING, TIMEOUT];
        let opened = Capture::open(library, &device, settings);
        let capture = opened.map_err(|(number, words)| failed(number, words))?;
        let kind = capture.descriptor().1;
        let link = u16::try_from(kind).ok().and_then(Link::from_linktype);
        let link = link.ok_or_else(|| failed(0, format!("its link type {kind} is not supported (LISTEN-4)")))?;
        let open = Self { capture, link, index, loopback };
        open.filter(interest).map_err(|error| failed(0, format!("the kernel refuses the filter: {error}")))?;
        Ok(open)
    }

    fn filter(&self, interest: &Interest) -> std::io::Result<()> {
        let program = interest.program(self.link, SNAPLEN.into());
        let program: Vec<_> = program.iter().map(|step| SockFilter::new(step.code, step.jt, step.jf, step.k)).collect();
        SockRef::from(&self.capture.descriptor().0).attach_filter(&program)
    }

    fn read(&mut self, batch: &mut Batch) -> Option<usize> {
        let Self { capture, link, loopback, .. } = self;
        let most = i32::try_from(BATCH).unwrap_or(i32::MAX);
        capture.dispatch(most, |(seconds, nanos, original_len, bytes)| {
            let at = batch.bytes.len();
            batch.bytes.extend_from_slice(bytes);
            let (stamp, captured) = (stamp(seconds, nanos), bytes.len());
            batch.frames.push(Read { stamp, at, captured, original_len, link: *link, loopback: *loopback });
        })
    }
}

/// The addresses of the wanted interfaces, in the order of the interfaces' names.
pub(super) fn addresses(links: &Links, interfaces: &[String]) -> Vec<Local> {
    let all = interfaces.iter().any(|name| name == ANY);
    let wanted = links.iter().filter(|(name, _)| all || interfaces.contains(name));
    wanted.flat_map(|(_, link)| link.addresses.iter().copied()).collect()
}
