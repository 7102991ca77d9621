//! The live daemon: the loop around the engine that owns clocks, files, processes and sockets.
//!
//! It is two processes of one program. The **watcher** captures and runs the engine; its process number is the daemon's.
//! The **doorkeeper** does everything that touches the disk or needs privileges: it runs the commands, writes the log,
//! marks used lines, and keeps the journal of doors that are to be closed. It outlives a watcher that crashes or is
//! killed, and closes them in time (CMD-7). The two speak [`message`]s over a socket pair, each through a [`channel`].

pub mod boot;
pub mod channel;
pub mod command;
mod disk;
pub mod journal;
pub mod keeper;
mod log;
mod lookup;
mod marks;
pub mod message;
mod pid_file;
mod respawn;
