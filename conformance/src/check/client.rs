//! What a client sends against what is expected of it.

use super::{Kind, Problem};
use crate::{
    case::{Case, Kind as CaseKind},
    subject::Precision,
    time::Nanos,
    timeline::Expect,
    transcript::{Sight, Transcript},
};

/// The packets in order, nothing else, with the pauses between them.
pub(super) fn sent(case: &Case, transcript: &Transcript, precision: Precision) -> Vec<Problem> {
    if matches!(case.kind, CaseKind::Daemon { .. }) {
        return Vec::new();
    }
    let mut seen = transcript.seen.iter().filter_map(|seen| match &seen.what {
        Sight::Sent(packet) => Some((seen.at, packet.as_str())),
        Sight::Run(_)
        | Sight::Log(_)
        | Sight::Syslog(_)
        | Sight::Says(_)
        | Sight::Mark(_)
        | Sight::File { .. }
        | Sight::Exit(_)
        | Sight::SecondExit(_) => None,
    });
    let mut problems = Vec::new();
    let mut previous: Option<Nanos> = None;
    let mut pause = None;
    for (at, line, expect) in case.timeline.expectations() {
        let (kind, what, instead) = match expect {
            Expect::Pause(span) => {
                pause = Some(*span);
                continue;
            }
            Expect::Sent(wanted) => match seen.next() {
                None => (Kind::Missing, wanted, None),
                Some((_, packet)) if !is_like(wanted, packet) => {
                    (Kind::Differs, wanted, Some(format!("`{packet}` was sent")))
                }
                Some((when, _)) => {
                    let early = match (pause.take(), previous) {
                        (Some(span), Some(previous)) => {
                            let gap = when.before(previous);
                            (gap.after(precision.early) < span).then(|| format!("only {gap} after the one before"))
                        }
                        _ => None,
                    };
                    previous = Some(when);
                    match early {
                        None => continue,
                        early => (Kind::Early, wanted, early),
                    }
                }
            },
            Expect::Run(_)
            | Expect::Log(_)
            | Expect::MayRun(_)
            | Expect::Syslog(_)
            | Expect::Says(_)
            | Expect::Mark(_)
            | Expect::File { .. }
            | Expect::Exit(_)
            | Expect::SecondExit(_)
            | Expect::Never(..) => continue,
        };
        problems.push(Problem { kind, at, line: Some(line), what: format!("sent {what}"), instead });
    }
    for (at, packet) in seen {
        problems.push(Problem {
            kind: Kind::Unexpected,
            at,
            line: None,
            what: format!("sent {packet}"),
            instead: None,
        });
    }
    problems
}

/// A case need not say where a packet goes.
fn is_like(wanted: &str, packet: &str) -> bool {
    packet == wanted || !wanted.contains(" to ") && packet.split(" to ").next() == Some(wanted)
}
