//! `knockd`, the port-knock daemon: its command line is in `cli::knockd`, all else in `daemon`.
#![forbid(unsafe_code)]
#![expect(clippy::disallowed_methods, reason = "a program gets its arguments from the system")]

fn main() -> std::process::ExitCode {
    knockd::daemon::main(std::env::args_os().skip(1).collect())
}
