//! `fuzz`: random cases.

use std::{fs, io::IsTerminal, path::Path};

use indicatif::ProgressBar;

use super::{FuzzArgs, Output, Wrong};
use crate::{
    capture,
    fuzz::{self, Against, Found},
    model::{Deviation, Deviations, Model},
    status::Status,
    subject::Subject,
};

pub(super) fn fuzz(args: &FuzzArgs) -> Result<Output, Wrong> {
    if args.coverage {
        return coverage(args);
    }
    let (subject, model): (Box<dyn Subject>, Model) = match args.against {
        #[cfg(feature = "replay")]
        Against::Engine => (Box::new(crate::subjects::replay::Replay), Model::conforming()),
        #[cfg(not(feature = "replay"))]
        Against::Engine => return Err(Wrong::Given("this program was built without `replay`, the engine".to_owned())),
        #[cfg(target_os = "linux")]
        Against::Original => {
            let original = crate::subjects::original::Original::find(args.daemon.as_deref(), args.preload.as_deref())?;
            (Box::new(original), Model::knockd_0_8())
        }
        #[cfg(not(target_os = "linux"))]
        Against::Original => return Err(Wrong::Given("the C program can be judged on Linux only".to_owned())),
    };
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(args.cases.into()) } else { ProgressBar::hidden() };
    let found = fuzz::search(&*subject, &model, args.against, args.seed, args.cases, &|| bar.inc(1))?;
    bar.finish_and_clear();
    let Some(found) = found else {
        let text = format!("{} random cases from seed {}: no difference\n", args.cases, args.seed);
        return Ok(Output::good(text));
    };
    if let Some(directory) = &args.keep {
        keep(&found, directory)?;
    }
    let text = format!("{}\n{}\n", found.text, found.difference);
    Ok(Output { text, status: Status::Failed })
}

/// The C program's deviations taken from its model one by one, or each of them added to the conforming one.
fn coverage(args: &FuzzArgs) -> Result<Output, Wrong> {
    let deviations = match args.against {
        Against::Engine => Deviations::NONE,
        Against::Original => Deviations::KNOCKD_0_8,
    };
    let is_asked = |one: &&Deviation| args.against == Against::Engine || deviations.on(**one);
    let asked: Vec<Deviation> = Deviation::ALL.iter().filter(is_asked).copied().collect();
    let mut counts = fuzz::exercised(args.against, deviations, &asked, args.seed, args.cases)?;
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let lines = counts.iter().map(|(one, count)| format!("{count:>8}  {:9} {}\n", one.clause(), one));
    Ok(Output::good(lines.collect()))
}

fn keep(found: &Found, directory: &Path) -> Result<(), Wrong> {
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |error| Wrong::File(path, error)
    };
    fs::create_dir_all(directory).map_err(wrong(directory))?;
    let path = directory.join("fuzz-found.toml");
    fs::write(&path, &found.text).map_err(wrong(&path))?;
    let path = directory.join("fuzz-found.pcap");
    let file = fs::File::create(&path).map_err(wrong(&path))?;
    capture::write(&found.case, file).map_err(wrong(&path))
}
