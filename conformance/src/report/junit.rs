//! The report as JUnit XML: a suite a group of clauses, a case a case, the ledger a suite of its own.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::{
    Report,
    case::{CaseReport, Outcome},
};

/// The report as XML. A failed case is a failure, a broken world an error, a case that was not judged is skipped, and
/// an entry of the ledger that is no longer true is a failure, too.
#[must_use]
pub fn junit(report: &Report) -> String {
    let mut junit = Junit::new(format!("{} ({})", report.implementation, report.subject));
    let mut suites: Vec<TestSuite> = Vec::new();
    for case in &report.cases {
        let clause = case.all_clauses().next().unwrap_or_default();
        let group = clause.split('-').next().unwrap_or_default();
        let place = suites.iter().position(|suite| suite.name.as_str() == group).unwrap_or_else(|| {
            suites.push(TestSuite::new(group));
            suites.len() - 1
        });
        suites[place].add_test_case(test_case(case));
    }
    if !report.complaints.is_empty() {
        let mut suite = TestSuite::new("ledger");
        for complaint in &report.complaints {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(complaint.why.clone());
            suite.add_test_case(TestCase::new(complaint.case.clone(), status));
        }
        suites.push(suite);
    }
    junit.add_test_suites(suites);
    // A report is made of texts, and control characters were taken out of them by the writer's own type.
    junit.to_string().expect("a report is XML")
}

fn test_case(case: &CaseReport) -> TestCase {
    let status = match &case.outcome {
        Outcome::Passed | Outcome::Known { .. } => TestCaseStatus::success(),
        Outcome::Failed => not(NonSuccessKind::Failure, &case.summary(), &told(case)),
        Outcome::Broken { why } if case.problems.is_empty() => not(NonSuccessKind::Error, why, ""),
        Outcome::Broken { why } => not(NonSuccessKind::Error, why, &told(case)),
        Outcome::Skipped { missing } => skipped(&format!("the subject lacks: {}", missing.join(", "))),
        Outcome::Unclaimed { unclaimed } => skipped(&format!("not claimed: {}", unclaimed.join(", "))),
    };
    let mut test_case = TestCase::new(case.id.clone(), status);
    test_case.set_classname(case.all_clauses().collect::<Vec<_>>().join(" "));
    test_case.set_time(Duration::from_millis(case.took_ms));
    if let Outcome::Known { clause, reason } = &case.outcome {
        test_case.set_system_out(format!("known deviation from {clause}: {reason}\n{}", case.summary()));
    }
    test_case
}

fn not(kind: NonSuccessKind, message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    if !description.is_empty() {
        status.set_description(description);
    }
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message);
    status
}

fn told(case: &CaseReport) -> String {
    let problems: String = case.problems.iter().map(|problem| format!("{problem}\n")).collect();
    format!("{}\n{}:{}\n\n{}\n{problems}", case.about, case.file, case.line, case.timeline)
}
