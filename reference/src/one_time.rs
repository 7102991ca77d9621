//! A file of one-time sequences: its text -> the next sequence, and the one-byte edit that spends it (ONCE).
//!
//! The file is read once, from front to back, as its sequences are used up: a start costs one pass over the used lines, at
//! the speed of memory and without keeping them ([`UsedUp`]), and a knock costs the line that follows (ONCE-9). What is
//! disabled, blank or no sequence is passed over, never changed.

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

/// The lines at the beginning of a file that are used up: nothing of them is kept but how many they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsedUp {
    bytes: u64,
    lines: u64,
    /// Whether the last byte was within a line.
    within: bool,
}

/// How many bytes are looked at together; few enough that a byte can count their line ends.
const TOGETHER: usize = 128;

impl UsedUp {
    /// Takes the next piece of the file, and says how many of its bytes are used up. If that is less than all, nothing more
    /// is to be taken: a file's text for [`OneTime::after`] is the rest of this piece and all that follows.
    pub fn pass_over(&mut self, piece: &[u8]) -> usize {
        let mut at = 0;
        if !self.within && piece.first().is_none_or(|byte| *byte != MARK) {
            return 0;
        }
        while let (Some(bytes), Some(following)) =
            (piece[at..].first_chunk(), piece[at..].get(1..).and_then(<[u8]>::first_chunk))
            && let Some(lines) = ends_of_used_lines(bytes, following)
        {
            self.lines += u64::from(lines);
            at += TOGETHER;
        }
        loop {
            let Some(end) = memchr(b'\n', &piece[at..]) else {
                self.within = true;
                at = piece.len();
                break;
            };
            at += end + 1;
            self.lines += 1;
            self.within = false;
            if piece.get(at).is_none_or(|byte| *byte != MARK) {
                break;
            }
        }
        self.bytes += at as u64;
        at
    }
}

/// How many line ends there are among `bytes` if a used line follows each; `following` is one byte further on. All bytes
/// are treated alike, so that many are looked at by one instruction.
#[inline]
fn ends_of_used_lines(bytes: &[u8; TOGETHER], following: &[u8; TOGETHER]) -> Option<u8> {
    let (mut lines, mut others) = (0, 0);
    for (byte, next) in bytes.iter().zip(following) {
        let is_end = u8::from(*byte == b'\n');
        lines += is_end;
        others |= is_end & u8::from(*next != MARK);
    }
    (others == 0).then_some(lines)
}

/// The text of a one-time file from the line in use onwards.
#[derive(Clone, Debug)]
pub struct OneTime {
    used_up: UsedUp,
    text: Vec<u8>,
    /// Where the line after the one in use begins.
    next: usize,
    /// That line's number, from 1.
    number: u64,
}

impl OneTime {
    /// Reads a file of which `text` is what follows the lines that are `used_up`.
    #[must_use]
    pub fn after(used_up: UsedUp, text: Vec<u8>) -> Self {
        Self { used_up, text, next: 0, number: used_up.lines + 1 }
    }

    /// The first byte of a line of this text.
    #[must_use]
    pub fn first_byte(&self, line: &Line) -> u8 {
        let place = line.offset.checked_sub(self.used_up.bytes).and_then(|place| usize::try_from(place).ok());
        let byte = place.and_then(|place| self.text.get(place));
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
            let offset = self.used_up.bytes + start as u64;
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
