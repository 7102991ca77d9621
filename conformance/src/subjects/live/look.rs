//! Looks at files, when the case wants to know what is in them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    layout::{LOOKS, TEXTS, inside},
    plan::{Look, Wanted},
};
use crate::time::Nanos;

/// How often a file is looked at that is not yet as wanted.
const PAUSE: Nanos = Nanos(10_000_000);

/// A file as it was: a copy of it in the runner's directory, or nothing if it was not there.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Glance {
    pub(super) file: String,
    pub(super) at: u64,
    pub(super) copy: Option<String>,
}

/// The looks of a case: those to come, and what was seen.
pub(super) struct Looks<'a> {
    looks: Vec<(&'a Look, Option<Glance>)>,
    directory: PathBuf,
    copies: usize,
}

impl<'a> Looks<'a> {
    pub(super) fn new(looks: &'a [Look], directory: &Path) -> Self {
        Self { looks: looks.iter().map(|look| (look, None)).collect(), directory: directory.to_owned(), copies: 0 }
    }

    /// Looks at every file that is due at `now`.
    pub(super) fn look(&mut self, now: Nanos) -> io::Result<()> {
        for place in 0..self.looks.len() {
            let (look, glance) = &self.looks[place];
            if glance.is_none() && now >= look.from && (now >= look.until || self.is_as_wanted(look)) {
                let glance = self.glance(&look.file.clone(), now)?;
                self.looks[place].1 = Some(glance);
            }
        }
        Ok(())
    }

    /// When there is something to look at next.
    pub(super) fn next(&self, now: Nanos) -> Option<Nanos> {
        let open = self.looks.iter().filter(|(_, glance)| glance.is_none());
        open.map(|(look, _)| if look.from > now { look.from } else { look.until.min(now.after(PAUSE)) }).min()
    }

    /// When all has been looked at.
    pub(super) fn until(&self) -> Nanos {
        self.looks.iter().map(|(look, _)| look.until).max().unwrap_or_default()
    }

    /// Looks at these files once more, and tells everything that was seen, in the order of the case's lines.
    pub(super) fn last(&mut self, files: &[String], now: Nanos) -> io::Result<Vec<Glance>> {
        let mut glances: Vec<Glance> = self.looks.drain(..).filter_map(|(_, glance)| glance).collect();
        for file in files {
            glances.push(self.glance(file, now)?);
        }
        Ok(glances)
    }

    fn is_as_wanted(&self, look: &Look) -> bool {
        let path = inside(&look.file);
        match &look.wanted {
            Wanted::There => path.exists(),
            Wanted::Gone => !path.exists(),
            Wanted::Text(text) => match (fs::read(path), fs::read(self.directory.join(TEXTS).join(text))) {
                (Ok(is), Ok(wanted)) => is == wanted,
                (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
            },
        }
    }

    fn glance(&mut self, file: &str, now: Nanos) -> io::Result<Glance> {
        let copy = format!("{LOOKS}/{}", self.copies);
        self.copies += 1;
        let copied = match fs::copy(inside(file), self.directory.join(&copy)) {
            Ok(_) => Some(copy),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Glance { file: file.to_owned(), at: now.0, copy: copied })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(count: u64) -> Nanos {
        Nanos(count * 1_000_000)
    }

    /// A file, looked at from 100 ms to 200 ms, that is to be like `wanted`.
    fn looked(file: &Path, wanted: &str) -> Look {
        let file = file.to_str().expect("a plain path").to_owned();
        Look { file, from: millis(100), until: millis(200), wanted: Wanted::Text(wanted.to_owned()) }
    }

    #[test]
    fn a_look_waits_until_the_file_is_as_wanted_but_not_for_ever() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        for inner in [TEXTS, LOOKS] {
            fs::create_dir(root.join(inner)).expect("a directory");
        }
        fs::write(root.join(TEXTS).join("used"), "#1\n").expect("a text");
        let (becomes, stays) = (root.join("becomes"), root.join("stays"));
        for file in [&becomes, &stays] {
            fs::write(file, " 1\n").expect("a file");
        }
        let plan = [looked(&becomes, "used"), looked(&stays, "used")];
        let mut looks = Looks::new(&plan, root);
        for at in [0, 99] {
            looks.look(millis(at)).expect("a look");
        }
        assert_eq!(looks.next(millis(99)), Some(millis(100)));
        looks.look(millis(100)).expect("a look");
        assert_eq!(looks.next(millis(100)), Some(millis(110)));
        fs::write(&becomes, "#1\n").expect("a file");
        looks.look(millis(110)).expect("a look");
        looks.look(millis(205)).expect("a look");
        let gone = root.join("gone").to_str().expect("a plain path").to_owned();
        let seen = looks.last(&[gone], millis(300)).expect("a look");
        let seen: Vec<_> = seen
            .into_iter()
            .map(|glance| (glance.at, glance.copy.map(|copy| fs::read_to_string(root.join(copy)).expect("a copy"))))
            .collect();
        let wanted = [(millis(110).0, Some("#1\n")), (millis(205).0, Some(" 1\n")), (millis(300).0, None)];
        assert_eq!(seen, wanted.map(|(at, text)| (at, text.map(str::to_owned))));
    }
}
