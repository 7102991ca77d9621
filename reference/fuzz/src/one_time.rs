//! The one-time file, beside a reader of its own that splits it into lines and words.

use knockd::{
    one_time::{Line, MARK, OneTime, Unusable, UsedUp, mark},
    port::Protocol,
    sequence::Sequence,
};

/// A port that no line may name, as if the door ignored it.
const IGNORED: u16 = 443;

/// How much of the text is read at once.
const PIECE: usize = 307;

/// How many lines are marked one after another: each is a walk over the whole text.
const MARKED: usize = 6;

/// The input is the text.
///
/// # Panics
///
/// Something that must hold does not.
pub fn one_time(text: &[u8]) {
    let (lines, skipped) = by_splitting(text);
    assert_eq!(by_reading(text, &[]), (lines.clone(), skipped.clone()));
    spent(text, &lines, &skipped);

    let crlf = text.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
    let (same, same_skipped) = by_reading(&crlf, &[]);
    let about = |lines: &[Told]| lines.iter().map(|line| (line.number, line.ports.clone())).collect::<Vec<_>>();
    assert_eq!((about(&same), same_skipped), (about(&lines), skipped), "with CRLF");
}

/// Marks line after line: each changes one byte, and the next reading begins with the next line.
fn spent(text: &[u8], lines: &[Told], skipped: &[u64]) {
    let mut marked = text.to_vec();
    let mut offsets = Vec::new();
    for (place, line) in lines.iter().enumerate().take(MARKED) {
        let before = marked.clone();
        assert!(mark(&mut marked, line.offset), "{line:?} lies outside of the text");
        let changed: Vec<_> = (0..text.len()).filter(|at| marked[*at] != before[*at]).collect();
        let at = usize::try_from(line.offset).expect("an offset in memory");
        assert_eq!((changed, marked.len()), (vec![at], text.len()));
        assert_eq!(marked[at], MARK);
        offsets.push(line.offset);
        // Read again, or passed over while it is not known whether the mark is written.
        let left = (lines[place + 1..].to_vec(), skipped.to_vec());
        assert_eq!(by_reading(&marked, &[]), left);
        assert_eq!(by_reading(text, &offsets), left);
    }
    let before = marked.clone();
    assert!(!mark(&mut marked, text.len() as u64) && marked == before, "a mark beyond the text");
}

/// A usable line, in the numbers that it spells.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    offset: u64,
    number: u64,
    ports: Vec<(u16, bool)>,
}

/// What [`OneTime`] gives: every usable line, and the numbers of those that are passed over with a warning.
fn by_reading(text: &[u8], spent: &[u64]) -> (Vec<Told>, Vec<u64>) {
    // In pieces, as a daemon reads what is used up, and of a length that no line keeps to.
    let (mut used_up, mut rest) = (UsedUp::default(), text);
    while let Some(piece) = rest.get(..PIECE.min(rest.len())).filter(|piece| !piece.is_empty()) {
        let passed = used_up.pass_over(piece);
        rest = &rest[passed..];
        if passed < piece.len() {
            break;
        }
    }
    let mut file = OneTime::after(used_up, rest.to_vec());
    let (mut lines, mut skipped) = (Vec::new(), Vec::new());
    let judge = |offset, sequence: &Sequence| {
        let ignored = sequence.ports().iter().find(|port| port.number.get() == IGNORED);
        if spent.contains(&offset) { Some(Unusable::Spent) } else { ignored.map(|port| Unusable::PortIgnored(*port)) }
    };
    while let Some(line) = file.next_line(judge, |line| skipped.push(line.number)) {
        assert_eq!(Some(file.first_byte(&line)), text.get(usize::try_from(line.offset).expect("in memory")).copied());
        let Line { offset, number, sequence } = line;
        let ports = sequence.ports().iter().map(|port| (port.number.get(), port.protocol == Protocol::Udp));
        lines.push(Told { offset, number, ports: ports.collect() });
    }
    (lines, skipped)
}

/// The same by a walk over the lines.
fn by_splitting(text: &[u8]) -> (Vec<Told>, Vec<u64>) {
    let (mut lines, mut skipped) = (Vec::new(), Vec::new());
    let mut offset = 0;
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if line.first() != Some(&b'#') && !line.iter().all(|byte| BLANKS.contains(byte)) {
            match ports(line).filter(|ports| ports.iter().all(|(number, _)| *number != IGNORED)) {
                Some(ports) => lines.push(Told { offset, number, ports }),
                None => skipped.push(number),
            }
        }
        offset += line.len() as u64 + 1;
    }
    (lines, skipped)
}

const BLANKS: &[u8] = b" \t\x0b\x0c\r";

/// The ports of a line, each with whether it is UDP (SEQ-2, SEQ-8, CONF-3).
fn ports(line: &[u8]) -> Option<Vec<(u16, bool)>> {
    // Blanks are ASCII, and so is everything else that a sequence holds.
    let line = str::from_utf8(line).ok()?;
    let trim =
        |word: &str| word.trim_matches(|c: char| u8::try_from(c).is_ok_and(|byte| BLANKS.contains(&byte))).to_owned();
    let elements: Vec<_> = line.split(',').collect();
    if elements.len() > 32 {
        return None;
    }
    let port = |element: &&str| {
        let words: Vec<_> = element.split(':').map(trim).collect();
        let is_udp = match words.get(1).map(|word| word.to_ascii_lowercase()).as_deref() {
            None | Some("tcp") => false,
            Some("udp") => true,
            Some(_) => return None,
        };
        let number = words[0].trim_start_matches('0');
        let is_number = words.len() <= 2 && words[0].bytes().all(|byte| byte.is_ascii_digit());
        (is_number && (1..=5).contains(&number.len()))
            .then(|| number.parse().ok())
            .flatten()
            .map(|number| (number, is_udp))
    };
    elements.iter().map(port).collect()
}
