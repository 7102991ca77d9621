//! `report` and `table`: what runs found, told again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Output, TableArgs, Wrong, judge::write};
use crate::{
    report::{Report, page, table},
    status::Status,
};

/// Makes one page of several runs.
pub(super) fn report(reports: &[PathBuf], html: &Path) -> Result<Output, Wrong> {
    let reports: Vec<Report> = reports.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
    write(html, &page::page(&reports))?;
    Ok(Output::good(format!("{}: {} runs\n", html.display(), reports.len())))
}

/// Makes the table of support of several runs: prints it, writes it into a document, or compares it with the one there.
pub(super) fn table(args: &TableArgs) -> Result<Output, Wrong> {
    let reports: Vec<Report> = args.reports.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
    let table = table::table(&reports);
    let (Some(path), writes) = (args.write.as_ref().or(args.check.as_ref()), args.write.is_some()) else {
        return Ok(Output::good(table));
    };
    let document = fs::read_to_string(path).map_err(|error| Wrong::File(path.clone(), error))?;
    let should = table::put(&document, &table).map_err(|why| Wrong::Given(format!("{}: {why}", path.display())))?;
    match table::difference(&document, &should) {
        None => Ok(Output::good(format!("{}: the table is as it should be\n", path.display()))),
        Some(_) if writes => {
            write(path, &should)?;
            Ok(Output::good(format!("{}: the table was written\n", path.display())))
        }
        Some(why) => {
            let text = format!("{}: {why}; write the table anew with --write\n", path.display());
            Ok(Output { text, status: Status::Failed })
        }
    }
}

/// Reads a report that `run --json` wrote.
pub(super) fn read(path: &Path) -> Result<Report, Wrong> {
    let text = fs::read_to_string(path).map_err(|error| Wrong::File(path.to_owned(), error))?;
    Report::from_json(&text).map_err(|why| Wrong::Given(format!("{}: {why}", path.display())))
}
