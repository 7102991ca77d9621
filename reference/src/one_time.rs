//! A file of one-time sequences: its text -> the next sequence, and the one-byte edit that spends it (ONCE).
//!
//! The file is read once, from front to back, as its sequences are used up: a start costs one pass over the used lines,
//! and a knock costs the line that follows (ONCE-9). What is disabled, blank or no sequence is passed over, never changed.

use memchr::memchr;

use crate::{
    port::Port,
    sequence::{Sequence, SequenceError, is_blank},
};

/// What is written over the first byte of a used line (ONCE-3).
pub const MARK: u8 = b'#';

/// A usable line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where its first byte stands in the file, from 0: the byte that [`MARK`] replaces.
    pub offset: u64,
    /// Its number in the file, from 1.
    pub number: u64,
    /// The sequence that it holds.
    pub sequence: Sequence,
}

/// A line that is passed over with a warning and left as it is (ONCE-2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its number in the file, from 1.
    pub number: u64,
    /// Why it cannot be used.
    pub reason: SkipReason,
}

/// Why a line cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// It is no sequence.
    Unparsable(SequenceError),
    /// It names a port of `Ignore_Ports`, which can never be hit (SEQ-11).
    PortIgnored(Port),
}

/// The text of a one-time file from the line in use onwards.
#[derive(Clone, Debug)]
pub struct OneTime {
    text: Vec<u8>,
    /// Where the line after the one in use begins.
    next: usize,
    /// That line's number, from 1.
    number: u64,
}

impl OneTime {
    /// Reads `text` from its start.
    #[must_use]
    pub fn new(text: Vec<u8>) -> Self {
        Self { text, next: 0, number: 1 }
    }

    /// The first byte of a line of this text.
    #[must_use]
    pub fn first_byte(&self, line: &Line) -> u8 {
        let byte = usize::try_from(line.offset).ok().and_then(|offset| self.text.get(offset));
        byte.copied().unwrap_or(MARK)
    }

    /// The next usable line, and what was passed over on the way to it; `None` when the file is used up (ONCE-7).
    ///
    /// `unusable` says of a line, by its offset and sequence, why it is to be passed over although it parses.
    pub fn next_line(
        &mut self,
        mut unusable: impl FnMut(u64, &Sequence) -> Option<Unusable>,
        mut skipped: impl FnMut(Skipped),
    ) -> Option<Line> {
        while self.next < self.text.len() {
            let start = self.next;
            let number = self.number;
            let end = memchr(b'\n', &self.text[start..]).map_or(self.text.len(), |length| start + length);
            self.next = end + 1;
            self.number += 1;
            if self.text[start] == MARK {
                continue;
            }
            let line = &self.text[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.iter().all(|byte| is_blank(*byte)) {
                continue;
            }
            let offset = start as u64;
            let reason = match Sequence::parse(line) {
                Ok(sequence) => match unusable(offset, &sequence) {
                    None => return Some(Line { offset, number, sequence }),
                    Some(Unusable::Spent) => continue,
                    Some(Unusable::PortIgnored(port)) => SkipReason::PortIgnored(port),
                },
                Err(error) => SkipReason::Unparsable(error),
            };
            skipped(Skipped { number, reason });
        }
        None
    }
}

/// Why a line that parses is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Its mark is being written.
    Spent,
    /// It names a port that the door ignores.
    PortIgnored(Port),
}

/// Spends the line that begins at `offset` in `text`, as a daemon does in the file: one byte changes, the length does
/// not (ONCE-3). False, and nothing changes, if the text ends before it.
#[must_use]
pub fn mark(text: &mut [u8], offset: u64) -> bool {
    let byte = usize::try_from(offset).ok().and_then(|offset| text.get_mut(offset));
    byte.map(|byte| *byte = MARK).is_some()
}

#[cfg(test)]
mod tests;
