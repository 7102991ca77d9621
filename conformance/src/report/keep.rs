//! What `--keep` leaves of a failure: everything that is needed to look at it again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::case::{Sighting, configuration};
use crate::{
    capture,
    case::{CONFIG, Case, Kind},
    check::Problem,
    run::{Judged, Outcome},
    transcript::Transcript,
};

/// Writes a directory `DIRECTORY/ID` for each failure, known or not: `packets.pcap`, the configuration and the files as
/// they were at first, `log`, `transcript`, `problems`. A `/` in the id is written as a dot.
///
/// # Errors
///
/// What cannot be written, and why.
pub fn failures(judged: &[Judged<'_>], directory: &Path) -> Result<(), (PathBuf, io::Error)> {
    for judged in judged {
        let problems = match &judged.outcome {
            Outcome::Failed(problems) | Outcome::Known(problems, _) | Outcome::Disturbed(problems, _) => problems,
            Outcome::Passed | Outcome::Skipped(_) | Outcome::Unclaimed(_) | Outcome::Broken(_) => continue,
        };
        let place = directory.join(judged.case.id.replace('/', "."));
        keep(judged.case, problems, judged.transcript.as_ref(), &place).map_err(|error| (place, error))?;
    }
    Ok(())
}

fn keep(case: &Case, problems: &[Problem], transcript: Option<&Transcript>, place: &Path) -> io::Result<()> {
    fs::create_dir_all(place)?;
    let mut packets = Vec::new();
    capture::write(case, &mut packets)?;
    fs::write(place.join("packets.pcap"), packets)?;
    match &case.kind {
        Kind::Daemon { config, .. } => fs::write(place.join(CONFIG), config)?,
        Kind::Client { .. } => fs::write(place.join("command"), configuration(case) + "\n")?,
    }
    if !case.files.is_empty() {
        let files = place.join("files");
        fs::create_dir_all(&files)?;
        for (name, bytes) in &case.files {
            // A case may name a file as it likes, but not one outside this directory.
            fs::write(files.join(name.replace('/', ".")), bytes)?;
        }
    }
    let seen = transcript.map(|transcript| transcript.seen.as_slice()).unwrap_or_default();
    let logged = seen.iter().map(Sighting::new).filter(|sight| sight.kind == "log").map(|sight| sight.what);
    fs::write(place.join("log"), lines(logged))?;
    fs::write(place.join("transcript"), lines(seen.iter().map(Sighting::new)))?;
    fs::write(place.join("timeline"), &case.timeline_text)?;
    fs::write(place.join("problems"), lines(problems))
}

fn lines(lines: impl IntoIterator<Item = impl ToString>) -> String {
    lines.into_iter().map(|line| line.to_string() + "\n").collect()
}
