//! How exactly the live subject knows the time, and which cases are finer than that.

use std::{num::NonZeroUsize, path::Path, thread};

use super::Live;
use crate::{
    adapter::directives,
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
const FINEST: Precision = Precision { early: millis(30), late: millis(200) };
/// A machine that is less exact than this cannot judge a daemon.
pub(super) const COARSEST: Precision = Precision { early: millis(30), late: millis(500) };

/// What is granted beyond the longest time that was measured. Whatever comes later than both by the machine's fault makes
/// the world itself late.
const SPARE: Nanos = millis(60);

/// How close to a limit a packet may come. A daemon goes by the stamps of packets, and those are as exact as they are sent.
const EDGE: Nanos = millis(40);
/// How late a packet may be sent that comes closer to a limit than what follows from it can be told in time.
pub(super) const EDGE_LATE: Nanos = millis(20);

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

/// How exact times are when `jobs` cases are run at once: the time from a packet to its command that nine of ten keep,
/// and some more. A moment of load is no measure of the machine.
pub(super) fn measure(live: &Live, jobs: NonZeroUsize) -> Result<Precision, Broken> {
    // Of a client only order and pauses are asked.
    if live.daemon.is_none() {
        return Ok(FINEST);
    }
    let cases = case::read(MEASURE, Path::new("measure.toml")).map_err(|error| Broken(error.to_string()))?;
    let [case] = &cases[..] else { return Err(Broken("there is no case to measure with".to_owned())) };
    let seen: Vec<Result<_, Broken>> = thread::scope(|scope| {
        let play = |job: usize| {
            // Other names begin at other moments of a second, as cases do.
            let case = Case { id: format!("measure-{job}"), ..case.clone() };
            scope.spawn(move || live.play(&case, COARSEST))
        };
        let runs: Vec<_> = (0..jobs.get()).map(play).collect();
        let lost = || Err(Broken("a thread that measures was lost".to_owned()));
        runs.into_iter().map(|run| run.join().unwrap_or_else(|_| lost())).collect()
    });
    let mut times = Vec::new();
    for transcript in seen {
        // A daemon that does not open the door is a bad daemon in a good world.
        let ran = transcript?.seen.into_iter().find(|seen| matches!(seen.what, Sight::Run(_)));
        times.push(ran.map_or(Nanos(0), |ran| ran.at.before(KNOCKED)));
    }
    times.sort_unstable();
    let longest = times.get(times.len() * 9 / 10).copied().unwrap_or_default();
    let late = longest.after(SPARE).max(FINEST.late);
    if late > COARSEST.late {
        let why = "run fewer cases at once (`--jobs`), or on a machine with less to do";
        return Err(Broken(format!("a command takes {longest} s to be seen with {jobs} cases at once: {why}")));
    }
    Ok(Precision { early: FINEST.early, late })
}

/// Whether a case's times are finer than the subject can tell apart.
pub(super) fn is_finer(case: &Case) -> bool {
    is_close(case, EDGE) || is_crowded(case)
}

/// Whether a packet comes closer than `distance` to the end of the time that another of its source's began.
pub(super) fn is_close(case: &Case, distance: Nanos) -> bool {
    let Kind::Daemon { config, .. } = &case.kind else { return false };
    let limits: Vec<Nanos> = directives(config)
        .filter(|(name, _)| matches!(name.as_str(), "seq_timeout" | "timeout"))
        .filter_map(|(_, value)| Some(Nanos(SECOND.0.checked_mul(value.parse().ok()?)?)))
        .collect();
    let packets: Vec<_> = case.timeline.packets().collect();
    let is_at = |span: Nanos, limit: &Nanos| span.0.abs_diff(limit.0) < distance.0;
    packets.iter().enumerate().any(|(place, (first, packet))| {
        packets[place..].iter().any(|(later, other)| {
            let span = later.before(*first);
            packet.source == other.source && limits.iter().any(|limit| is_at(span, limit))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn case(timeline: &str) -> Case {
        let text = MEASURE.replace("  command ", "  seq_timeout = 1\n  command ");
        let start = text.find("0.0 ").expect("a timeline");
        let text = format!("{}{timeline}\n\"\"\"\n", &text[..start]);
        case::read(&text, Path::new("test.toml")).expect("a case").remove(0)
    }

    #[test]
    fn packets_at_the_limit_are_too_fine() {
        let second = |at: &str| case(&format!("0 alice > tcp 7000 syn\n{at} alice > tcp 8000 syn\nnever run *"));
        for (at, fine) in [("0.97", true), ("1", true), ("1.03", true), ("0.95", false), ("1.05", false)] {
            assert_eq!(is_finer(&second(at)), fine, "{at}");
        }
        let another = case("0 alice > tcp 7000 syn\n1 bob > tcp 8000 syn\nnever run *");
        assert!(!is_finer(&another));
    }

    #[test]
    fn what_follows_a_packet_at_once_is_too_fine() {
        let signal = |at: &str| case(&format!("0 alice > tcp 7000 syn\n{at} signal hup\nnever run *"));
        assert!(is_finer(&signal("0.05")));
        assert!(!is_finer(&signal("0.1")));
    }
}
