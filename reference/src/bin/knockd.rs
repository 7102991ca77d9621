//! The daemon's program.
#![forbid(unsafe_code)]

#[expect(clippy::disallowed_methods, reason = "the program gets its arguments from the system")]
fn main() -> std::process::ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == knockd::daemon::message::DOORKEEPER) {
        return knockd::daemon::keeper::main();
    }
    std::process::ExitCode::from(2)
}
