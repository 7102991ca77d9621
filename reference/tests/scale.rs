//! SEQ-10, TIME-3: a million half-finished knocks fit in 100 MiB, and cost a packet nothing.
//!
//! Work is counted in stored knocks looked at, which no machine's speed changes. All of it is one test, because memory is
//! the whole process's: nothing else may run beside it.

mod frames;

use std::{net::IpAddr, time::Duration};

use knockd::{
    config::Config,
    engine::{Doors, Effect, Engine, Input, Limits, Locals, OneTimeFile, Setup},
    event::Event,
    flags::TcpFlags,
    port::Protocol,
    time::Instant,
    wire::Hit,
};

const MIB: u64 = 1024 * 1024;
const MILLION: u32 = 1_000_000;
const FIRST: u16 = 7000;
const SECOND: u16 = 8000;
const WRONG: u16 = 22;

#[test]
fn a_million_half_finished_knocks() {
    let before = memory::resident();
    let engine = a_million_fit_in_100_mib(before);
    work_is_flat(engine);
    a_flood_past_the_bound_stays_within_it(before);
}

fn a_million_fit_in_100_mib(before: Option<u64>) -> Crowd {
    let crowd = Crowd::of(MILLION, MILLION);
    assert_eq!(crowd.engine.knocks(), MILLION as usize);
    if let (Some(before), Some(after), Some(peak)) = (before, memory::resident(), memory::peak()) {
        let (grown, peak) = (after.saturating_sub(before), peak.saturating_sub(before));
        assert!(grown <= 100 * MIB, "a million knocks take {grown} bytes");
        assert!(peak <= 100 * MIB, "on the way to a million knocks, {peak} bytes were taken");
        // A measure of nothing passes any bound: the slots alone are 64 bytes each.
        assert!(grown >= 61 * MIB, "a million knocks take only {grown} bytes: is the measure right?");
    }
    crowd
}

/// A packet costs the same among ten knocks and among a million, whatever it does.
fn work_is_flat(million: Crowd) {
    let few = Costs::of(Crowd::of(10, MILLION));
    for crowd in [Crowd::of(1_000, MILLION), Crowd::of(100_000, MILLION), million] {
        let knocks = crowd.engine.knocks();
        let many = Costs::of(crowd);
        // Now and then two sources share a bucket, and a knock is looked at in vain.
        for (many, few) in many.typical().into_iter().zip(few.typical()) {
            assert!(many <= few + 1, "among {knocks} knocks {many} were looked at instead of {few}");
        }
        let (most, least) = (many.most(), few.typical().into_iter().max().unwrap_or_default());
        assert!(most <= least + 4, "among {knocks} knocks one packet looked at {most}");
    }
}

/// Ten times as many sources as the bound allows: memory stands still, and so does the work.
fn a_flood_past_the_bound_stays_within_it(before: Option<u64>) {
    let bound = 100_000;
    let mut crowd = Crowd::of(bound, bound);
    let mut burst_lines = 0;
    let mut flood = |crowd: &mut Crowd, sources: std::ops::Range<u32>| {
        let work = crowd.engine.work();
        for n in sources {
            let lines = crowd.hit(n, FIRST);
            burst_lines += lines.iter().filter(|event| matches!(event, Event::Crowded { .. })).count();
            assert!(crowd.engine.knocks() <= bound as usize);
        }
        crowd.engine.work() - work
    };
    let begin = flood(&mut crowd, bound..3 * bound);
    let settled = memory::resident();
    let middle = flood(&mut crowd, 3 * bound..8 * bound);
    let end = flood(&mut crowd, 8 * bound..10 * bound);
    assert_eq!(burst_lines, 1, "a burst is logged once");
    assert!(middle * 2 <= begin * 5 + begin / 20, "the flood looks at more and more: {begin}, then {middle}");
    assert!(end <= begin + begin / 50, "the flood looks at more and more: {begin}, then {end}");
    if let (Some(before), Some(settled), Some(after)) = (before, settled, memory::resident()) {
        // Knocks in progress, and the memory of those that were dropped (SEQ-5): 250 bytes for each of the bound.
        assert!(
            after.saturating_sub(before) <= 250 * u64::from(bound),
            "the flood took {} bytes",
            after.saturating_sub(before)
        );
        assert!(after <= settled + MIB, "the flood goes on taking memory: {} bytes", after.saturating_sub(settled));
    }
}

/// An engine with knocks at stage 1, half of them from IPv6, begun a microsecond apart.
struct Crowd {
    engine: Engine,
    now: Instant,
    packets: u32,
}

impl Crowd {
    fn of(knocks: u32, bound: u32) -> Self {
        let text = format!("[ssh]\nsequence = {FIRST},{SECOND},9000\nseq_timeout = 3600\n");
        let (config, _) = Config::parse(text.as_bytes()).expect("a good configuration");
        let no_files = |_: &[u8]| Err::<OneTimeFile, _>("there are no files");
        let setup = Setup {
            doors: Doors::load(config, no_files).expect("no file is needed"),
            locals: Locals::AnyUnicast,
            limits: Limits { knocks: bound as usize, ..Limits::default() },
            only_v4: false,
            seed: 2026,
        };
        let (engine, _) = Engine::start(setup);
        let mut crowd = Self { engine, now: Instant::default(), packets: 0 };
        for n in 0..knocks {
            crowd.hit(n, FIRST);
        }
        crowd
    }

    /// The `n`-th source hits `port`; gives what is logged.
    fn hit(&mut self, n: u32, port: u16) -> Vec<Event> {
        self.now = self.now.after(Duration::from_micros(1));
        self.packets += 1;
        let (source, destination): (IpAddr, IpAddr) = if n.is_multiple_of(2) {
            ((0x0a00_0000 | n).to_be_bytes().into(), [192, 0, 2, 1].into())
        } else {
            let network = u128::from_be_bytes([0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            ((network | u128::from(n)).to_be_bytes().into(), (network | 1 << 64).to_be_bytes().into())
        };
        let hit = Hit {
            source,
            destination,
            source_port: 40_000,
            port,
            protocol: Protocol::Tcp,
            flags: TcpFlags(0x02),
            sequence: self.packets,
        };
        let packet = frames::packet(&hit);
        self.feed(Input::Frame { frame: frames::raw(&packet), loopback: false })
    }

    fn feed(&mut self, input: Input<'_>) -> Vec<Event> {
        let effects = self.engine.handle(self.now, input);
        effects.filter_map(|effect| if let Effect::Log(event) = effect { Some(event) } else { None }).collect()
    }

    /// The knocks looked at while `act` goes on.
    fn work(&mut self, act: impl FnOnce(&mut Self)) -> u64 {
        let before = self.engine.work();
        act(self);
        self.engine.work() - before
    }

    /// Time goes on to when the oldest knock and `more` after it are due.
    fn expire(&mut self, more: u32) -> usize {
        let (due, _) = self.engine.poll_timeout().expect("a knock is in progress");
        self.now = due.after(Duration::from_micros(u64::from(more)));
        self.feed(Input::Timeout).len()
    }
}

/// What packets of each kind cost, several times.
#[derive(Debug)]
struct Costs([Vec<u64>; 6]);

impl Costs {
    fn of(mut crowd: Crowd) -> Self {
        let knocks = u32::try_from(crowd.engine.knocks()).expect("as many as were made");
        let unrelated = (0..5).map(|n| crowd.work(|crowd| assert!(crowd.hit(2 * MILLION + n, WRONG).is_empty())));
        let unrelated = unrelated.collect();
        let idle = (0..5).map(|_| crowd.work(|crowd| assert!(crowd.feed(Input::Timeout).is_empty()))).collect();
        let wrong = (0..5).map(|n| crowd.work(|crowd| logs(&crowd.hit(n, WRONG), "knock discarded"))).collect();
        let first = (0..5).map(|n| crowd.work(|crowd| logs(&crowd.hit(knocks + n, FIRST), "Stage 1"))).collect();
        let advance = (5..10).map(|n| crowd.work(|crowd| logs(&crowd.hit(n, SECOND), "Stage 2"))).collect();
        // Those at stage 2 are the oldest by now.
        let timeout: Vec<_> = (0..5).map(|_| crowd.work(|crowd| assert_eq!(crowd.expire(0), 1))).collect();
        assert_eq!(crowd.engine.knocks(), knocks as usize - 5, "the others are not touched");
        if knocks >= 1_000 {
            // Expiry looks at what expires and at nothing else: a hundred cost a hundred times what one does.
            let hundred = crowd.work(|crowd| assert_eq!(crowd.expire(99), 100));
            let one = timeout.iter().max().copied().unwrap_or_default();
            assert!(hundred <= 100 * (one + 1), "{hundred} knocks looked at to expire a hundred, {one} for one");
        }
        Self([unrelated, idle, wrong, first, advance, timeout])
    }

    /// The median of each kind.
    fn typical(&self) -> [u64; 6] {
        self.0.each_ref().map(|costs| {
            let mut costs = costs.clone();
            costs.sort_unstable();
            costs[costs.len() / 2]
        })
    }

    fn most(&self) -> u64 {
        self.0.iter().flatten().copied().max().unwrap_or_default()
    }
}

#[track_caller]
fn logs(events: &[Event], message: &str) {
    assert!(matches!(events, [event] if event.to_string().contains(message)), "{message}: {events:?}");
}

/// The process's memory in bytes, where the system tells.
mod memory {
    /// What is resident now.
    pub(super) fn resident() -> Option<u64> {
        status("VmRSS:")
    }

    /// The most that ever was.
    pub(super) fn peak() -> Option<u64> {
        status("VmHWM:")
    }

    #[expect(clippy::disallowed_methods, reason = "only the system knows how much memory the test has")]
    fn status(key: &str) -> Option<u64> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux describes every process");
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("every process has memory");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        Some(kib * 1024)
    }
}
