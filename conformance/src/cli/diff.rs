//! `diff`: two implementations side by side, and where each case first parts them.

use std::path::Path;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

use super::{DiffArgs, Output, Settings, SubjectArgs, Wrong, judge};
use crate::{
    case::Case,
    ledger::Ledger,
    report::{
        Report,
        case::{CaseReport, Outcome, Sighting},
        parting::{Parting, parting},
    },
    select,
    status::Status,
    subjects::{self, SubjectName},
    time::Nanos,
};

const BOLD: Style = Style::new().bold();
const RED: Style = AnsiColor::Red.on_default();
const GREEN: Style = AnsiColor::Green.on_default();

/// Tells the first difference of each case that both were judged by.
pub(super) fn diff(args: &DiffArgs) -> Result<Output, Wrong> {
    let cases = select::select(&args.selection.files, &args.selection.only)?;
    let (a, b) = (report(&args.a, &cases, args)?, report(&args.b, &cases, args)?);
    let tolerance = Nanos(a.early_ns.max(a.late_ns) + b.early_ns.max(b.late_ns));
    let mut text = String::new();
    let (mut both, mut parted) = (0, 0);
    for case in &cases {
        let (Some(one), Some(other)) = (judged(&a, case), judged(&b, case)) else { continue };
        both += 1;
        let Some(Parting { at, a: of_a, b: of_b }) = parting(&one.seen, &other.seen, tolerance) else { continue };
        parted += 1;
        text += &format!("{BOLD}{}{BOLD:#}  at {at}\n    {}\n", case.id, case.about);
        let tell = |sight: &Option<Sighting>| sight.as_ref().map_or("nothing".to_owned(), ToString::to_string);
        text += &format!("    {RED}- {}: {}{RED:#}\n", a.implementation, tell(&of_a));
        text += &format!("    {GREEN}+ {}: {}{GREEN:#}\n", b.implementation, tell(&of_b));
    }
    let names = format!("{} ({}) and {} ({})", a.implementation, a.subject, b.implementation, b.subject);
    text += &format!("{names}: {both} of {} cases judged by both, {parted} part them\n", cases.len());
    let worlds: Vec<String> = [&a, &b].into_iter().filter_map(broken).collect();
    text.extend(worlds.iter().map(|told| format!("{RED}{told}{RED:#}\n")));
    let status = match (both, parted) {
        _ if !worlds.is_empty() => Status::WorldBroke,
        (0, _) => Status::WrongUse,
        (_, 0) => Status::AsExpected,
        (_, _) => Status::Failed,
    };
    Ok(Output { text, status })
}

/// What a side did: read from a report, or seen now.
fn report(side: &str, cases: &[Case], args: &DiffArgs) -> Result<Report, Wrong> {
    if Path::new(side).extension().is_some_and(|ending| ending == "json") {
        return super::tell::read(Path::new(side));
    }
    judge::usable(&args.settings)?;
    let chosen = match SubjectName::from_str(side, false) {
        Ok(name) => subjects::choose(name, &args.settings)?,
        Err(_) if Path::new(side).is_file() => {
            let settings = Settings { daemon: Some(side.into()), ..args.settings.clone() };
            judge::choose(&SubjectArgs { subject: None, settings })?
        }
        Err(_) => {
            let known: Vec<_> = SubjectName::value_variants().iter().map(|name| name.key()).collect();
            let why = format!("`{side}` is no report, REPORT.json, no program, and none of {}", known.join(", "));
            return Err(Wrong::Given(why));
        }
    };
    let judged = judge::judge(cases, &chosen, args.settings.jobs);
    Ok(Report::new(&chosen.judge(), judged, &Ledger::default(), &[]))
}

/// How many worlds broke of a side, and why the first did: of these cases nobody knows whether they part the two.
fn broken(report: &Report) -> Option<String> {
    let broken = |case: &CaseReport| {
        let Outcome::Broken { why } = &case.outcome else { return None };
        Some(format!("{}: {why}", case.id))
    };
    let mut all = report.cases.iter().filter_map(broken);
    let first = all.next()?;
    Some(format!("{} ({}): a world broke in {} cases: {first}", report.implementation, report.subject, 1 + all.count()))
}

fn judged<'a>(report: &'a Report, case: &Case) -> Option<&'a CaseReport> {
    report.cases.iter().find(|reported| {
        let judged = matches!(reported.outcome, Outcome::Passed | Outcome::Failed | Outcome::Known { .. });
        judged && reported.id == case.id
    })
}
