//! What `MIGRATING.md` and `README.md` say about the installation, followed to the letter on a machine with an sshd: in the
//! place of 0.8, which runs there behind a firewall, and anew.

use std::{fs, io::Read, path::Path, process::Stdio};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    examples::{FIRST, example, with},
    machine::Machine,
};

/// 0.8's client.
const OLD: &str = "/usr/bin/knock";
/// This project's.
const NEW: &str = env!("CARGO_BIN_EXE_knock");

/// The commands of the guide's numbered steps.
fn steps() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/MIGRATING.md");
    let text = fs::read_to_string(path).expect("it is there");
    let (_, section) = text.split_once("\n## In five minutes\n").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    let mut steps: Vec<String> = Vec::new();
    for line in section.lines() {
        if line.starts_with(&format!("{}. **", steps.len() + 1)) {
            steps.push(String::new());
        } else if let (Some(command), Some(step)) = (line.strip_prefix("       "), steps.last_mut()) {
            *step += &format!("{command}\n");
        }
    }
    steps
}

/// A machine where 0.8 runs, with a door that is open for a few seconds.
fn with_0_8(config: &str, firewall: &str) -> Machine {
    let machine = Machine::new();
    let config = with(config, "    UseSyslog\n", "    LogFile = /var/log/knockd.log\n");
    machine.write("/etc/knockd.conf", &config);
    machine.write("/etc/default/knockd", "START_KNOCKD=1\nKNOCKD_OPTS=\"-i eth0\"\n");
    assert!(machine.lets_in(), "without a firewall everybody gets in");
    machine.runs(firewall);
    machine.runs("systemctl start knockd");
    machine.world.captures();
    assert!(!machine.lets_in(), "the firewall is shut");
    machine.opens(OLD, &FIRST);
    machine.shuts();
    machine
}

/// The first four steps, and what they promise.
fn replaced(machine: &Machine, steps: &[String]) {
    let [check, beside, swap, verify, ..] = steps else { panic!("{steps:?}") };
    assert!(machine.runs(check).ends_with("/etc/knockd.conf: good: 1 door, no warnings\n"));

    let trial = "/root/knockd-trial.log";
    let mut child = machine.shell(&format!("exec {beside}")).stdout(Stdio::null()).spawn().expect("a shell");
    machine.wait_for_text(trial, "starting up");
    machine.opens(NEW, &FIRST);
    machine.wait_for_text(trial, "OPEN SESAME");
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a process number")), Signal::SIGINT).expect("it runs");
    assert!(child.wait().expect("our child").success());
    machine.shuts();

    machine.runs(swap);
    machine.world.captures();
    assert!(machine.runs("ls -l /proc/$(cat /run/knockd.main)/exe").ends_with("-> /usr/sbin/knockd\n"));
    machine.opens(NEW, &FIRST);
    let mut session = machine.session();
    machine.shuts();
    session.goes_on();
    // The old client knows the new daemon, too.
    machine.opens(OLD, &FIRST);
    machine.shuts();
    session.goes_on();
    machine.runs(verify);
}

#[test]
fn the_guide_replaces_0_8_with_iptables_and_takes_it_back() {
    let config = with(&example("iptables/knockd.conf"), "Cmd_Timeout     = 30", "Cmd_Timeout     = 6");
    let machine = with_0_8(&config, &example("iptables/firewall.sh"));
    let steps = steps();
    replaced(&machine, &steps);
    let [_, _, _, _, keep, back] = steps.as_slice() else { panic!("{steps:?}") };
    assert!(machine.runs("ls /run/knockd-back 2>&1 || :").contains("No such file"), "the way back was stopped");

    // A door that would stay open for an hour is shut by the restart that takes the override, and by the end.
    machine.runs("sed -i 's/= 6$/= 3600/' /etc/knockd.conf; systemctl reload knockd");
    machine.wait_for_text("/var/log/knockd.log", "re-reading config file: /etc/knockd.conf");
    machine.opens(NEW, &FIRST);
    machine.runs(keep);
    machine.world.captures();
    machine.shuts();
    machine.opens(NEW, &FIRST);
    assert!(machine.runs("ls /var/lib/knockd").ends_with(".journal\n"));
    machine.runs("systemctl stop knockd");
    machine.shuts();
    machine.runs("systemctl start knockd");
    machine.world.captures();
    machine.opens(NEW, &FIRST);

    machine.runs("sed -i 's/= 3600$/= 6/' /etc/knockd.conf");
    machine.runs(back);
    machine.world.captures();
    assert!(!machine.lets_in(), "the end has shut the door");
    assert_old(&machine);
    machine.opens(OLD, &FIRST);
    machine.shuts();
    machine.runs("systemctl stop knockd");
}

#[test]
fn the_guide_replaces_0_8_with_nftables_and_undoes_itself() {
    let rules = with(&example("nftables/firewall.nft"), "timeout 30s", "timeout 6s");
    let machine = with_0_8(&example("nftables/knockd.conf"), &format!("nft -f - <<'END'\n{rules}\nEND\n"));
    let steps = steps();
    // What would stop the way back is left out, as by somebody who is locked out.
    let mut locked_out = steps.clone();
    locked_out[3] = with(&steps[3], "systemctl stop knockd-back.timer\n", "");
    replaced(&machine, &locked_out);
    machine.runs("xargs -0 env </run/knockd-back");
    machine.world.captures();
    assert_old(&machine);
    machine.opens(NEW, &FIRST);
    machine.shuts();
    machine.runs("systemctl stop knockd");
}

#[test]
fn the_readme_installs_it_anew() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("README.md")).expect("it is there");
    let (_, section) = text.split_once("\n## Run the daemon\n").expect("the section");
    let blocks: Vec<_> = section.split("\n```sh\n").skip(1).filter_map(|rest| rest.split_once("```")).collect();
    let [(install, _), (start, _)] = blocks.as_slice() else { panic!("{blocks:?}") };
    // The programs that are tried were built by the test.
    let knockd = env!("CARGO_BIN_EXE_knockd");
    let install = with(install, "target/release/knockd ", &format!("{knockd} "));
    let install = with(&install, "target/release/knock ", &format!("{NEW} "));

    let machine = Machine::new();
    let rules = with(&example("nftables/firewall.nft"), "timeout 30s", "timeout 6s");
    machine.runs(&format!("nft -f - <<'END'\n{rules}\nEND\n"));
    machine.runs(&format!("cd {}\n{install}", root.display()));
    let said = machine.runs(&format!("export PATH=/usr/local/sbin:$PATH\n{start}"));
    assert_eq!(said, "/etc/knockd.conf: good: 1 door, no warnings\n");
    machine.world.captures();
    assert!(machine.runs("ls -l /proc/$(cat /run/knockd.main)/exe").ends_with("-> /usr/local/sbin/knockd\n"));
    machine.opens(NEW, &FIRST);
    machine.shuts();
    let share = "/usr/local/share";
    let files = machine.runs(&format!("cd {share} && ls man/man1 bash-completion/completions zsh/site-functions"));
    for file in ["knock.1", "knockd.1", "knock.bash", "knockd.bash", "_knock", "_knockd"] {
        assert!(files.lines().any(|line| line == file), "{file} is missing: {files}");
    }
    machine.runs("systemctl stop knockd");
}

/// That what runs is what Debian's package has installed.
fn assert_old(machine: &Machine) {
    let mut installed = Vec::new();
    fs::File::open("/usr/sbin/knockd").and_then(|mut file| file.read_to_end(&mut installed)).expect("it is installed");
    let there = machine.shell("cat /usr/sbin/knockd; test ! -e /usr/sbin/knockd.0.8").output().expect("a shell");
    assert!(there.status.success() && there.stdout == installed, "the package's program is back");
}
