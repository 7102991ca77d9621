//! Two transcripts, side by side.

use std::fmt;

use crate::{
    check::is_in_the_words_of_log_2,
    time::Nanos,
    transcript::{Seen, Sight, Transcript},
};

/// Where two transcripts part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What both saw before, the last few.
    pub before: Vec<String>,
    /// What the subject did next.
    pub subject: Option<String>,
    /// What the model did next.
    pub model: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.before {
            writeln!(f, "   both {line}")?;
        }
        let word = |seen: &Option<String>| seen.clone().unwrap_or_else(|| "nothing".to_owned());
        writeln!(f, "subject {}", word(&self.subject))?;
        write!(f, "  model {}", word(&self.model))
    }
}

/// The first difference that matters: commands, files, ends, and lines in the words of LOG-2.
#[must_use]
pub fn difference(subject: &Transcript, model: &Transcript) -> Option<Difference> {
    let (subject, model) = (told(subject), told(model));
    let same = subject.iter().zip(&model).take_while(|(subject, model)| subject == model).count();
    if same == subject.len() && same == model.len() {
        return None;
    }
    let before = subject[same.saturating_sub(4)..same].to_vec();
    Some(Difference { before, subject: subject.get(same).cloned(), model: model.get(same).cloned() })
}

/// In the order of time; at one moment in any order: a mark that is awaited lets other doors go ahead, and children write
/// when they like.
fn told(transcript: &Transcript) -> Vec<String> {
    let mut seen: Vec<(Nanos, String)> =
        transcript.seen.iter().filter_map(|seen| Some((seen.at, word(seen)?))).collect();
    seen.sort();
    seen.into_iter().map(|(at, text)| format!("{at} {text}")).collect()
}

fn word(seen: &Seen) -> Option<String> {
    Some(match &seen.what {
        // A shell that is given nothing runs nothing; nobody outside could see it.
        Sight::Run(text) if text.trim().is_empty() => return None,
        Sight::Run(text) => format!("run {}", text.trim()),
        Sight::Log(text) if is_in_the_words_of_log_2(text) => format!("log {}", text.trim()),
        Sight::Log(_) | Sight::Says(_) | Sight::Syslog(_) | Sight::Mark(_) | Sight::Sent(_) => return None,
        Sight::File { name, bytes } => {
            let text = bytes.as_ref().map(|bytes| bytes.escape_ascii().to_string());
            format!("file {name} {}", text.unwrap_or_else(|| "gone".to_owned()))
        }
        Sight::Exit(status) => format!("exit {status}"),
        Sight::SecondExit(status) => format!("second-exit {status}"),
    })
}
