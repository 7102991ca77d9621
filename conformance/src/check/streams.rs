//! Commands, lines and ends against what is expected of them.

use super::{Kind, Problem, order::Met};
use crate::{
    case::{Case, Kind as CaseKind},
    pattern::Pattern,
    subject::Precision,
    time::Nanos,
    timeline::{Expect, Status, Stream},
    transcript::{Sight, Transcript},
};

/// Parts of the lines of LOG-2 that a knock or a command brings about. What a daemon says of its own start and end is
/// another clause's.
const WORDS: [&str; 6] = [
    ": Stage ",
    ": OPEN SESAME",
    ": sequence timeout (stage ",
    ": running command: ",
    ": command returned non-zero status code (",
    ": command timeout",
];

struct Expected<'a> {
    at: Nanos,
    line: usize,
    pattern: &'a Pattern,
}

/// A text of the stream, with its place in the transcript.
struct Sighted<'a> {
    place: usize,
    at: Nanos,
    text: &'a str,
}

/// Commands, or lines of the log: each expectation takes the first sight that fits it, in time; then those that are left
/// are unexpected, if they matter. What was met is added to `met`.
pub(super) fn timed(
    case: &Case,
    transcript: &Transcript,
    precision: Precision,
    stream: Stream,
    met: &mut Vec<Met>,
) -> Vec<Problem> {
    let word = name(stream);
    let expected = expected(case, stream);
    let seen: Vec<Sighted<'_>> = of(transcript, stream).filter(|seen| seen.at <= case.timeline.end).collect();
    let mut taken = vec![false; seen.len()];
    let mut problems = Vec::new();
    let mut unmet = Vec::new();
    // The place in the transcript of each expectation that was met.
    let mut places: Vec<(usize, &Expected<'_>)> = Vec::new();
    for want in &expected {
        let in_time = |at: Nanos| at >= want.at.before(precision.early) && at <= want.at.after(precision.late);
        let fits = |seen: &Sighted<'_>| in_time(seen.at) && want.pattern.fits(seen.text);
        match (0..seen.len()).find(|&index| !taken[index] && fits(&seen[index])) {
            Some(index) => {
                taken[index] = true;
                places.push((seen[index].place, want));
            }
            None => unmet.push(want),
        }
    }
    for want in unmet {
        let problem = |kind, instead| Problem {
            kind,
            at: want.at,
            line: Some(want.line),
            what: format!("{word} {}", want.pattern),
            instead,
        };
        // Something like it at another time says more than that it is missing.
        let elsewhere = (0..seen.len()).find(|&index| !taken[index] && want.pattern.fits(seen[index].text));
        problems.push(match elsewhere {
            Some(index) => {
                taken[index] = true;
                let at = seen[index].at;
                problem(if at < want.at { Kind::Early } else { Kind::Late }, Some(format!("it came at {at}")))
            }
            None => problem(Kind::Missing, None),
        });
    }
    problems.extend(out_of_order(&places, precision, word));
    met.extend(places.iter().map(|(place, want)| Met { line: want.line, place: *place }));
    for (Sighted { at, text, .. }, _) in seen.iter().zip(&taken).filter(|(_, taken)| !**taken) {
        if matters(case, stream, text) {
            problems.push(Problem {
                kind: Kind::Unexpected,
                at: *at,
                line: None,
                what: format!("{word} {text}"),
                instead: None,
            });
        }
    }
    problems
}

/// Whether a line is one that a knock or a command brings about.
#[must_use]
pub fn is_in_the_words_of_log_2(line: &str) -> bool {
    WORDS.iter().any(|words| line.contains(words))
}

/// Whether an unexpected sight fails the case.
fn matters(case: &Case, stream: Stream, text: &str) -> bool {
    match stream {
        Stream::Run => !case.timeline.expectations().any(|(_, _, expect)| may_run(expect, text)),
        Stream::Log => case.whole_log && is_in_the_words_of_log_2(text),
        Stream::Mark => case.timeline.expectations().any(|(_, _, expect)| matches!(expect, Expect::Mark(_))),
        Stream::Syslog | Stream::Says => false,
    }
}

fn may_run(expect: &Expect, text: &str) -> bool {
    matches!(expect, Expect::MayRun(pattern) if pattern.fits(text))
}

/// Expectations that were met in another order than theirs. In real time things that are expected at the same moment
/// may come in any order: nobody can tell which happened first.
fn out_of_order(met: &[(usize, &Expected<'_>)], precision: Precision, word: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for pair in met.windows(2) {
        let [(place, one), (next_place, next)] = pair else { continue };
        let may_swap = !precision.is_exact() && next.at.before(one.at) <= precision.late.after(precision.early);
        if next_place < place && !may_swap {
            problems.push(Problem {
                kind: Kind::OutOfOrder,
                at: next.at,
                line: Some(next.line),
                what: format!("{word} {}", next.pattern),
                instead: None,
            });
        }
    }
    problems
}

/// Lines on standard output and standard error, which have no time of their own.
pub(super) fn said(case: &Case, transcript: &Transcript) -> Vec<Problem> {
    let wanted = expected(case, Stream::Says);
    let missing =
        wanted.into_iter().filter(|want| !of(transcript, Stream::Says).any(|said| want.pattern.fits(said.text)));
    missing
        .map(|want| Problem {
            kind: Kind::Missing,
            at: want.at,
            line: Some(want.line),
            what: format!("says {}", want.pattern),
            instead: None,
        })
        .collect()
}

/// The ends of daemon, second daemon or client. That of the daemon is added to `met`.
pub(super) fn ends(case: &Case, transcript: &Transcript, precision: Precision, met: &mut Vec<Met>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (word, of_second) in [("exit", false), ("second-exit", true)] {
        let sights = transcript.seen.iter().enumerate();
        let mut seen = sights.filter_map(|(place, seen)| match (&seen.what, of_second) {
            (Sight::Exit(status), false) | (Sight::SecondExit(status), true) => Some((place, seen.at, *status)),
            _ => None,
        });
        let wanted = case.timeline.expectations().filter_map(|(at, line, expect)| match (expect, of_second) {
            (Expect::Exit(status), false) | (Expect::SecondExit(status), true) => Some((at, line, *status)),
            _ => None,
        });
        for (at, line, status) in wanted {
            let problem = |kind, instead| Problem {
                kind,
                at,
                line: Some(line),
                what: format!("{word} {}", show(status)),
                instead,
            };
            match seen.next() {
                None => problems.push(problem(Kind::Missing, None)),
                Some((_, _, ended)) if !is(status, ended) => {
                    problems.push(problem(Kind::Differs, Some(format!("the status was {ended}"))));
                }
                // How long a client takes is its own business.
                Some(_) if matches!(case.kind, CaseKind::Client { .. }) => {}
                Some((_, when, _)) if when < at.before(precision.early) => {
                    problems.push(problem(Kind::Early, Some(format!("it came at {when}"))));
                }
                Some((_, when, _)) if when > at.after(precision.late) => {
                    problems.push(problem(Kind::Late, Some(format!("it came at {when}"))));
                }
                Some((place, ..)) if !of_second => met.push(Met { line, place }),
                Some(_) => {}
            }
        }
        for (_, at, status) in seen {
            let what = format!("{word} {status}");
            problems.push(Problem { kind: Kind::Unexpected, at, line: None, what, instead: None });
        }
    }
    problems
}

/// What was seen though it is never to be.
pub(super) fn forbidden(case: &Case, transcript: &Transcript) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (_, line, expect) in case.timeline.expectations() {
        let Expect::Never(stream, pattern) = expect else { continue };
        let within = |at: Nanos| at <= case.timeline.end || *stream == Stream::Says;
        let found = of(transcript, *stream).find(|seen| within(seen.at) && pattern.fits(seen.text));
        if let Some(Sighted { at, text, .. }) = found {
            let what = format!("{} {text}", name(*stream));
            problems.push(Problem { kind: Kind::Forbidden, at, line: Some(line), what, instead: None });
        }
    }
    problems
}

fn expected(case: &Case, stream: Stream) -> Vec<Expected<'_>> {
    let expectations = case.timeline.expectations();
    let of_stream = expectations.filter_map(|(at, line, expect)| match (expect, stream) {
        (Expect::Run(pattern), Stream::Run)
        | (Expect::Log(pattern), Stream::Log)
        | (Expect::Syslog(pattern), Stream::Syslog)
        | (Expect::Says(pattern), Stream::Says)
        | (Expect::Mark(pattern), Stream::Mark) => Some(Expected { at, line, pattern }),
        _ => None,
    });
    of_stream.collect()
}

fn of(transcript: &Transcript, stream: Stream) -> impl Iterator<Item = Sighted<'_>> {
    transcript.seen.iter().enumerate().filter_map(move |(place, seen)| match (&seen.what, stream) {
        (Sight::Run(text), Stream::Run)
        | (Sight::Log(text), Stream::Log)
        | (Sight::Syslog(text), Stream::Syslog)
        | (Sight::Says(text), Stream::Says)
        | (Sight::Mark(text), Stream::Mark) => Some(Sighted { place, at: seen.at, text }),
        _ => None,
    })
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Run => "run",
        Stream::Log => "log",
        Stream::Syslog => "syslog",
        Stream::Says => "says",
        Stream::Mark => "mark",
    }
}

fn is(wanted: Status, ended: i32) -> bool {
    match wanted {
        Status::Is(status) => status == ended,
        // 128 and more is a shell's word for a signal: a crash is no error message.
        Status::NonZero => ended != 0 && ended < 128,
        Status::Any => ended < 128,
    }
}

fn show(status: Status) -> String {
    match status {
        Status::Is(status) => status.to_string(),
        Status::NonZero => "nonzero".to_owned(),
        Status::Any => "any".to_owned(),
    }
}
