//! `knock`: sends a secret sequence of packets to a host, so that the knockd there opens a door (KNOCK-1).
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use knockd::{cli::knock::Args, send};

fn main() -> ExitCode {
    let order = Args::parse().order().unwrap_or_else(|error| error.exit());
    match send::run(&order) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            send::complain(&error.to_string());
            ExitCode::from(error.status())
        }
    }
}
