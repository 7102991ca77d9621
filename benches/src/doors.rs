//! Configurations: the one that the generated traffic meets, and large ones.

use std::fmt::Write;

use rand_pcg::{
    Pcg64Mcg,
    rand_core::{RngCore, SeedableRng},
};

/// The ports of the door that generated traffic meets.
pub const SEQUENCE: [u16; 3] = [7000, 8000, 9000];

/// The manual's usual door: three TCP ports, SYNs only.
pub const ONE_DOOR: &str = "\
[ssh]
    sequence    = 7000,8000,9000
    seq_timeout = 15
    tcpflags    = syn,!ack
    command     = /usr/sbin/iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT
";

/// `count` doors of `ports` random ports (at most 32) each, with every directive that a door may have beside them.
#[must_use]
pub fn many(count: usize, ports: usize, seed: u64) -> String {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut text = String::from("[options]\n    UseSyslog\n    LogFile = /var/log/knockd.log\n\n");
    for door in 0..count {
        let sequence: Vec<String> = (0..ports).map(|_| port(&mut random)).collect();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "# what door {door} is for\n[door {door}]\n    Sequence      = {}\n    Seq_Timeout   = 15\n    TCPFlags      = \
             syn, !ack\n    Start_Command = /usr/sbin/nft add element inet filter door{door} {{ %IP% }}\n    Cmd_Timeout   = \
             10\n    Stop_Command  = /usr/sbin/nft delete element inet filter door{door} {{ %IP% }}\n\n",
            sequence.join(",")
        );
    }
    text
}

/// Doors until the text has at least `bytes` bytes.
#[must_use]
pub fn large(bytes: usize, seed: u64) -> String {
    let one = many(1, 3, seed).len();
    // Later doors have longer numbers, so this is never too few.
    let mut text = many(bytes / one * 2, 3, seed);
    if let Some(end) = text.get(bytes..).and_then(|rest| rest.find("\n\n")) {
        text.truncate(bytes + end + 1);
    }
    text
}

/// The same with an error in every sequence.
#[must_use]
pub fn wrong(text: &str) -> String {
    text.replace("Sequence      = ", "Sequence      = 70000,")
}

fn port(random: &mut Pcg64Mcg) -> String {
    let bits = random.next_u32();
    let number = bits % 65_535 + 1;
    if bits >> 31 == 0 { number.to_string() } else { format!("{number}:udp") }
}

#[cfg(test)]
mod tests {
    use knockd::config::Config;

    use super::*;

    #[test]
    fn configurations_parse_unless_they_are_meant_not_to() {
        assert_eq!(Config::parse(ONE_DOOR.as_bytes()).map(|(config, _)| config.doors.len()), Ok(1));
        assert_eq!(Config::parse(many(60, 32, 1).as_bytes()).map(|(config, _)| config.doors.len()), Ok(60));
        let large = large(1 << 20, 1);
        assert!((1 << 20..(1 << 20) + 1_000).contains(&large.len()), "{} bytes", large.len());
        let doors = Config::parse(large.as_bytes()).map(|(config, _)| config.doors.len());
        assert!(doors.as_ref().is_ok_and(|doors| *doors > 1_000), "{doors:?}");
        let errors = Config::parse(wrong(&large).as_bytes()).map_err(|errors| errors.len());
        assert_eq!(errors.err(), doors.ok());
    }
}
