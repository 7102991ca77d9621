//! The client as a program: what it tells, what it sends over loopback, how it ends (KNOCK-1 to KNOCK-3).
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the client is run as a user runs it, against real sockets"
)]

mod doors;
mod words;

use std::process::{Command, Output, Stdio};

/// The client with these arguments, in a world that is the same everywhere.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_knock"));
    command.args(arguments).stdin(Stdio::null()).env("COLUMNS", "100").env("NO_COLOR", "1");
    command
}

fn knock(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the client runs")
}

/// What it told on standard output and standard error, after its end with this status.
fn ends(status: i32, arguments: &[&str]) -> (String, String) {
    let output = knock(arguments);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{out}{err}");
    (out, err)
}
