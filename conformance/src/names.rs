//! The people and hosts of a case, and their addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The daemon's host.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The same over IPv6.
pub const SERVER_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

const LAST_PARTS: [(&str, u8, u16); 9] = [
    ("server2", 2, 2),
    ("server", 1, 1),
    ("other", 99, 0x99),
    ("alice", 11, 0x11),
    ("bob", 12, 0x12),
    ("carol", 13, 0x13),
    ("dave", 14, 0x14),
    ("mallory", 66, 0x66),
    ("broadcast", 255, 0),
];

/// The address of a name, or the one that `text` is.
#[must_use]
pub fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let v4 = |last: u8| IpAddr::from([192, 0, 2, last]);
    let v6 = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
    if text == "server2-6" {
        return Some(v6(2));
    }
    if let Some(number) = text.strip_prefix('c').and_then(|number| number.parse::<u8>().ok()) {
        return (1..=99).contains(&number).then(|| v4(100 + number));
    }
    LAST_PARTS.iter().find_map(|&(name, four, six)| match text.strip_prefix(name)? {
        "" => Some(v4(four)),
        "6" if six != 0 && name != "server2" => Some(v6(six)),
        _ => None,
    })
}

/// The name of an address, or the address: what reports call it.
#[must_use]
pub fn name(address: IpAddr) -> String {
    let names = LAST_PARTS.iter().flat_map(|(name, ..)| [(*name).to_owned(), format!("{name}6")]);
    names
        .chain(["server2-6".to_owned()])
        .find(|name| self::address(name) == Some(address))
        .unwrap_or_else(|| address.to_string())
}

/// `text` with every name that stands in it as a whole word replaced by its address.
#[must_use]
pub fn resolve(text: &str) -> String {
    let part_of_a_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(part_of_a_word) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !part_of_a_word(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        resolved.push_str(before);
        match is_name(word).then(|| address(word)).flatten() {
            Some(address) => resolved.push_str(&address.to_string()),
            None => resolved.push_str(word),
        }
        rest = after;
    }
    resolved + rest
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase()) && word.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_addresses() {
        for (name, is) in [
            ("alice", "192.0.2.11"),
            ("alice6", "2001:db8::11"),
            ("server", "192.0.2.1"),
            ("server6", "2001:db8::1"),
            ("server2", "192.0.2.2"),
            ("server2-6", "2001:db8::2"),
            ("c7", "192.0.2.107"),
            ("other6", "2001:db8::99"),
            ("10.1.2.3", "10.1.2.3"),
        ] {
            assert_eq!(address(name), is.parse().ok(), "{name}");
        }
        for nobody in ["", "alice7", "c0", "c100", "server26", "broadcast6", "Alice"] {
            assert_eq!(address(nobody), None, "{nobody}");
        }
        assert_eq!(name(IpAddr::from([192, 0, 2, 12])), "bob");
        assert_eq!(name("2001:db8::2".parse().expect("an address")), "server2-6");
    }

    #[test]
    fn only_whole_words_are_names() {
        assert_eq!(resolve("open alice, alice6: bobby %IP%"), "open 192.0.2.11, 2001:db8::11: bobby %IP%");
        assert_eq!(resolve("/case/alice alice.txt"), "/case/alice alice.txt");
        assert_eq!(resolve("alice: ssh: Stage 1"), "192.0.2.11: ssh: Stage 1");
    }
}
