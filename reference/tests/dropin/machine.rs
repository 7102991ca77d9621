//! The server as a whole Debian machine that may be changed: most of its folders are its own. It has an sshd, and as
//! much of systemd as its unit of knockd needs.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::world::{SERVER, World, succeeds, wait_for, wait_for_text};

/// What begins the machine: `$1` is a folder of the test's.
const BOOT: &str = r#"
mount --make-rprivate /
mkdir "$1/machine"
mount -t tmpfs none "$1/machine"
for folder in etc root usr/local usr/sbin var; do
    changes=$1/machine/$folder
    mkdir -p "$changes/new" "$changes/work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$changes/new,workdir=$changes/work" "/$folder"
done
mount -t tmpfs -o mode=755 none /run
mkdir /run/sshd
# An account without a password is not locked where only a key lets in.
sed -i 's/^root:[^:]*:/root:*:/' /etc/shadow
rm -rf /etc/systemd/system/knockd.service.d
echo ready
exec cat
"#;

/// `systemd-run` as the guide calls it: the command is kept, to be run in its time.
const SYSTEMD_RUN: &str = "#!/bin/sh\nshift 2\nprintf '%s\\0' \"$@\" >/run/knockd-back\n";

/// The machine.
pub(crate) struct Machine {
    /// Its network, and the client.
    pub(crate) world: World,
    /// Holds the machine's folders; ends with its standard input.
    holder: Child,
}

impl Machine {
    /// A machine that runs an sshd and nothing else.
    pub(crate) fn new() -> Self {
        let world = World::new();
        let folder = world.path("");
        let bin = world.path("bin");
        fs::create_dir(&bin).expect("the folder is ours");
        for (name, text) in [("systemctl", include_str!("systemctl.sh")), ("systemd-run", SYSTEMD_RUN)] {
            world.write(&format!("bin/{name}"), text);
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        for key in ["key", "hostkey"] {
            let mut made = Command::new("ssh-keygen");
            made.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(world.path(key));
            succeeds(&made.output().expect("openssh-client is installed"));
        }
        let mut boot = world.of_the_server();
        boot.args(["sh", "-euc", BOOT, "boot"]).arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = boot.spawn().expect("a shell");
        let mut ready = String::new();
        let said = holder.stdout.take().expect("a pipe");
        BufReader::new(said).read_line(&mut ready).expect("a line");
        assert_eq!(ready, "ready\n", "the machine does not begin");
        let machine = Self { world, holder };
        let sshd = "/usr/sbin/sshd -f /dev/null -o ListenAddress=ADDRESS -o HostKey=HOME/hostkey -o UsePAM=no \
                    -o PermitRootLogin=yes -o StrictModes=no -o AuthorizedKeysFile=HOME/key.pub";
        let home = machine.world.path("").display().to_string();
        machine.runs(&sshd.replace("HOME/", &home).replace("ADDRESS", SERVER));
        machine
    }

    /// A shell on the machine.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let path = format!("{}:{}", self.world.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--net", "--target", &self.holder.id().to_string(), "sh", "-euc", script]);
        command.env("PATH", path).env("NEW", env!("CARGO_BIN_EXE_knockd")).stdin(Stdio::null());
        command
    }

    /// Runs a script to its good end; what it said.
    pub(crate) fn runs(&self, script: &str) -> String {
        let done = self.shell(script).output().expect("a shell");
        succeeds(&done);
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Writes a file of the machine.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let mut command = self.shell(&format!("cat >{path}"));
        let mut child = command.stdin(Stdio::piped()).spawn().expect("a shell");
        child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
        assert!(child.wait().expect("our child").success(), "{path} cannot be written");
    }

    /// Waits until a file of the machine has a text.
    pub(crate) fn wait_for_text(&self, path: &str, text: &str) {
        let file = format!("/proc/{}/root{path}", self.holder.id());
        wait_for_text(Path::new(&file), text, 1);
    }

    /// SSH from the client.
    fn ssh(&self, command: &str) -> Command {
        let mut ssh = self.world.of_the_client();
        ssh.args(["ssh", "-F", "/dev/null", "-i"]).arg(self.world.path("key"));
        for option in ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"] {
            ssh.args(["-o", option]);
        }
        // Nobody answers at a shut door; a session that is cut ends.
        ssh.args(["-o", "ConnectTimeout=1", "-o", "ServerAliveInterval=2", &format!("root@{SERVER}"), command]);
        ssh.stdin(Stdio::null()).stderr(Stdio::null());
        ssh
    }

    /// Whether SSH lets in now.
    pub(crate) fn lets_in(&self) -> bool {
        let done = self.ssh("echo in").output().expect("openssh-client is installed");
        done.status.success() && done.stdout == b"in\n"
    }

    /// Knocks with any client, and gets in.
    pub(crate) fn opens(&self, client: &str, ports: &[&str]) {
        let mut knock = self.world.of_the_client();
        knock.args([client, "-d", "50", SERVER]).args(ports);
        succeeds(&knock.output().expect("the client is there"));
        wait_for("an open door", || self.lets_in());
    }

    /// Waits until nobody gets in any more.
    pub(crate) fn shuts(&self) {
        wait_for("a shut door", || !self.lets_in());
    }

    /// A session that goes on until it is dropped.
    pub(crate) fn session(&self) -> Session {
        let mut child = self.ssh("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("ssh");
        let to = child.stdin.take().expect("a pipe");
        let from = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut session = Session { child, to: Some(to), from };
        session.goes_on();
        session
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().ok();
    }
}

/// An established SSH session.
pub(crate) struct Session {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Session {
    /// Says something, and hears it.
    pub(crate) fn goes_on(&mut self) {
        let to = self.to.as_mut().expect("it is not dropped");
        to.write_all(b"still here?\n").expect("the session is there");
        let mut line = String::new();
        self.from.read_line(&mut line).expect("the session is there");
        assert_eq!(line, "still here?\n", "the session was cut");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.to.take();
        self.child.wait().ok();
    }
}
