//! The conformance suite: one set of cases that judges any port-knock daemon.
//!
//! A [`case::Case`] is data: a configuration, what happens on the network, and what a conforming daemon does then. A
//! [`subject::Subject`] carries a case to a daemon and brings back a [`transcript::Transcript`] of what was seen. The
//! verdict, [`check::judge`], is one pure function of the two and of the subject's precision in time. Known deviations
//! stand in a [`ledger`], never in a case.
//!
//! Read [`case`] and [`timeline`] first: the rest is carriage.
#![forbid(unsafe_code)]

pub mod ability;
pub mod adapter;
pub mod builtin;
pub mod capture;
pub mod case;
pub mod check;
pub mod clause;
pub mod cli;
pub mod frame;
pub mod fuzz;
pub mod ledger;
pub mod model;
pub mod mutants;
pub mod names;
mod parallel;
pub mod pattern;
pub mod report;
pub mod run;
pub mod select;
pub mod status;
pub mod subject;
pub mod subjects;
pub mod time;
pub mod timeline;
pub mod transcript;
