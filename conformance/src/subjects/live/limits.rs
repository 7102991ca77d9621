//! How exactly the live subject knows the time, and which cases are finer than that.

use std::{num::NonZeroUsize, path::Path, thread};

use super::Live;
use crate::{
    case::{self, Case, Kind},
    subject::{Broken, Precision},
    time::{Nanos, SECOND},
    timeline::{Event, What},
    transcript::Sight,
};

const fn millis(count: u64) -> Nanos {
    Nanos(count * 1_000_000)
}

/// No machine is trusted to be more exact than this: a moment of load is not a deviation.
const FINEST: Precision = Precision { early: millis(30), late: millis(150) };
/// A machine that is less exact than this cannot judge a daemon.
pub(super) const COARSEST: Precision = Precision { early: millis(30), late: millis(500) };

/// How close an event that is no packet may be to a packet before it: a daemon may hold a packet back so long.
const REACTION: Nanos = millis(60);

/// The case by which a machine is measured: one knock, one command.
const MEASURE: &str = r#"
[[case]]
id       = "measure"
clauses  = ["SEQ-1"]
about    = "A door opens."
config   = """
[door]
  sequence = 7000,8000
  tcpflags = syn
  command  = open %IP%
"""
timeline = """
0.0   alice > tcp 7000 syn
+0.1  alice > tcp 8000 syn
      run   open alice
"""
"#;

/// When its last packet comes.
const KNOCKED: Nanos = millis(100);

/// How exact times are when `jobs` cases are run at once: twice the longest time from a packet to its command.
pub(super) fn measure(live: &Live, jobs: NonZeroUsize) -> Result<Precision, Broken> {
    // Of a client only order and pauses are asked.
    if live.daemon.is_none() {
        return Ok(FINEST);
    }
    let cases = case::read(MEASURE, Path::new("measure.toml")).map_err(|error| Broken(error.to_string()))?;
    let [case] = &cases[..] else { return Err(Broken("there is no case to measure with".to_owned())) };
    let seen: Vec<Result<_, Broken>> = thread::scope(|scope| {
        let runs: Vec<_> = (0..jobs.get()).map(|_| scope.spawn(|| live.play(case, COARSEST))).collect();
        let lost = || Err(Broken("a thread that measures was lost".to_owned()));
        runs.into_iter().map(|run| run.join().unwrap_or_else(|_| lost())).collect()
    });
    let mut longest = Nanos(0);
    for transcript in seen {
        // A daemon that does not open the door is a bad daemon in a good world.
        let ran = transcript?.seen.into_iter().find(|seen| matches!(seen.what, Sight::Run(_)));
        longest = longest.max(ran.map_or(Nanos(0), |ran| ran.at.before(KNOCKED)));
    }
    let late = Nanos(2 * longest.0).max(FINEST.late);
    if late > COARSEST.late {
        let why = "run fewer cases at once (`--jobs`), or on a machine with less to do";
        return Err(Broken(format!("a command takes {longest} s to be seen with {jobs} cases at once: {why}")));
    }
    Ok(Precision { early: FINEST.early, late })
}

/// Whether a case's times are finer than the subject can tell apart.
pub(super) fn is_finer(case: &Case, precision: Precision) -> bool {
    is_at_an_edge(case, precision) || is_crowded(case)
}

/// Whether a packet comes so close to the end of another's time that the clocks decide.
fn is_at_an_edge(case: &Case, precision: Precision) -> bool {
    let Kind::Daemon { config, .. } = &case.kind else { return false };
    let limits: Vec<Nanos> = crate::adapter::directives(config)
        .filter(|(name, _)| matches!(name.as_str(), "seq_timeout" | "timeout"))
        .filter_map(|(_, value)| Some(Nanos(SECOND.0.checked_mul(value.parse().ok()?)?)))
        .collect();
    let packets: Vec<_> = case.timeline.packets().collect();
    let is_close = |span: Nanos, limit: &Nanos| span.0.abs_diff(limit.0) < precision.late.0;
    packets.iter().enumerate().any(|(place, (first, packet))| {
        packets[place..].iter().any(|(later, other)| {
            let span = later.before(*first);
            packet.source == other.source && limits.iter().any(|limit| is_close(span, limit))
        })
    })
}

/// Whether something else happens so soon after a packet that nobody knows which the daemon notices first.
fn is_crowded(case: &Case) -> bool {
    let mut packet: Option<Nanos> = None;
    for entry in &case.timeline.entries {
        match &entry.what {
            What::Event(Event::Packet(_)) => packet = Some(entry.at),
            What::Event(_) if packet.is_some_and(|packet| entry.at.before(packet) < REACTION) => return true,
            What::Event(_) | What::Expect(_) => {}
        }
    }
    false
}
