//! Where two transcripts of one case first part.

use super::case::Sighting;
use crate::{check, time::Nanos};

/// The first difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// When.
    pub at: Nanos,
    /// What only the first one saw, or saw then.
    pub a: Option<Sighting>,
    /// What only the second one saw, or saw then.
    pub b: Option<Sighting>,
}

/// The first thing that one saw and the other did not, with times no more than `tolerance` apart; in exact time, also
/// the first thing that came in another order. Lines of the log that are not in the words of LOG-2, and output, are
/// everybody's own and make no difference.
#[must_use]
pub fn parting(a: &[Sighting], b: &[Sighting], tolerance: Nanos) -> Option<Parting> {
    let (a, b) = (of_interest(a), of_interest(b));
    let mut taken = vec![false; b.len()];
    let mut only_a = None;
    for one in &a {
        let same = (0..b.len()).find(|&place| {
            let other = b[place];
            !taken[place]
                && (&one.kind, &one.what) == (&other.kind, &other.what)
                && one.at_ns.abs_diff(other.at_ns) <= tolerance.0
        });
        match same {
            Some(place) => taken[place] = true,
            None => {
                only_a = only_a.or(Some(*one));
            }
        }
    }
    let only_b = (0..b.len()).find(|place| !taken[*place]).map(|place| b[place]);
    let (only_a, only_b) = match (only_a, only_b) {
        (None, None) if tolerance.0 > 0 => return None,
        (None, None) => a.iter().zip(&b).find(|(a, b)| a != b).map(|(a, b)| (Some(*a), Some(*b)))?,
        found => found,
    };
    let at = only_a.iter().chain(&only_b).map(|sight| sight.at_ns).min()?;
    // What the other one does long after is no part of the first difference.
    let near = |sight: Option<&Sighting>| sight.filter(|sight| sight.at_ns <= at.saturating_add(tolerance.0)).cloned();
    Some(Parting { at: Nanos(at), a: near(only_a), b: near(only_b) })
}

fn of_interest(seen: &[Sighting]) -> Vec<&Sighting> {
    let of_interest = |sight: &&Sighting| match sight.kind.as_str() {
        "says" | "syslog" => false,
        "log" => check::is_in_the_words_of_log_2(&sight.what),
        _ => true,
    };
    seen.iter().filter(of_interest).collect()
}
