//! The journal's text: records -> bytes, and bytes of any kind -> the doors that are open.
//!
//! It begins with [`MAGIC`] and a record of its [`Key`]. A record is the length of its content and a checksum of length
//! and content, four bytes each, the lowest first, then the content in postcard's form. Records are only ever appended,
//! so whatever a crash leaves behind is a text whose last record may be cut: what comes before the first record that is
//! not whole counts, and nothing after it.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::daemon::message::Stop;

/// What a journal begins with: its kind and its version.
pub const MAGIC: &[u8] = b"knockd journal 1\n";

/// Length and checksum.
const HEAD: usize = 8;

/// Whose journal it is: two daemons of different keys have different journals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The pid file's path.
    pub pid_file: Vec<u8>,
    /// The configuration's path.
    pub config: Vec<u8>,
    /// The interfaces, as given.
    pub interface: Vec<u8>,
}

/// Which boot of which machine: a time since boot means nothing in another one.
pub type BootId = [u8; 16];

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Whose journal it is; the first record, and only that.
    Key(Key),
    /// A start command is about to run.
    Opening {
        /// The opening's number, which no other in this journal has.
        opening: u64,
        /// What closes the door.
        stop: Stop,
    },
    /// The start command has ended, and the stop command has its time.
    Opened {
        /// Which opening.
        opening: u64,
        /// The boot that the time is of.
        boot: BootId,
        /// When the stop command is due, in nanoseconds since the boot.
        due: u64,
    },
    /// The stop command has ended, or is not to run.
    Closed {
        /// Which opening.
        opening: u64,
    },
}

/// A door that was opened, and that no record closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDoor {
    /// What closes it.
    pub stop: Stop,
    /// The boot and the time since it at which that is due; `None` while nobody has seen the start command end.
    pub due: Option<(BootId, u64)>,
}

/// Why the rest of a journal is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It ends within a record: the last write was cut short.
    Torn,
    /// A checksum is wrong, or what it covers is no record.
    Corrupt,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Torn => "it ends within a record",
            Self::Corrupt => "a record is damaged",
        })
    }
}

/// What a journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Whose it is; `None` if it ends before that.
    pub key: Option<Key>,
    /// The doors to be closed, by the openings' numbers.
    pub doors: BTreeMap<u64, OpenDoor>,
    /// A number that no opening has, nor any after it.
    pub next: u64,
    /// How many bytes were understood: what is appended belongs there.
    pub whole: usize,
    /// Why that is not all of it.
    pub damage: Option<Damage>,
}

/// The text does not begin as a journal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoJournal;

impl fmt::Display for NoJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is no journal of this version")
    }
}

impl std::error::Error for NoJournal {}

/// Appends a record to a text.
pub fn write(record: &Record, text: &mut Vec<u8>) {
    let begin = text.len();
    let mut content = postcard::to_allocvec(record).unwrap_or_default();
    // A content that cannot be written would be a record that says nothing; postcard can write whatever these types hold.
    debug_assert!(!content.is_empty());
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes();
    text.extend(length);
    text.extend(checksum(length, &content).to_le_bytes());
    text.append(&mut content);
    debug_assert!(text.len() > begin + HEAD);
}

/// Reads a journal. An empty text is the journal of no door.
///
/// # Errors
///
/// It is something else.
pub fn read(text: &[u8]) -> Result<Recovered, NoJournal> {
    let mut found = Recovered::default();
    let Some(mut rest) = text.strip_prefix(MAGIC) else {
        if !MAGIC.starts_with(text) {
            return Err(NoJournal);
        }
        found.damage = (!text.is_empty()).then_some(Damage::Torn);
        return Ok(found);
    };
    found.whole = MAGIC.len();
    while !rest.is_empty() {
        match first(rest).and_then(|(record, length)| found.take(record).map(|()| length)) {
            Ok(length) => {
                found.whole += length;
                rest = &rest[length..];
            }
            Err(damage) => {
                found.damage = Some(damage);
                break;
            }
        }
    }
    Ok(found)
}

impl Recovered {
    fn take(&mut self, record: Record) -> Result<(), Damage> {
        match (record, &self.key) {
            (Record::Key(key), None) => self.key = Some(key),
            (Record::Opening { opening, stop }, Some(_)) if opening >= self.next => {
                // The last number of all cannot have been given: it would leave none for the next opening.
                self.next = opening.checked_add(1).ok_or(Damage::Corrupt)?;
                self.doors.insert(opening, OpenDoor { stop, due: None });
            }
            // What is said of an opening that is not here, because its own record could not be written, does no harm.
            (Record::Opened { opening, boot, due }, Some(_)) => {
                if let Some(door) = self.doors.get_mut(&opening) {
                    door.due = Some((boot, due));
                }
            }
            (Record::Closed { opening }, Some(_)) => {
                self.doors.remove(&opening);
            }
            _ => return Err(Damage::Corrupt),
        }
        Ok(())
    }
}

/// The first record of a text, and how many bytes it takes.
fn first(text: &[u8]) -> Result<(Record, usize), Damage> {
    let (length, rest) = text.split_first_chunk::<4>().ok_or(Damage::Torn)?;
    let (sum, rest) = rest.split_first_chunk::<4>().ok_or(Damage::Torn)?;
    let content = rest.get(..u32::from_le_bytes(*length) as usize).ok_or(Damage::Torn)?;
    if checksum(*length, content) != u32::from_le_bytes(*sum) {
        return Err(Damage::Corrupt);
    }
    match postcard::take_from_bytes(content) {
        Ok((record, [])) => Ok((record, HEAD + content.len())),
        Ok(_) | Err(_) => Err(Damage::Corrupt),
    }
}

fn checksum(length: [u8; 4], content: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length);
    sum.update(content);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn stop() -> impl Strategy<Value = Stop> {
        (vec(any::<u8>(), 0..40), any::<Duration>(), "[a-z]{0,8}", any::<IpAddr>())
            .prop_map(|(command, after, door, source)| Stop { command, after, door, source })
    }

    /// The records of a daemon's life: openings of rising numbers, of which any may be opened or closed.
    fn life() -> impl Strategy<Value = Vec<Record>> {
        vec((stop(), any::<Option<(BootId, u64)>>(), any::<bool>()), 0..8).prop_map(|openings| {
            let mut records = vec![Record::Key(Key { pid_file: b"/run/a".to_vec(), ..Key::default() })];
            let mut later = Vec::new();
            for (opening, (stop, due, closed)) in (3..).zip(openings) {
                records.push(Record::Opening { opening, stop });
                later.extend(due.map(|(boot, due)| Record::Opened { opening, boot, due }));
                later.extend(closed.then_some(Record::Closed { opening }));
            }
            records.extend(later);
            records
        })
    }

    /// The text of some records, and where each of them ends.
    fn text(records: &[Record]) -> (Vec<u8>, Vec<usize>) {
        let mut text = MAGIC.to_vec();
        let ends = records.iter().map(|record| {
            write(record, &mut text);
            text.len()
        });
        let ends = ends.collect();
        (text, ends)
    }

    /// What the first so many records say, by a reading of their own.
    fn said(records: &[Record]) -> BTreeMap<u64, OpenDoor> {
        let closed = |number| records.contains(&Record::Closed { opening: number });
        let due = |number| {
            records.iter().rev().find_map(|record| match record {
                Record::Opened { opening, boot, due } => (*opening == number).then_some((*boot, *due)),
                Record::Key(_) | Record::Opening { .. } | Record::Closed { .. } => None,
            })
        };
        let open = records.iter().filter_map(|record| match record {
            Record::Opening { opening, stop } => {
                (!closed(*opening)).then(|| (*opening, OpenDoor { stop: stop.clone(), due: due(*opening) }))
            }
            Record::Key(_) | Record::Opened { .. } | Record::Closed { .. } => None,
        });
        open.collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(records in life()) {
            let (text, _) = text(&records);
            let found = read(&text).expect("a journal");
            prop_assert_eq!(&found.doors, &said(&records));
            prop_assert_eq!((found.whole, found.damage), (text.len(), None));
            prop_assert!(found.doors.keys().all(|opening| *opening < found.next));
        }

        #[test]
        fn a_text_cut_anywhere_says_what_its_whole_records_say(records in life(), at in any::<prop::sample::Index>()) {
            let (text, ends) = text(&records);
            let cut = at.index(text.len() + 1);
            let found = read(&text[..cut]).expect("a journal's beginning");
            let whole = ends.iter().filter(|end| **end <= cut).count();
            prop_assert_eq!(found.doors, said(&records[..whole]));
            let complete = cut == 0 || cut == MAGIC.len() || ends.contains(&cut);
            prop_assert_eq!(found.damage, (!complete).then_some(Damage::Torn));
        }

        #[test]
        fn a_changed_byte_costs_no_record_before_it_and_makes_none(
            records in life(),
            at in any::<prop::sample::Index>(),
            change in 1_u8..=255,
        ) {
            let (mut text, ends) = text(&records);
            let place = at.index(text.len());
            text[place] ^= change;
            let whole = ends.iter().filter(|end| **end <= place).count();
            match read(&text) {
                Ok(found) => {
                    prop_assert!(place >= MAGIC.len() && found.damage.is_some());
                    prop_assert_eq!(found.doors, said(&records[..whole]));
                }
                Err(NoJournal) => prop_assert!(place < MAGIC.len()),
            }
        }

        #[test]
        fn what_is_appended_to_the_whole_part_is_read(records in life(), at in any::<prop::sample::Index>(), stop in stop()) {
            let (text, _) = text(&records);
            let found = read(&text[..at.index(text.len() + 1)]).expect("a journal's beginning");
            prop_assume!(found.key.is_some());
            let mut text = text[..found.whole].to_vec();
            write(&Record::Opening { opening: found.next, stop: stop.clone() }, &mut text);
            let more = read(&text).expect("a journal");
            let mut doors = found.doors;
            doors.insert(found.next, OpenDoor { stop, due: None });
            prop_assert_eq!((more.doors, more.damage), (doors, None));
        }

        #[test]
        fn records_about_openings_that_are_not_here_hide_nothing(records in life(), number in 0_u64..12, boot: BootId) {
            let mut more = vec![records[0].clone(), Record::Closed { opening: number }];
            more.push(Record::Opened { opening: number, boot, due: 1 });
            more.extend(records[1..].iter().cloned());
            let found = read(&text(&more).0).expect("a journal");
            prop_assert_eq!((found.doors, found.damage), (said(&records), None));
        }

        #[test]
        fn bytes_of_any_kind_are_read_or_refused(bytes in vec(any::<u8>(), 0..300), begin in any::<bool>()) {
            let text = if begin { [MAGIC, &bytes].concat() } else { bytes };
            if let Ok(found) = read(&text) {
                prop_assert!(found.doors.is_empty() && found.whole <= text.len());
            }
        }
    }
}
