//! Configurations that people have, and the corners of the dialect: they mean what they say (CONF).

use std::{net::IpAddr, time::Duration};

use knockd::{
    config::{Commands, Config, ConfigError, Door, Options, Problem, Sequences},
    flags::{FlagFilter, TcpFlags},
    port::Port,
    sequence::Sequence,
};

const SYN: TcpFlags = TcpFlags(0x02);
const ACK: TcpFlags = TcpFlags(0x10);

fn config(text: &[u8]) -> Config {
    match Config::parse(text) {
        Ok((config, _)) => config,
        Err(errors) => panic!("{}: {errors:#?}", text.escape_ascii()),
    }
}

/// The only door of a text.
fn door(lines: impl AsRef<[u8]>) -> Door {
    let mut doors = config(&[b"[ssh]\n", lines.as_ref()].concat()).doors;
    assert_eq!(doors.len(), 1);
    doors.remove(0)
}

/// The only error of a text.
fn error(text: impl AsRef<[u8]>) -> ConfigError {
    let errors = Config::parse(text.as_ref()).expect_err("an error");
    assert_eq!(errors.len(), 1, "{errors:#?}");
    match &errors[0].problem {
        Problem::Error(error) => error.clone(),
        Problem::Trap(trap) => panic!("{trap:?}"),
    }
}

fn sequence(text: &str) -> Sequence {
    Sequence::parse(text.as_bytes()).expect("a sequence")
}

fn ports(text: &str) -> Vec<Port> {
    sequence(text).ports().to_vec()
}

fn commands(start: &str, stop: &str) -> Commands {
    let some = |command: &str| (!command.is_empty()).then(|| command.as_bytes().to_vec());
    Commands { start: some(start), stop: some(stop) }
}

/// A door with nothing but its name and its sequence, as the defaults fill it.
fn plain(name: &str, ports: &str) -> Door {
    Door {
        name: name.into(),
        sequences: Sequences::Fixed(sequence(ports)),
        seq_timeout: Duration::from_secs(25),
        flags: None,
        target: None,
        ignored: Vec::new(),
        v4: commands("", ""),
        v6: commands("", ""),
        cmd_timeout: Duration::from_secs(10),
    }
}

fn logged(file: &str) -> Options {
    Options { log_file: Some(file.into()), ..Options::default() }
}

const IPTABLES: &str = "/usr/sbin/iptables";

#[test]
fn two_doors_that_open_and_close() {
    let text = b"[options]
     logfile = /var/log/knockd.log

[openSSH]
     sequence    = 7000,8000,9000
     seq_timeout = 10
     tcpflags    = syn
     command     = /sbin/iptables -A INPUT -s %IP% --dport 22 -j ACCEPT

[closeSSH]
     sequence    = 9000,8000,7000
     seq_timeout = 10
     tcpflags    = syn
     command     = /sbin/iptables -D INPUT -s %IP% --dport 22 -j ACCEPT
";
    let door = |name, ports, action| {
        let command = format!("/sbin/iptables {action} INPUT -s %IP% --dport 22 -j ACCEPT");
        Door {
            seq_timeout: Duration::from_secs(10),
            flags: FlagFilter::new(SYN, TcpFlags(0)),
            v4: commands(&command, ""),
            v6: commands(&command, ""),
            ..plain(name, ports)
        }
    };
    let doors = vec![door("openSSH", "7000,8000,9000", "-A"), door("closeSSH", "9000,8000,7000", "-D")];
    assert_eq!(config(text), Config { options: logged("/var/log/knockd.log"), doors });
}

#[test]
fn one_door_that_closes_behind_its_user() {
    let text = b"[options]
     logfile = /var/log/knockd.log

[opencloseSSH]
     sequence      = 2222:udp,3333:tcp,4444:udp
     seq_timeout   = 15
     tcpflags      = syn,ack
     start_command = /usr/sbin/iptables -A INPUT -s %IP% -p tcp --syn -j ACCEPT
     cmd_timeout   = 5
     stop_command  = /usr/sbin/iptables -D INPUT -s %IP% -p tcp --syn -j ACCEPT
";
    let command = |action| format!("{IPTABLES} {action} INPUT -s %IP% -p tcp --syn -j ACCEPT");
    let both = commands(&command("-A"), &command("-D"));
    let door = Door {
        seq_timeout: Duration::from_secs(15),
        flags: FlagFilter::new(TcpFlags(SYN.0 | ACK.0), TcpFlags(0)),
        v4: both.clone(),
        v6: both,
        cmd_timeout: Duration::from_secs(5),
        ..plain("opencloseSSH", "2222:udp,3333,4444:udp")
    };
    assert_eq!(config(text), Config { options: logged("/var/log/knockd.log"), doors: vec![door] });
}

/// The example with one-time sequences, and the one that adds commands for IPv6.
#[test]
fn one_time_sequences_without_and_with_commands_for_ipv6() {
    let text = |more_start: &str, more_stop: &str| {
        format!(
            "[options]
     logfile = /var/log/knockd.log

[opencloseSMTP]
     one_time_sequences = /etc/knockd/smtp_sequences
     seq_timeout        = 15
     tcpflags           = fin,!ack
     start_command      = /usr/sbin/iptables -A INPUT -s %IP% -p tcp --dport 25 -j ACCEPT
{more_start}     cmd_timeout        = 5
     stop_command       = /usr/sbin/iptables -D INPUT -s %IP% -p tcp --dport 25 -j ACCEPT
{more_stop}"
        )
    };
    let command = |program: &str, action| format!("{program} {action} INPUT -s %IP% -p tcp --dport 25 -j ACCEPT");
    let v4 = commands(&command(IPTABLES, "-A"), &command(IPTABLES, "-D"));
    let door = Door {
        sequences: Sequences::OneTime(b"/etc/knockd/smtp_sequences".to_vec()),
        seq_timeout: Duration::from_secs(15),
        flags: FlagFilter::new(TcpFlags(0x01), ACK),
        v4: v4.clone(),
        v6: v4,
        cmd_timeout: Duration::from_secs(5),
        ..plain("opencloseSMTP", "1")
    };
    let options = logged("/var/log/knockd.log");
    assert_eq!(config(text("", "").as_bytes()), Config { options: options.clone(), doors: vec![door.clone()] });

    let six = "/usr/sbin/ip6tables";
    let v6 = commands(&command(six, "-A"), &command(six, "-D"));
    let start = format!("     start_command_6    = {}\n", command(six, "-A"));
    let stop = format!("     stop_command_6     = {}\n", command(six, "-D"));
    let doors = vec![Door { v6, ..door }];
    assert_eq!(config(text(&start, &stop).as_bytes()), Config { options, doors });
}

/// What Debian installs as `/etc/knockd.conf`.
#[test]
fn the_default_of_debian() {
    let text = b"[options]
\tUseSyslog

[openSSH]
\tsequence    = 7000,8000,9000
\tseq_timeout = 5
\tcommand     = /sbin/iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT
\ttcpflags    = syn

[closeSSH]
\tsequence    = 9000,8000,7000
\tseq_timeout = 5
\tcommand     = /sbin/iptables -D INPUT -s %IP% -p tcp --dport 22 -j ACCEPT
\ttcpflags    = syn

[openHTTPS]
\tsequence    = 12345,54321,24680,13579
\tseq_timeout = 5
\tcommand     = /usr/local/sbin/knock_add -i -c INPUT -p tcp -d 443 -f %IP%
\ttcpflags    = syn
";
    let door = |name, ports, command| Door {
        seq_timeout: Duration::from_secs(5),
        flags: FlagFilter::new(SYN, TcpFlags(0)),
        v4: commands(command, ""),
        v6: commands(command, ""),
        ..plain(name, ports)
    };
    let doors = vec![
        door("openSSH", "7000,8000,9000", "/sbin/iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT"),
        door("closeSSH", "9000,8000,7000", "/sbin/iptables -D INPUT -s %IP% -p tcp --dport 22 -j ACCEPT"),
        door("openHTTPS", "12345,54321,24680,13579", "/usr/local/sbin/knock_add -i -c INPUT -p tcp -d 443 -f %IP%"),
    ];
    assert_eq!(config(text), Config { options: Options { use_syslog: true, ..Options::default() }, doors });
}

#[test]
fn the_defaults() {
    assert_eq!(door("Sequence = 1,2,3"), plain("ssh", "1,2,3"));
    assert_eq!(config(b"[ssh]\nSequence=1").options, Options::default());
}

#[test]
fn every_option_is_kept_as_written() {
    let text = b"[Options]\nUSESYSLOG\nLogFile= /a b/#c;d\xff\nPIDFILE =/p\nInterface = eth0,any\n[x]\nSequence=1,2,3";
    let options = Options {
        use_syslog: true,
        log_file: Some(b"/a b/#c;d\xff".to_vec()),
        pid_file: Some(b"/p".to_vec()),
        interface: Some(b"eth0,any".to_vec()),
    };
    assert_eq!(config(text).options, options);
}

#[test]
fn options_in_several_sections_count_together() {
    let text =
        b"[options]\nLogFile=/a\nPidFile=/p\n[x]\nSequence=1,2,3\n[ OPTIONS ]\nLogFile=/b\nUseSyslog\nPidFile =\n";
    let options = Options { use_syslog: true, log_file: Some(b"/b".to_vec()), ..Options::default() };
    assert_eq!(config(text).options, options);
}

#[test]
fn line_ends_blanks_comments_and_a_byte_order_mark_change_nothing() {
    let tidy = config(b"[ssh]\nSequence = 1,2,3\nTCPFlags = syn,!ack\nCommand = open # %IP%\n");
    for text in [
        &b"\xef\xbb\xbf[ssh]\r\nSequence = 1,2,3\r\nTCPFlags = syn,!ack\r\nCommand = open # %IP%\r\n"[..],
        b"# first\n\t# indented = 1\n  [ssh]  \n\nsequence=1 , 2,\t3 \ntcpflags= SYN , ! Ack\nCOMMAND=open # %IP%",
        b"[ssh]\n#[x]\nSequence  =1:tcp,2:TCP,3\nTcpFlags=!ack,syn,syn,!ACK\nCommand\t=\topen # %IP%\t",
    ] {
        assert_eq!(config(text), tidy, "{}", text.escape_ascii());
    }
}

#[test]
fn names_are_kept_as_they_are_and_may_be_shared() {
    let doors = config(b"[ a]b ]\nSequence=1,2,3\n[t\xc3\xbcr]\nSequence=1,2,3\n[t\xc3\xbcr]\nSequence=4,5,6\n").doors;
    assert_eq!(doors.iter().map(|door| &*door.name).collect::<Vec<_>>(), [" a]b ", "t\u{fc}r", "t\u{fc}r"]);
}

#[test]
fn of_a_directive_given_twice_the_last_counts() {
    let twice = door(
        "Sequence=1,2,3\nCommand=a\nStart_Command=b\nTimeout=1\nSeq_Timeout=2\nStart_Command_6=c\nCommand_6=d
         Stop_Command=e\nStop_Command=\nTCPFlags=fin\nTCPFlags=ack\nSequence=4,5,6\nIgnore_Ports=7\nIgnore_Ports=8",
    );
    let v4 = commands("b", "");
    let v6 = commands("d", "");
    let flags = FlagFilter::new(ACK, TcpFlags(0));
    let seq_timeout = Duration::from_secs(2);
    assert_eq!(twice, Door { v4, v6, flags, seq_timeout, ignored: ports("8"), ..plain("ssh", "4,5,6") });
    assert_eq!(error("[x]\nTimeout=no\nTimeout=1\nSequence=1"), {
        ConfigError::Seconds(knockd::config::Directive::SeqTimeout, b"no".to_vec())
    });
}

#[test]
fn commands_for_ipv6_are_those_for_ipv4_unless_they_are_given() {
    let v6 = |lines: &str| door(format!("Sequence=1,2,3\nCommand=a\nStop_Command=b\n{lines}")).v6;
    assert_eq!(v6(""), commands("a", "b"));
    assert_eq!(v6("Command_6=c"), commands("c", "b"));
    assert_eq!(v6("Stop_Command_6=c"), commands("a", "c"));
    assert_eq!(v6("Start_Command_6="), commands("", "b"));
    assert_eq!(v6("Stop_Command_6 = \t"), commands("a", ""));
    assert_eq!(door("Sequence=1\nCommand_6=c").v4, commands("", ""));
}

#[test]
fn a_command_is_bytes_of_any_length() {
    let command = [&[b'x'; 100_000][..], b" = [\xff\xfe] '#' ; %IP%"].concat();
    let read = door([b"Sequence = 1,2,3\nCommand = ", &*command, b"  \r\n"].concat());
    assert_eq!(read.v4.start, Some(command));
}

#[test]
fn a_target_is_an_address_of_either_family() {
    for address in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
        let target = door(format!("Sequence=1\nTarget = {address}")).target;
        assert_eq!(target, Some(address.parse::<IpAddr>().expect("an address")));
    }
    for wrong in ["192.0.2", "192.0.2.1/32", "fe80::1%eth0", "host", "192.0.2.1 192.0.2.2", "192.0.2.01", "[::1]"] {
        let text = format!("[x]\nSequence=1\nTarget={wrong}");
        assert_eq!(error(text), ConfigError::Target(wrong.into()), "{wrong}");
    }
}

#[test]
fn timeouts_reach_from_their_least_to_the_largest_number() {
    let most = Duration::from_secs(4_294_967_295);
    let read = door("Sequence=1\nTimeout=4294967295\nCmd_Timeout = 4294967295");
    assert_eq!((read.seq_timeout, read.cmd_timeout), (most, most));
    let read = door("Sequence=1\nTimeout=01\nCmd_Timeout = 0");
    assert_eq!((read.seq_timeout, read.cmd_timeout), (Duration::from_secs(1), Duration::ZERO));
    for (key, wrong) in
        [("Seq_Timeout", "0 -1 +1 1.0 1s 0x1 4294967296 \u{661}"), ("Cmd_Timeout", "-1 +0 0.5 4294967296")]
    {
        for wrong in wrong.split(' ') {
            let error = error(format!("[x]\nSequence=1\n{key}={wrong}"));
            assert!(
                matches!(&error, ConfigError::Seconds(_, text) if text == wrong.as_bytes()),
                "{key} {wrong}: {error}"
            );
        }
    }
}

#[test]
fn ignored_ports_are_those_of_the_options_and_of_the_door() {
    let text =
        b"[a]\nSequence=1,2\nIgnore_Ports=443:udp, 80\n[b]\nSequence=443\n[options]\nIgnore_Ports=443:udp,22,22\n";
    let doors = config(text).doors;
    assert_eq!(doors[0].ignored, ports("22,80,443:udp"));
    assert_eq!(doors[1].ignored, ports("22,443:udp"));
    assert_eq!(door("Sequence=1\nIgnore_Ports=").ignored, []);
    assert_eq!(door(format!("Sequence=1\nIgnore_Ports={}", ["2"; 64].join(","))).ignored, ports("2"));
}

#[test]
fn all_errors_of_a_text_come_in_its_order() {
    let text = b"Sequence = 1\n[ssh]\nSequence = 0,x\nfoo = bar\n[options]\nTarget = ::1\n[]\nCmd_Timeout = -1\n";
    let errors = Config::parse(text).expect_err("errors");
    let places: Vec<_> = errors.iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(1, 1), (3, 12), (3, 14), (4, 1), (6, 1), (7, 1), (7, 2), (8, 15)]);
}

#[test]
fn a_mistyped_sequence_is_one_error() {
    for text in ["[x]\nSequnce = 1,2,3", "[x]\nSequence", "[x]\nSequence 1,2,3", "[x]\nOne_Time_Sequence = /f"] {
        error(text);
    }
}
