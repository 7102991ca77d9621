//! The live daemon: the loop around the engine that owns clocks, files, processes and sockets.
//!
//! It is two processes of one program. The **watcher** captures and runs the engine; its process number is the daemon's.
//! The **doorkeeper** does everything that touches the disk or needs privileges: it runs the commands, writes the log,
//! marks used lines, and keeps the journal of doors that are to be closed. It outlives a watcher that crashes or is
//! killed, and closes them in time (CMD-7). The two speak [`message`]s over a socket pair, each through a [`channel`].

pub mod boot;
mod capture;
pub mod channel;
mod check;
mod clock;
pub mod command;
mod disk;
mod ending;
mod errands;
mod error;
pub mod filter;
pub mod journal;
pub mod keeper;
mod link;
mod log;
mod lookup;
mod marks;
pub mod message;
mod options;
mod pid_file;
mod reload;
mod respawn;
mod signals;
mod start;
mod watcher;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;

use self::{message::DOORKEEPER, options::Called};
use crate::cli::knockd::Args;

/// Runs the program with these arguments, its name apart, as whichever of the daemon's processes they ask for.
#[must_use]
pub fn main(mut raw: Vec<OsString>) -> ExitCode {
    let first = raw.first();
    if first.is_some_and(|first| first == DOORKEEPER) {
        // By its file it would be called `exe`. A signal to all that are called knockd is for the watcher.
        let _unnamed = nix::sys::prctl::set_name(c"knockd-keeper");
        return keeper::main();
    }
    let folder = first.and_then(|first| options::background(first));
    let background = folder.is_some();
    if background {
        raw.remove(0);
    }
    let args = match Args::try_parse_from([OsString::from("knockd")].iter().chain(&raw)) {
        Ok(args) => args,
        Err(error) => return crate::cli::knockd::explain(&error),
    };
    let folder = folder.map_or_else(std::env::current_dir, Ok);
    let called = Called { args, raw, folder: folder.unwrap_or_else(|_| "/".into()), background };
    if let Some(file) = called.args.check.clone() {
        return check::check(&called, file);
    }
    let done = if called.args.daemon && !background {
        start::into_background(&called)
    } else {
        watcher::run(called).map(ExitCode::from)
    };
    done.unwrap_or_else(|error| {
        eprintln!("knockd: {error}");
        ExitCode::FAILURE
    })
}
