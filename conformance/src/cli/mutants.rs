//! `mutants`: the matrix of broken daemons and the cases that catch them.

use std::{fmt::Write as _, fs, thread};

use anstyle::Style;

use super::{MutantsArgs, Output, Wrong};
use crate::{
    builtin,
    mutants::{self, Matrix},
    status::Status,
};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How many cases a line of the terminal names.
const NAMED: usize = 4;

pub(super) fn mutants(args: &MutantsArgs) -> Result<Output, Wrong> {
    let cases = builtin::cases()?;
    let jobs = thread::available_parallelism().map_err(|error| Wrong::Given(error.to_string()))?;
    let matrix = mutants::matrix(&cases, jobs, &|| {});
    if let Some(path) = &args.csv {
        fs::write(path, csv(&matrix)).map_err(|error| Wrong::File(path.clone(), error))?;
    }
    let mut text = String::new();
    for (mutant, catches) in &matrix.rows {
        let (of_clause, others): (Vec<usize>, Vec<usize>) = catches
            .iter()
            .partition(|place| matrix.cases[**place].all_clauses().any(|clause| clause == mutant.clause()));
        let named: Vec<&str> = of_clause.iter().take(NAMED).map(|place| matrix.cases[*place].id.as_str()).collect();
        let more = if of_clause.len() > NAMED { ", ..." } else { "" };
        _ = writeln!(
            text,
            "{BOLD}{mutant}{BOLD:#}  {}: {}\n    {DIM}caught by {} cases of its clause and {} others: {}{more}{DIM:#}",
            mutant.clause(),
            mutant.text(),
            of_clause.len(),
            others.len(),
            named.join(", "),
        );
    }
    _ = writeln!(text, "{} mutants, {} cases", matrix.rows.len(), matrix.cases.len());
    let faults = matrix.faults();
    for fault in &faults {
        _ = writeln!(text, "{fault}");
    }
    let status = if faults.is_empty() { Status::AsExpected } else { Status::Failed };
    Ok(Output { text, status })
}

/// A row a case, a column a mutant.
fn csv(matrix: &Matrix<'_>) -> String {
    let mut text = "case".to_owned();
    for (mutant, _) in &matrix.rows {
        _ = write!(text, ",{mutant}");
    }
    for (place, case) in matrix.cases.iter().enumerate() {
        _ = write!(text, "\n{}", case.id);
        for (_, catches) in &matrix.rows {
            text += if catches.binary_search(&place).is_ok() { ",x" } else { "," };
        }
    }
    text + "\n"
}
