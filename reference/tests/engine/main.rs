//! What the engine does with whole lives of a daemon: commands that end or do not, marks that are late or fail,
//! reloads, bounds, the end. Each case is named after the clause that it shows.

#[path = "../frames/mod.rs"]
mod frames;

mod bounds;
mod commands;
mod glance;
mod life;
mod listen;
mod log;
mod once;
mod once_files;
mod quit;
mod reload;
mod reload_once;
mod time;
mod world;
