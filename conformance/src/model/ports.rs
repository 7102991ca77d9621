//! A list of ports, as `Sequence`, `Ignore_Ports` and one-time files write it (SEQ-2, SEQ-8, CONF-3).

use super::{
    deviation::{Deviation, Deviations},
    words::{
        Port,
        Protocol::{Tcp, Udp},
    },
};

/// The ports that `text` lists, or each part of it that is wrong, with the reason.
///
/// # Errors
///
/// Everything that is wrong, in order.
pub(super) fn list(text: &str, most: usize, is: Deviations) -> Result<Vec<Port>, Vec<(String, String)>> {
    if trim(text).is_empty() && !is.on(Deviation::BadPortIsZero) {
        return Err(vec![(String::new(), "ports separated by commas are expected".to_owned())]);
    }
    let mut ports = Vec::new();
    let mut faults = Vec::new();
    let most = if is.on(Deviation::SequenceOfThirtyOne) { most.min(31) } else { most };
    for (place, element) in text.split(',').enumerate() {
        if place == most && !is.on(Deviation::SequenceOfAnyLength) {
            faults.push((trim(element).to_owned(), format!("more than {most} ports")));
            break;
        }
        match port(element, is) {
            Ok(port) => ports.push(port),
            Err(why) => faults.push((trim(element).to_owned(), why)),
        }
    }
    if faults.is_empty() { Ok(ports) } else { Err(faults) }
}

/// One port: digits, then a protocol or none, blanks around either.
fn port(text: &str, is: Deviations) -> Result<Port, String> {
    let mut parts = text.split(':').map(trim);
    let number = parts.next().unwrap_or_default();
    let protocol = match parts.next() {
        None => Tcp,
        Some(word) if same_word(word, "tcp", is) => Tcp,
        Some(word) if same_word(word, "udp", is) => Udp,
        Some(_) if is.on(Deviation::AnyProtocolIsTcp) => Tcp,
        Some(word) => return Err(format!("`{word}` is no protocol")),
    };
    if parts.next().is_some() && !is.on(Deviation::SecondProtocolAccepted) {
        return Err(format!("`{text}` has a second protocol"));
    }
    if is.on(Deviation::PortRangeIsItsFirst)
        && let Some((first, _)) = number.split_once('-')
        && let Ok(first) = first.parse()
    {
        return Ok(Port(first, protocol));
    }
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let value = if digits { number.trim_start_matches('0').parse::<u16>().ok() } else { None };
    match value {
        Some(value) => Ok(Port(value, protocol)),
        None if is.on(Deviation::BadPortIsZero) => Ok(Port(wrapped(number), protocol)),
        None => Err(format!("`{number}` is no port from 1 to 65535")),
    }
}

/// What C's `atoi`, kept in sixteen bits, makes of a text.
fn wrapped(text: &str) -> u16 {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let value = text[..end].parse::<u64>().unwrap_or(0);
    #[expect(clippy::cast_possible_truncation, reason = "that is how the deviation reads a port")]
    let value = value as u16;
    if negative { value.wrapping_neg() } else { value }
}

fn same_word(word: &str, wanted: &str, is: Deviations) -> bool {
    if is.on(Deviation::ProtocolCaseMatters) { word == wanted } else { word.eq_ignore_ascii_case(wanted) }
}

/// Without the blanks at both ends, carriage returns among them.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r'])
}
