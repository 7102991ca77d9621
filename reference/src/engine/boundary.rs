//! What the world tells the engine, and what the engine wants from it.

use std::{collections::VecDeque, fmt};

use super::{Doors, Locals};
use crate::{
    event::{Event, Who},
    job::{Exit, JobId, Run},
    wire::Frame,
};

/// Something that the world tells the engine.
#[derive(Debug)]
pub enum Input<'a> {
    /// A frame was captured.
    Frame {
        /// The frame.
        frame: Frame<'a>,
        /// Whether it is known to be captured on a loopback interface, where a host may knock on itself (LISTEN-9), even
        /// if [`Frame::tells_loopback`] says nothing.
        loopback: bool,
    },
    /// A command has ended.
    Exited {
        /// Which.
        job: JobId,
        /// How.
        exit: Exit,
    },
    /// The mark of an [`Effect::Spend`] is durable, or could not be written (ONCE-6).
    Spent {
        /// Which.
        spend: SpendId,
        /// The system's words if it failed.
        result: Result<(), String>,
    },
    /// A moment that [`Engine::poll_timeout`](super::Engine::poll_timeout) named has come.
    Timeout,
    /// The interface's addresses have changed (LISTEN-8).
    Addresses(Locals),
    /// The configuration was read again and is good (PROC-3).
    Reload(Box<Doors>),
    /// The daemon is told to end (PROC-4).
    Quit,
}

/// Something that the engine wants from the world.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Log this.
    Log(Event),
    /// Run this command, and answer with [`Input::Exited`] when it has ended.
    Run(Run),
    /// Write one byte, make it durable, and answer with [`Input::Spent`].
    Spend(Spend),
    /// End with this status; nothing follows.
    Exit(u8),
}

/// A mark to be written; each has its own, and none is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpendId(pub(super) u64);

impl SpendId {
    /// Its number, for whoever tells another process of it.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The mark of that number; the result of one that was never asked for is no input.
    #[must_use]
    pub const fn numbered(number: u64) -> Self {
        Self(number)
    }
}

/// A used line of a one-time file: [`MARK`](crate::one_time::MARK) is to be written at `offset` of the door's file.
#[derive(Clone, Debug)]
pub struct Spend {
    /// To be given back with the result.
    pub id: SpendId,
    /// Whose knock used it, at which door; the door names the file.
    pub who: Who,
    /// Where the line's first byte stands, counted from the file's start.
    pub offset: u64,
    /// The byte that was read there: a line that has changed since is another one.
    pub expected: u8,
}

/// Why the engine must hear [`Input::Timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A knock times out (TIME-1).
    SequenceTimeout,
    /// A stop command is due (CMD-2).
    CommandTimeout,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SequenceTimeout => "a knock times out",
            Self::CommandTimeout => "a stop command is due",
        })
    }
}

/// What the engine wants done, in order. What is not taken stays first in line for the next call.
#[must_use = "effects are to be carried out in order before the next input"]
#[derive(Debug)]
pub struct Effects<'a>(pub(super) &'a mut VecDeque<Effect>);

impl Iterator for Effects<'_> {
    type Item = Effect;

    #[inline]
    fn next(&mut self) -> Option<Effect> {
        self.0.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl ExactSizeIterator for Effects<'_> {}
