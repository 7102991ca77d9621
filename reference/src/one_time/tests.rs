//! One-time files against a reader that splits them into lines.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

const IGNORED: u16 = 443;

/// Texts in which lines of every kind are common, and odd line ends too.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let parts: Vec<&[u8]> = vec![
        b"7000,8000:udp",
        b"9",
        b"443,1",
        b" 5 , 6 ",
        b"#",
        b"# old",
        b" ",
        b"\t",
        b"\x0b",
        b"x",
        b"0",
        b",",
        b"\xff",
        b"\r",
        b"\n",
        b"\n",
        b"\n",
        b"\r\n",
    ];
    vec(select(parts), 0..40).prop_map(|parts| parts.concat())
}

fn is_ignored(sequence: &Sequence) -> Option<Unusable> {
    sequence.ports().iter().find(|port| port.number.get() == IGNORED).map(|port| Unusable::PortIgnored(*port))
}

/// Every usable line and every one passed over with a warning, from a walk over the lines with their offsets.
fn by_splitting(text: &[u8]) -> (Vec<Line>, Vec<u64>) {
    let (mut usable, mut passed_over) = (Vec::new(), Vec::new());
    let mut offset = 0;
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let is_comment = line.first() == Some(&b'#');
        let is_blank = line.iter().all(|byte| b" \t\x0b\r".contains(byte));
        if !is_comment && !is_blank {
            match Sequence::parse(line) {
                Ok(sequence) if is_ignored(&sequence).is_none() => usable.push(Line { offset, number, sequence }),
                _ => passed_over.push(number),
            }
        }
        offset += line.len() as u64 + 1;
    }
    (usable, passed_over)
}

/// All lines that a reader of `text` gives, with the numbers of those it passes over.
fn by_reading(text: &[u8], spent: &[u64]) -> (Vec<Line>, Vec<u64>) {
    read_on(OneTime::after(UsedUp::default(), text.to_vec()), spent)
}

fn read_on(mut file: OneTime, spent: &[u64]) -> (Vec<Line>, Vec<u64>) {
    let (mut usable, mut passed_over) = (Vec::new(), Vec::new());
    let judge = |offset, sequence: &Sequence| {
        if spent.contains(&offset) { Some(Unusable::Spent) } else { is_ignored(sequence) }
    };
    while let Some(line) = file.next_line(judge, |skipped| passed_over.push(skipped.number)) {
        usable.push(line);
    }
    (usable, passed_over)
}

proptest! {
    #[test]
    fn the_usable_lines_are_those_that_splitting_finds(text in texts()) {
        prop_assert_eq!(by_reading(&text, &[]), by_splitting(&text));
    }

    #[test]
    fn lines_that_are_used_up_are_passed_over_whatever_pieces_they_come_in(
        used in vec(select(vec!["#\n", "#7000,8000\n", "# \r\n", "##9\n", "#\r"]), 0..200),
        text in texts(),
        cuts in vec(1_usize..700, 1..8),
    ) {
        let text = [used.concat().as_bytes(), &text].concat();
        let mut used_up = UsedUp::default();
        let (mut rest, mut cuts) = (text.as_slice(), cuts.into_iter().cycle());
        while !rest.is_empty() {
            let piece = &rest[..cuts.next().expect("they never end").min(rest.len())];
            let passed = used_up.pass_over(piece);
            rest = &rest[passed..];
            if passed < piece.len() {
                break;
            }
        }
        prop_assert!(rest.first() != Some(&MARK));
        prop_assert_eq!(read_on(OneTime::after(used_up, rest.to_vec()), &[]), by_splitting(&text));
    }

    #[test]
    fn a_mark_changes_one_byte_and_its_line_is_never_used_again(text in texts()) {
        let (lines, passed_over) = by_splitting(&text);
        let mut marked = text.clone();
        let mut spent = Vec::new();
        for (place, line) in lines.iter().enumerate() {
            let before = marked.clone();
            prop_assert!(mark(&mut marked, line.offset));
            let changed: Vec<_> = (0..text.len()).filter(|at| marked[*at] != before[*at]).collect();
            prop_assert_eq!(changed, [usize::try_from(line.offset).expect("an offset in memory")]);
            prop_assert_eq!(marked.len(), text.len());
            // Read again, or passed over while it is not known whether the mark is written: the same lines are left.
            spent.push(line.offset);
            let left = (lines[place + 1..].to_vec(), passed_over.clone());
            prop_assert_eq!(&by_reading(&marked, &[]), &left);
            prop_assert_eq!(&by_reading(&text, &spent), &left);
        }
    }

    #[test]
    fn a_mark_beyond_the_text_is_refused(text in texts(), beyond in 0..u64::MAX / 2) {
        let mut marked = text.clone();
        prop_assert!(!mark(&mut marked, text.len() as u64 + beyond));
        prop_assert_eq!(marked, text);
    }
}

/// What is looked at together is no more than a line: neither its end nor what follows may be taken for another.
#[test]
fn many_marks_hide_no_line() {
    let marks = "#".repeat(100);
    for (pieces, passed, lines) in [
        (vec![format!("{marks}{marks}\n7000\n")], 201, 1),
        (vec![format!("{marks}\n7000,8000,9000 {marks}\n")], 101, 1),
        (vec![marks.clone(), format!("\n7{marks}{marks}")], 1, 1),
    ] {
        let mut used_up = UsedUp::default();
        let last = pieces.iter().map(|piece| used_up.pass_over(piece.as_bytes())).last();
        assert_eq!((last, used_up.lines), (Some(passed), lines), "{pieces:?}");
    }
}

/// Nobody could tell the speed of memory by what is passed over.
#[test]
fn used_lines_are_looked_at_together() {
    let text = "#1\n".repeat(50);
    let (bytes, following) = (text.as_bytes().first_chunk(), text.as_bytes()[1..].first_chunk());
    assert_eq!(ends_of_used_lines(bytes.expect("enough"), following.expect("enough")), Some(42));
}

#[test]
fn the_first_byte_of_a_line_is_told_wherever_the_text_begins() {
    let text = b"#1\n 7000\n8000\n";
    let mut used_up = UsedUp::default();
    let passed = used_up.pass_over(text);
    for file in [OneTime::after(UsedUp::default(), text.to_vec()), OneTime::after(used_up, text[passed..].to_vec())] {
        let (lines, _) = read_on(file.clone(), &[]);
        let first_bytes: Vec<u8> = lines.iter().map(|line| file.first_byte(line)).collect();
        assert_eq!(first_bytes, b" 8");
    }
}
