//! The names behind the addresses in the log (`-l`, LOG-3): one thread asks, and the lines of a source wait a while for
//! its name, in order. Nothing else waits.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use super::{disk::Bell, message::Line};

/// How long a line waits for a name.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// How many lines wait at once; a flood's other lines go without names.
const LINES: usize = 1_000;
/// How many sources wait to be looked up.
const QUEUE: usize = 64;
/// How many answers are kept, and how long.
const KEPT: usize = 256;
const KEPT_FOR: Duration = Duration::from_secs(60);
/// The longest name that is shown, which is the longest there is in the domain name system.
const LONGEST: usize = 253;

/// Lines that wait for names, and answers that serve more than one line.
#[derive(Debug)]
pub(super) struct Lookup {
    ask: SyncSender<IpAddr>,
    answers: Receiver<(IpAddr, Option<String>)>,
    waiting: BTreeMap<IpAddr, Waiting>,
    lines: usize,
    known: BTreeMap<IpAddr, (Option<String>, Duration)>,
}

#[derive(Debug)]
struct Waiting {
    lines: Vec<Line>,
    until: Duration,
}

/// Lines that wait no longer, with their source's name if there is one.
pub(super) type Ready = Vec<(Line, Option<String>)>;

impl Lookup {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(super) fn start(bell: Bell) -> io::Result<Self> {
        Self::with(bell, |address| dns_lookup::lookup_addr(&address).ok())
    }

    /// The same with another way to find a name.
    fn with(bell: Bell, find: impl Fn(IpAddr) -> Option<String> + Send + 'static) -> io::Result<Self> {
        let (ask, asked) = sync_channel(QUEUE);
        let (answer, answers) = sync_channel(QUEUE);
        thread::Builder::new().name("lookup".to_owned()).stack_size(512 << 10).spawn(move || {
            while let Ok(address) = asked.recv() {
                let name = find(address).and_then(|name| clean(address, &name));
                if answer.send((address, name)).is_err() {
                    break;
                }
                bell.ring();
            }
        })?;
        Ok(Self { ask, answers, waiting: BTreeMap::new(), lines: 0, known: BTreeMap::new() })
    }

    /// A line about a source, at this time; gives back what need not wait.
    pub(super) fn line(&mut self, now: Duration, source: IpAddr, line: Line) -> Option<(Line, Option<String>)> {
        if let Some(waiting) = self.waiting.get_mut(&source) {
            // Behind its elders, even when there are many: their order is worth more than a few lines of memory, and a
            // source's later lines are bounded by its hits.
            waiting.lines.push(line);
            self.lines += 1;
            return None;
        }
        if let Some((name, _)) = self.known.get(&source).filter(|(_, until)| now < *until) {
            return Some((line, name.clone()));
        }
        if self.lines >= LINES || self.ask.try_send(source).is_err() {
            return Some((line, None));
        }
        self.lines += 1;
        self.waiting.insert(source, Waiting { lines: vec![line], until: now + PATIENCE });
        None
    }

    /// Lines whose names have come, or that have waited long enough.
    pub(super) fn ready(&mut self, now: Duration) -> Ready {
        let mut ready = Ready::new();
        while let Ok((source, name)) = self.answers.try_recv() {
            self.remember(now, source, name.clone());
            self.release(source, name, &mut ready);
        }
        let late: Vec<_> = self.waiting.iter().filter(|(_, waiting)| waiting.until <= now).map(|(at, _)| *at).collect();
        for source in late {
            // It stays unknown for a while, so that a name server that is gone delays a source's lines once.
            self.remember(now, source, None);
            self.release(source, None, &mut ready);
        }
        // What is too much goes without a name, too.
        if self.lines > 2 * LINES {
            ready.extend(self.all());
        }
        ready
    }

    /// All lines that wait, without names: the daemon ends.
    pub(super) fn all(&mut self) -> Ready {
        let mut ready = Ready::new();
        for source in self.waiting.keys().copied().collect::<Vec<_>>() {
            self.release(source, None, &mut ready);
        }
        ready
    }

    /// When the first line has waited long enough.
    #[must_use]
    pub(super) fn due(&self) -> Option<Duration> {
        self.waiting.values().map(|waiting| waiting.until).min()
    }

    fn release(&mut self, source: IpAddr, name: Option<String>, ready: &mut Ready) {
        let lines = self.waiting.remove(&source).map(|waiting| waiting.lines).unwrap_or_default();
        self.lines -= lines.len();
        ready.extend(lines.into_iter().map(|line| (line, name.clone())));
    }

    fn remember(&mut self, now: Duration, source: IpAddr, name: Option<String>) {
        if self.known.len() >= KEPT {
            self.known.retain(|_, (_, until)| now < *until);
            if self.known.len() >= KEPT {
                self.known.clear();
            }
        }
        self.known.insert(source, (name, now + KEPT_FOR));
    }
}

/// A name as it may stand in the log: whoever owns the address chooses it, so nothing but `[A-Za-z0-9._-]` is left of it.
/// The address itself, which is what comes when there is no name, is none.
fn clean(address: IpAddr, name: &str) -> Option<String> {
    if name.parse() == Ok(address) {
        return None;
    }
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = name.chars().filter(plain).take(LONGEST).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::{os::fd::AsFd, sync::mpsc};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    const NOW: Duration = Duration::from_secs(10);

    fn source(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn line(message: &str) -> Line {
        Line { at: 0, message: message.to_owned(), source: None, debug: false }
    }

    fn told(ready: Ready) -> Vec<(String, Option<String>)> {
        ready.into_iter().map(|(line, name)| (line.message, name)).collect()
    }

    fn hear(bell: &Bell) {
        poll(&mut [PollFd::new(bell.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE).expect("it rings");
        bell.silence();
    }

    #[test]
    fn lines_wait_for_their_own_source_alone_and_keep_their_order() {
        let bell = Bell::new().expect("a bell");
        let (go, may_go) = mpsc::channel();
        let find = move |address| {
            may_go.recv().expect("the test goes on");
            (address == source(1)).then(|| "one.example".to_owned())
        };
        let mut lookup = Lookup::with(bell.clone(), find).expect("a thread");
        assert!(lookup.line(NOW, source(1), line("a")).is_none());
        assert!(lookup.line(NOW, source(2), line("b")).is_none());
        assert!(lookup.line(NOW, source(1), line("c")).is_none());
        assert!(lookup.ready(NOW).is_empty());
        go.send(()).expect("the thread lives");
        hear(&bell);
        let name = Some("one.example".to_owned());
        assert_eq!(told(lookup.ready(NOW)), [("a".to_owned(), name.clone()), ("c".to_owned(), name.clone())]);
        // The answer serves the next line, too, and the other source still waits.
        assert_eq!(lookup.line(NOW, source(1), line("d")), Some((line("d"), name)));
        assert_eq!(lookup.due(), Some(NOW + PATIENCE));
        assert_eq!(told(lookup.ready(NOW + PATIENCE)), [("b".to_owned(), None)]);
        assert_eq!(lookup.due(), None);
        // A source whose name has not come in time does not wait again.
        assert_eq!(lookup.line(NOW + PATIENCE, source(2), line("e")), Some((line("e"), None)));
    }

    #[test]
    fn a_flood_of_sources_does_not_wait() {
        let bell = Bell::new().expect("a bell");
        let (_go, may_go) = mpsc::channel::<()>();
        let mut lookup = Lookup::with(bell, move |_| may_go.recv().ok().map(|()| String::new())).expect("a thread");
        let held = (0..=255).filter(|last| lookup.line(NOW, source(*last), line("x")).is_none()).count();
        // One may be in the thread's hands.
        assert!((QUEUE..=QUEUE + 1).contains(&held), "{held} wait");
        assert_eq!(lookup.all().len(), held);
    }

    #[test]
    fn a_name_is_cut_to_harmless_characters() {
        assert_eq!(clean(source(1), "a-b_c.Example9"), Some("a-b_c.Example9".to_owned()));
        assert_eq!(clean(source(1), "evil\n[2026] x: OPEN\u{1b}[2J"), Some("evil2026xOPEN2J".to_owned()));
        assert_eq!(clean(source(1), "10.0.0.1"), None);
        assert_eq!(clean("2001:db8::1".parse().expect("an address"), "2001:db8::1"), None);
        assert_eq!(clean(source(1), "\u{7f}é"), None);
    }
}
