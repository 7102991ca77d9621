//! `ledger`: shows the known deviations, or writes them anew.

use std::{fs, io, path::Path};

use anstyle::Style;

use super::{LedgerArgs, Output, Wrong, judge};
use crate::{
    builtin,
    ledger::{Did, Ledger},
    run::{Judged, Outcome},
    select,
    status::Status,
    subjects::Chosen,
};

const BOLD: Style = Style::new().bold();

/// Shows the ledger, or with `--update` runs every case and writes it.
pub(super) fn ledger(args: &LedgerArgs) -> Result<Output, Wrong> {
    let chosen = judge::choose(&args.subject)?;
    if args.update {
        return update(args, &chosen);
    }
    let ledger = judge::ledger(&args.ledger, &chosen)?;
    let mut text = String::new();
    for entry in &ledger.deviation {
        text += &format!("{BOLD}{}{BOLD:#}  {}\n    {}\n", entry.case, entry.clause, entry.reason);
        match &entry.did {
            Did::Everywhere(did) => text += &format!("    {did}\n"),
            Did::By(by) => text.extend(by.iter().map(|(subject, did)| format!("    {subject}: {did}\n"))),
        }
    }
    text += &format!("{} known deviations\n", ledger.deviation.len());
    Ok(Output::good(text))
}

fn update(args: &LedgerArgs, chosen: &Chosen) -> Result<Output, Wrong> {
    let given = |why: &str| Wrong::Given(why.to_owned());
    if !args.selection.only.is_empty() || !args.selection.files.is_empty() {
        return Err(given("a ledger is updated from a run of all built-in cases: leave out --only and case files"));
    }
    let Some(name) = args.ledger.ledger.as_deref() else {
        return Err(given("name the file to be written with --ledger FILE"));
    };
    if builtin::ledger(name).is_some() {
        return Err(Wrong::Given(format!("`{name}` is built in: name its file, conformance/ledger/{name}.toml")));
    }
    let path = Path::new(name);
    let old = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        old => old.map_err(|error| Wrong::File(path.to_owned(), error))?,
    };
    let ledger = Ledger::read(&old).map_err(|why| Wrong::Given(format!("{name}: {why}")))?;
    let cases = select::all(&[])?;
    let judged = judge::judge(&cases, chosen, args.subject.settings.jobs);
    let is_broken = |judged: &&Judged<'_>| matches!(judged.outcome, Outcome::Broken(_)) || judged.disturbance.is_some();
    if let Some(broken) = judged.iter().find(is_broken) {
        return Ok(Output {
            text: format!("{}: a world broke, so the run is partial; the ledger stays as it is\n", broken.case.id),
            status: Status::WorldBroke,
        });
    }
    let updated = ledger.updated(&judged, chosen.key);
    judge::write(path, &updated.write(&old))?;
    let unreasoned = updated.deviation.iter().filter(|entry| entry.reason.trim().is_empty()).count();
    let text = format!("{name}: {} deviations, {unreasoned} of them without a reason yet\n", updated.deviation.len());
    Ok(Output { text, status: if unreasoned == 0 { Status::AsExpected } else { Status::Failed } })
}
