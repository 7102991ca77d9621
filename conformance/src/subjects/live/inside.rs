//! The inner side of the live subject: this program, started again by itself inside a case's world.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use nix::unistd::{alarm, close};
use serde::{Deserialize, Serialize};

use super::{
    layout::PLAN,
    look::Glance,
    plan::Plan,
    play::play,
    world::{enter, furnish},
};
use crate::transcript::Sight;

/// The hidden subcommand: `internal-world enter|play DIRECTORY PHASE SECONDS`.
pub const SUBCOMMAND: &str = "internal-world";

/// What the inner side tells the outer one, as JSON on standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Told {
    /// What was seen.
    Seen { sights: Vec<(u64, Sight)>, glances: Vec<Glance> },
    /// The world broke.
    Broken(String),
}

/// Runs the hidden subcommand, if `arguments`, the program's name apart, are its. To be called before the program does
/// anything else: a process with threads cannot move into namespaces.
#[must_use]
pub fn main(arguments: &[String]) -> Option<ExitCode> {
    let [subcommand, stage, directory, phase, seconds] = arguments else { return None };
    if subcommand != SUBCOMMAND {
        return None;
    }
    let directory = PathBuf::from(directory);
    let done = match stage.as_str() {
        "enter" => outer(arguments, seconds),
        _ => inner(directory, phase),
    };
    Some(match done {
        Ok(code) => code,
        Err(error) => tell(&Told::Broken(error.to_string())),
    })
}

/// Makes the namespaces, and waits for their first process. An alarm ends a world that would not end by itself.
fn outer(arguments: &[String], seconds: &str) -> io::Result<ExitCode> {
    alarm::set(seconds.parse().map_err(io::Error::other)?);
    close_strangers()?;
    let mut again = Command::new(std::env::current_exe()?);
    again.args([&arguments[0], "play"]).args(&arguments[2..]);
    let status = enter(&mut again)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Closes what this process was given beyond its standard streams: a daemon that got it, too, and passed it on to a
/// command would be blamed for it (CMD-9).
fn close_strangers() -> io::Result<()> {
    let numbers = fs::read_dir("/proc/self/fd")?.map(|entry| Ok(entry?.file_name().to_string_lossy().parse::<i32>()));
    for number in numbers.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().filter(|number| *number > 2) {
        // The number of the listing itself is no longer open; there is nothing else that could go wrong.
        let _closed = close(number);
    }
    Ok(())
}

fn inner(directory: PathBuf, phase: &str) -> io::Result<ExitCode> {
    let phase = Duration::from_millis(phase.parse().map_err(io::Error::other)?);
    let plan = read(&directory)?;
    let world = furnish(&directory, &plan)?;
    let seen = play(&plan, world, directory, phase)?;
    let sights = seen.sights.into_iter().map(|(at, sight)| (at.0, sight)).collect();
    Ok(tell(&Told::Seen { sights, glances: seen.glances }))
}

fn read(directory: &Path) -> io::Result<Plan> {
    serde_json::from_slice(&fs::read(directory.join(PLAN))?).map_err(io::Error::other)
}

/// The outer side judges what is said, not how this process ends.
fn tell(told: &Told) -> ExitCode {
    match serde_json::to_string(told) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
