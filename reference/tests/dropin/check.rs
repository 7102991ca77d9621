//! `knockd --check`, as an administrator reads it. It needs no root.

use std::{fs, process::Command};

/// What it says and its exit status, for a configuration beside some files.
fn checked(config: &str, files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files.iter().chain([&("knockd.conf", config)]) {
        fs::write(folder.path().join(name), text).expect("the folder is ours");
    }
    said(&folder, "knockd.conf")
}

fn said(folder: &tempfile::TempDir, file: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_knockd"));
    let done = command.args(["--check", file]).current_dir(folder.path()).output().expect("the daemon is built");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
    let status = done.status.code().expect("it ends by itself");
    let text = String::from_utf8_lossy(&done.stdout).replace(&folder.path().display().to_string(), "/etc");
    format!("{text}\nexit status {status}\n")
}

/// A door with more lines.
fn door(lines: &str) -> String {
    format!("[ssh]\nTCPFlags = syn,!ack\nStart_Command = true\n{lines}\n")
}

#[test]
fn a_good_configuration_and_one_with_traps() {
    insta::assert_snapshot!("good", checked(&door("Sequence = 7412,9030,8155"), &[]));
    let debian = fs::read_to_string("/etc/knockd.conf").expect("Debian's package knockd is installed");
    let said = checked(&debian, &[]);
    assert!(said.ends_with("knockd.conf: good: 3 doors, 3 warnings\n\nexit status 0\n"), "{said}");
    let traps = "[ssh]\nSequence = 7000,7000\nStop_Command = true\n";
    insta::assert_snapshot!("traps", checked(traps, &[]));
}

#[test]
fn all_that_is_wrong_is_told() {
    let config = "[options]\nLogFil = /a\n[ssh]\nSequence = 7000,80000,9000-9001\nSeq_Timeout = 5 # s\n";
    insta::assert_snapshot!("bad", checked(config, &[]));
    let config = format!("[options]\nInterface = eth0 eth1\n{}", door("Sequence = 7412,9030,8155"));
    insta::assert_snapshot!("interfaces", checked(&config, &[]));
    insta::assert_snapshot!("empty", checked("", &[]));
}

#[test]
fn one_time_files_are_read() {
    let config = door("One_Time_Sequences = once");
    insta::assert_snapshot!("no file", checked(&config, &[]));
    insta::assert_snapshot!("used up", checked(&config, &[("once", "#7412,9030,8155\n#1,2,3\n")]));
    insta::assert_snapshot!("lines", checked(&config, &[("once", "#7412,9030,8155\n 9030,x\n7001,7005,7003\n")]));
    let two = config.clone() + &config.replace("[ssh]", "[web]");
    insta::assert_snapshot!("shared", checked(&two, &[("once", " 7001,7005,7003\n")]));
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    insta::assert_snapshot!("missing", said(&folder, "nothing.conf"));
    insta::assert_snapshot!("folder", said(&folder, "."));
}
