//! The journal: any bytes are read as far as they are whole, and say nothing that was not written.

use std::collections::BTreeMap;

use knockd::daemon::journal::record::{Damage, MAGIC, NoJournal, OpenDoor, Record, Recovered, read, write};

/// The input is a byte that says what follows: a journal as it is; contents of records, to which lengths and checksums
/// are added; or the same with one byte of the journal changed at the end.
///
/// # Panics
///
/// Something that must hold does not.
pub fn journal(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    match kind % 3 {
        0 => judge(rest),
        1 => judge(&sealed(rest)),
        _ => {
            let Some(([at, change], rest)) = rest.split_first_chunk() else { return };
            let text = sealed(rest);
            let at = usize::from(*at) * text.len() / 256;
            changed(&text, at, *change);
        }
    }
}

/// A journal of records with these contents, each behind a byte that tells how long it is: right but for what they say.
fn sealed(mut contents: &[u8]) -> Vec<u8> {
    let mut text = MAGIC.to_vec();
    while let Some((length, rest)) = contents.split_first() {
        let (content, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        let length = u32::try_from(content.len()).expect("at most 255").to_le_bytes();
        text.extend(length);
        text.extend(checksum(&[&length[..], content].concat()).to_le_bytes());
        text.extend(content);
        contents = rest;
    }
    text
}

/// One reading says what another one says, and so does the journal that is written anew from it.
fn judge(text: &[u8]) {
    let found = read(text);
    assert_eq!(found, by_walking(text));
    let Ok(found) = found else { return };
    assert!(found.whole <= text.len() && found.damage.is_some() == (found.whole < text.len()), "{found:?}");
    assert!(found.doors.keys().all(|opening| *opening < found.next), "{found:?}");
    // The whole part alone is a journal that says the same, without damage.
    assert_eq!(read(&text[..found.whole]), Ok(Recovered { damage: None, ..found.clone() }));
    if found.key.is_some() {
        anew(&found);
        appended(text, &found);
    }
}

/// What a journal written anew says of its doors.
fn anew(found: &Recovered) {
    let mut text = MAGIC.to_vec();
    write(&Record::Key(found.key.clone().expect("it was asked for")), &mut text);
    for (opening, OpenDoor { stop, due }) in &found.doors {
        write(&Record::Opening { opening: *opening, stop: stop.clone() }, &mut text);
        if let Some((boot, due)) = *due {
            write(&Record::Opened { opening: *opening, boot, due }, &mut text);
        }
    }
    let again = read(&text).expect("it begins as a journal");
    assert_eq!((&again.key, &again.doors), (&found.key, &found.doors));
    assert_eq!((again.whole, again.damage), (text.len(), None));
    // A tail that is cut off costs its record alone.
    let cut = read(&text[..text.len() - 1]).expect("it begins as a journal");
    assert_eq!(cut.damage, Some(Damage::Torn));
    assert!(
        cut.doors.iter().all(|(opening, door)| found.doors.get(opening).is_some_and(|same| same.stop == door.stop))
    );
}

/// What the next daemon appends to the whole part is read, and closes what it names.
fn appended(text: &[u8], found: &Recovered) {
    let mut text = text[..found.whole].to_vec();
    for opening in found.doors.keys() {
        write(&Record::Closed { opening: *opening }, &mut text);
    }
    let more = read(&text).expect("it begins as a journal");
    assert_eq!((more.doors.len(), more.damage), (0, None));
    // Behind the last number of all there is none; no daemon lives to give it.
    if let Some((_, door)) = found.doors.first_key_value().filter(|_| found.next < u64::MAX) {
        write(&Record::Opening { opening: found.next, stop: door.stop.clone() }, &mut text);
        let more = read(&text).expect("it begins as a journal");
        assert_eq!((more.doors.len(), more.damage), (1, None), "opening {} is not there", found.next);
    }
}

/// A changed byte makes no command: what is found is what was there before the record that it lies in.
fn changed(text: &[u8], at: usize, change: u8) {
    let before = read(text).expect("it begins as a journal");
    let mut other = text.to_vec();
    other[at] ^= change;
    judge(&other);
    let Ok(after) = read(&other) else { return assert!(at < MAGIC.len()) };
    if change != 0 && at < before.whole {
        assert!(after.whole <= at && after.damage.is_some(), "{after:?} of {before:?}");
        assert_eq!(read(&text[..after.whole]).map(|before| before.doors), Ok(after.doors));
    }
}

/// The reading of [`read`], step by step, with a checksum of its own.
fn by_walking(text: &[u8]) -> Result<Recovered, NoJournal> {
    let mut found = Recovered::default();
    if text.len() < MAGIC.len() {
        found.damage = if text.is_empty() { None } else { Some(Damage::Torn) };
        return if MAGIC.starts_with(text) { Ok(found) } else { Err(NoJournal) };
    }
    if !text.starts_with(MAGIC) {
        return Err(NoJournal);
    }
    found.whole = MAGIC.len();
    while found.damage.is_none() && found.whole < text.len() {
        let rest = &text[found.whole..];
        let word =
            |at: usize| rest.get(at..at + 4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")));
        let end = word(0).and_then(|length| usize::try_from(length).ok()?.checked_add(8));
        match (end.and_then(|end| rest.get(..end)), word(4)) {
            (Some(record), Some(sum)) => {
                let is_whole = checksum(&[&record[..4], &record[8..]].concat()) == sum;
                if is_whole && takes(&mut found, &record[8..]) {
                    found.whole += record.len();
                } else {
                    found.damage = Some(Damage::Corrupt);
                }
            }
            _ => found.damage = Some(Damage::Torn),
        }
    }
    Ok(found)
}

/// Whether a record may stand where it stands; then it is taken in.
fn takes(found: &mut Recovered, content: &[u8]) -> bool {
    let Ok((record, [])) = postcard::take_from_bytes(content) else { return false };
    match record {
        Record::Key(key) => found.key.is_none() && found.key.replace(key).is_none(),
        _ if found.key.is_none() => false,
        Record::Opening { opening, stop } => {
            let is_new = opening >= found.next && opening < u64::MAX;
            if is_new {
                found.next = opening + 1;
                found.doors.insert(opening, OpenDoor { stop, due: None });
            }
            is_new
        }
        Record::Opened { opening, boot, due } => {
            found.doors.entry(opening).and_modify(|door| door.due = Some((boot, due)));
            true
        }
        Record::Closed { opening } => {
            found.doors = std::mem::take(&mut found.doors)
                .into_iter()
                .filter(|(open, _)| *open != opening)
                .collect::<BTreeMap<_, _>>();
            true
        }
    }
}

/// CRC-32 as in Ethernet and zip, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !sum
}
