//! The table of support, in Markdown, between two markers of a document.

use super::{Report, matrix::Matrix};
use crate::clause::Level;

/// The line after which the table stands in a document.
pub const BEGIN: &str = "<!-- support: begin, made by `knock-conformance table` -->";
/// The line before which it ends.
pub const END: &str = "<!-- support: end -->";

/// The table.
#[must_use]
pub fn table(reports: &[Report]) -> String {
    let matrix = Matrix::new(reports);
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let head = ["clause", "level"].into_iter().chain(matrix.implementations.iter().copied());
    let mut text = line(head.map(str::to_owned).collect());
    text += &format!("|{}\n", "---|".repeat(matrix.implementations.len() + 2));
    for row in &matrix.rows {
        let level = match row.clause.level {
            Level::Must => "must",
            Level::Should => "should",
        };
        let names = [row.clause.id.clone(), level.to_owned()];
        text += &line(names.into_iter().chain(row.cells.iter().map(|cell| cell.standing.to_string())).collect());
    }
    text
}

/// The document with this table in the place of the one between its markers.
///
/// # Errors
///
/// The document lacks a marker, or has them in the wrong order.
pub fn put(document: &str, table: &str) -> Result<String, String> {
    let missing = |marker: &str| format!("the line `{marker}` is missing: the table stands between two such lines");
    let (before, rest) = document.split_once(BEGIN).ok_or_else(|| missing(BEGIN))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| missing(END))?;
    Ok(format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
}

/// The first line in which two documents differ, as a person reads it; nothing if they do not.
#[must_use]
pub fn difference(is: &str, should: &str) -> Option<String> {
    let (mut is_lines, mut should_lines) = (is.lines(), should.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (is_lines.next(), should_lines.next()) {
            (None, None) => return None,
            (is, should) if is == should => {}
            (is, should) => {
                let end = "the end";
                return Some(format!("line {number} is `{}`, not `{}`", is.unwrap_or(end), should.unwrap_or(end)));
            }
        }
    }
}
