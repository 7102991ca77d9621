//! The verdict: one pure function of case, transcript and precision.
//!
//! What is expected must be seen, within the subject's precision; what is seen and not expected fails the case where it
//! matters: every command, every end, every file, and with `log = "all"` every line in the words of LOG-2. Each stream has
//! its order, and where time is exact so has what one knock brings about at one moment.

mod client;
mod files;
mod order;
mod problem;
mod streams;

pub use self::{
    problem::{Kind, Problem},
    streams::is_in_the_words_of_log_2,
};
use crate::{case::Case, subject::Precision, timeline::Stream, transcript::Transcript};

/// What is wrong with what was seen, in the order of time; nothing if the case passes.
#[must_use]
pub fn judge(case: &Case, transcript: &Transcript, precision: Precision) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut met = Vec::new();
    for stream in [Stream::Run, Stream::Log, Stream::Mark, Stream::Syslog] {
        problems.extend(streams::timed(case, transcript, precision, stream, &mut met));
    }
    problems.extend(streams::said(case, transcript));
    problems.extend(streams::ends(case, transcript, precision, &mut met));
    problems.extend(order::across(case, &met, precision));
    problems.extend(streams::forbidden(case, transcript));
    problems.extend(files::files(case, transcript));
    problems.extend(client::sent(case, transcript, precision));
    problems.sort_by_key(|problem| problem.at);
    problems
}

/// What is wrong, in a few words that do not change from one run to the next: no times, no addresses of memory. A
/// ledger holds it against what it says.
#[must_use]
pub fn signature(problems: &[Problem]) -> String {
    let mut words: Vec<String> = problems.iter().map(Problem::signature).collect();
    words.sort();
    let mut runs: Vec<(String, usize)> = Vec::new();
    for word in words {
        match runs.last_mut() {
            Some((last, times)) if *last == word => *times += 1,
            Some(_) | None => runs.push((word, 1)),
        }
    }
    let told = runs.into_iter().map(|(word, times)| if times == 1 { word } else { format!("{word} ({times} times)") });
    told.collect::<Vec<_>>().join("; ")
}
