//! `list`, `clauses`, `show` and `render`: what there is, without judging anybody.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use anstyle::Style;

use super::{Output, Selection, Wrong};
use crate::{
    builtin, capture,
    case::Case,
    clause::{CLAUSES, Level, Source},
    report::case::{configuration, fixtures},
    select,
    timeline::{Entry, What},
};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// A line a case.
pub(super) fn list(selection: &Selection) -> Result<Output, Wrong> {
    let cases = select::select(&selection.files, &selection.only)?;
    let mut text = String::new();
    for case in &cases {
        let clauses = case.all_clauses().collect::<Vec<_>>().join(" ");
        text += &format!("{BOLD}{}{BOLD:#}  {DIM}{clauses}{DIM:#}\n    {}\n", case.id, case.about);
    }
    text += &format!("{} cases\n", cases.len());
    Ok(Output::good(text))
}

/// A paragraph a clause.
pub(super) fn clauses() -> Result<Output, Wrong> {
    let cases = builtin::cases()?;
    let count = |of: fn(&Case) -> &[String], id: &str| {
        cases.iter().filter(|case| of(case).iter().any(|clause| clause == id)).count()
    };
    let mut text = String::new();
    for clause in CLAUSES.iter() {
        let level = match clause.level {
            Level::Must => "must",
            Level::Should => "should",
        };
        let source = match clause.source {
            Source::Manual => "manual",
            Source::Practice => "practice",
            Source::Decision => "decision",
        };
        let (shown, limited) = (count(|case| &case.clauses, &clause.id), count(|case| &case.limits, &clause.id));
        text += &format!(
            "{BOLD}{}{BOLD:#}  {level}, {source}; {shown} cases show it, {limited} its limit\n    {}\n",
            clause.id, clause.text
        );
    }
    Ok(Output::good(text))
}

/// One case, for a person.
pub(super) fn show(id: &str, files: &[PathBuf]) -> Result<Output, Wrong> {
    let case = select::one(files, id)?;
    let mut text = format!("{BOLD}{}{BOLD:#}\n{}\n", case.id, case.about);
    for (word, clauses) in [("shows", &case.clauses), ("limit of", &case.limits)] {
        if !clauses.is_empty() {
            text += &format!("{word:<9}{}\n", clauses.join(" "));
        }
    }
    let needs: Vec<_> = case.needs().into_iter().map(|ability| ability.name()).collect();
    text += &format!("{:<9}{}\n", "needs", needs.join(" "));
    text += &format!("{:<9}{}:{}\n\n", "file", case.origin.file.display(), case.origin.line);
    for line in (configuration(&case) + &fixtures(&case)).lines() {
        text += format!("    {line}").trim_end();
        text.push('\n');
    }
    text.push('\n');
    text += &timeline(&case);
    Ok(Output::good(text))
}

/// Each line of the timeline as it was written, with the time at which it holds and how many packets it stands for.
fn timeline(case: &Case) -> String {
    let mut text = String::new();
    for (index, line) in case.timeline_text.lines().enumerate() {
        let entries: Vec<&Entry> = case.timeline.entries.iter().filter(|entry| entry.line == index + 1).collect();
        let [first, ..] = entries.as_slice() else {
            if !line.trim().is_empty() {
                text += &format!("{DIM}{:>10}  {}{DIM:#}\n", "", line.trim());
            }
            continue;
        };
        let words = line.trim().trim_start_matches(|c: char| c == '+' || c == '.' || c.is_ascii_digit()).trim_start();
        let mark = match first.what {
            What::Event(_) => "  ",
            What::Expect(_) => "=>",
        };
        let many = if entries.len() > 1 { format!("  {DIM}({} packets){DIM:#}", entries.len()) } else { String::new() };
        text += &format!("{:>10}  {mark} {words}{many}\n", first.at.to_string());
    }
    text + &format!("{:>10}  {DIM}the end of the window{DIM:#}\n", case.timeline.end.to_string())
}

/// The packets as a capture.
pub(super) fn render(id: &str, path: &Path, files: &[PathBuf]) -> Result<Output, Wrong> {
    let case = select::one(files, id)?;
    let failed = |error| Wrong::File(path.to_owned(), error);
    let packets = case.timeline.packets().count();
    if packets == 0 {
        return Err(Wrong::Given(format!("the case `{id}` has no packets")));
    }
    let file = File::create(path).map_err(failed)?;
    capture::write(&case, BufWriter::new(file)).map_err(failed)?;
    Ok(Output::good(format!("{}: {packets} packets\n", path.display())))
}
