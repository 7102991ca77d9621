//! A doorkeeper in a folder of its own, with this test as its watcher.

use std::{
    fs,
    io::{PipeReader, Read},
    net::IpAddr,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use knockd::daemon::{
    channel::Channel,
    journal,
    journal::record::{BootId, Key, MAGIC, OpenDoor, Record},
    message::{DOORKEEPER, Exit, Kind, Run, Setup, Sinks, Stop, ToKeeper, ToWatcher},
};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7));

/// A watcher's process number that no process can have: it is dead whenever somebody looks.
pub(crate) const WATCHER: u32 = 1 << 30;

/// A folder with all that a daemon has.
pub(crate) struct World(TempDir);

impl World {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        self.path(name).to_str().expect("a plain path").as_bytes().to_vec()
    }

    /// A file's text; empty if there is no such file.
    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup {
            watcher: WATCHER,
            pid_file: self.bytes("pid"),
            writes_pid_file: true,
            config: self.bytes("conf"),
            interface: b"eth0".to_vec(),
            state: Some(self.bytes("state")),
            sinks: Sinks { file: Some(self.bytes("log")), syslog: false },
            max_commands: 32,
            ..Setup::default()
        }
    }

    pub(crate) fn key(&self) -> Key {
        let Setup { pid_file, config, interface, .. } = self.setup();
        Key { pid_file, config, interface }
    }

    /// The messages in the log, without their dates.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = self.text("log");
        text.lines().map(|line| line.split_once("] ").expect("a date").1.to_owned()).collect()
    }

    /// A command that appends a line to a file.
    pub(crate) fn notes(&self, line: &str) -> Vec<u8> {
        format!("echo {line} >> '{}'", self.path("notes").display()).into_bytes()
    }

    /// What the commands have noted.
    pub(crate) fn noted(&self) -> Vec<String> {
        self.text("notes").lines().map(str::to_owned).collect()
    }

    pub(crate) fn stop(&self, line: &str, after: Duration) -> Stop {
        Stop { command: self.notes(line), after, door: "ssh".to_owned(), source: SOURCE }
    }

    /// A start command that notes `opened`, and its stop command that notes `closed`.
    pub(crate) fn opening(&self, job: u64, after: Duration) -> Run {
        Run { job, kind: Kind::Start, command: self.notes("opened"), stop: Some(self.stop("closed", after)) }
    }

    pub(crate) fn closing(&self, job: u64) -> Run {
        Run { job, kind: Kind::Stop, command: self.notes("closed"), stop: None }
    }

    pub(crate) fn start(&self) -> Keeper {
        Keeper::start(&self.setup()).expect("it is ready")
    }

    pub(crate) fn journal_path(&self) -> PathBuf {
        self.path("state").join(journal::name(&self.key()))
    }

    /// What the journal on the disk says.
    pub(crate) fn journal(&self) -> Vec<OpenDoor> {
        let text = fs::read(self.journal_path()).expect("a journal");
        journal::record::read(&text).expect("a journal").doors.into_values().collect()
    }

    /// Writes a journal as an earlier daemon would have left it.
    pub(crate) fn write_journal(&self, doors: &[OpenDoor]) {
        let mut text = MAGIC.to_vec();
        journal::record::write(&Record::Key(self.key()), &mut text);
        for (opening, door) in (0..).zip(doors) {
            journal::record::write(&Record::Opening { opening, stop: door.stop.clone() }, &mut text);
            if let Some((boot, due)) = door.due {
                journal::record::write(&Record::Opened { opening, boot, due }, &mut text);
            }
        }
        self.write_journal_text(&text);
    }

    pub(crate) fn write_journal_text(&self, text: &[u8]) {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        fs::DirBuilder::new().mode(0o700).recursive(true).create(self.path("state")).expect("a folder");
        let mut options = fs::File::options();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(self.journal_path());
        std::io::Write::write_all(&mut file.expect("a file"), text).expect("there is room");
    }
}

/// This boot, as a door's time is of it.
pub(crate) fn boot() -> BootId {
    knockd::daemon::boot::id()
}

/// A doorkeeper that runs. What it and its commands write to standard output comes through one pipe, which ends when all
/// of them have ended.
pub(crate) struct Keeper {
    pub(crate) child: Child,
    pub(crate) channel: Option<Channel>,
    output: PipeReader,
}

impl Keeper {
    /// Starts one; gives its reason if it cannot begin.
    pub(crate) fn start(setup: &Setup) -> Result<Self, String> {
        Self::start_with(setup, |_| {})
    }

    pub(crate) fn start_with(setup: &Setup, more: impl FnOnce(&mut Command)) -> Result<Self, String> {
        let mut keeper = Self::spawn(more);
        keeper.say(&ToKeeper::Setup(Box::new(setup.clone())));
        match keeper.hear() {
            ToWatcher::Ready => Ok(keeper),
            ToWatcher::Failed { why } => {
                assert!(!keeper.child.wait().expect("it ends").success());
                Err(why)
            }
            other @ (ToWatcher::Exited { .. } | ToWatcher::Spent { .. } | ToWatcher::Opened { .. }) => {
                panic!("it begins with {other:?}")
            }
        }
    }

    /// The process, before it has been told anything.
    pub(crate) fn spawn(more: impl FnOnce(&mut Command)) -> Self {
        let (channel, stdin) = Channel::pair().expect("a socket pair");
        let (output, writer) = std::io::pipe().expect("a pipe");
        let mut command = Command::new(env!("CARGO_BIN_EXE_knockd"));
        command.arg(DOORKEEPER).stdin(Stdio::from(stdin)).stdout(writer).env_remove("STATE_DIRECTORY");
        more(&mut command);
        // The command holds copies of the other ends of the socket pair and of the pipe, and goes with this function.
        let child = command.spawn().expect("the program is there");
        Self { child, channel: Some(channel), output }
    }

    pub(crate) fn say(&mut self, message: &ToKeeper) {
        say(self.channel.as_mut().expect("its watcher lives"), message);
    }

    pub(crate) fn run(&mut self, run: Run) {
        self.say(&ToKeeper::Run(run));
    }

    /// The next message.
    pub(crate) fn hear(&mut self) -> ToWatcher {
        self.hear_or_end().expect("it says something before it ends")
    }

    /// The next message, or `None` when it has ended.
    pub(crate) fn hear_or_end(&mut self) -> Option<ToWatcher> {
        hear(self.channel.as_mut().expect("its watcher lives"))
    }

    /// The descriptor that came with the last message.
    pub(crate) fn descriptor(&mut self) -> OwnedFd {
        self.channel.as_mut().and_then(Channel::descriptor).expect("it came along")
    }

    /// How the next command ends.
    pub(crate) fn exit(&mut self) -> (u64, Exit) {
        let heard = self.hear();
        let ToWatcher::Exited { job, exit } = heard else { panic!("not a command's end: {heard:?}") };
        (job, exit)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it lives");
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a small number"))
    }

    /// The watcher dies.
    pub(crate) fn die(&mut self) {
        self.channel = None;
    }

    /// Waits until it or its commands have written this.
    pub(crate) fn await_output(&mut self, wanted: &str) {
        let mut text = String::new();
        while !text.contains(wanted) {
            let mut byte = [0];
            self.output.read_exact(&mut byte).expect("there is more");
            text.push(char::from(byte[0]));
        }
    }

    /// Waits for the end of all its commands, after somebody else has waited for its own.
    pub(crate) fn forget(mut self) {
        self.output.read_to_string(&mut String::new()).expect("a text");
        // Its process number is nobody's any more, so it must not be killed.
        std::mem::forget(self);
    }

    /// Waits for the end of the doorkeeper and of all its commands; gives what they have written.
    pub(crate) fn end(&mut self) -> (ExitStatus, String) {
        let mut text = String::new();
        self.output.read_to_string(&mut text).expect("a text");
        (self.child.wait().expect("it ends"), text)
    }

    /// Says that nothing follows, and waits for the end.
    pub(crate) fn bye(mut self) -> String {
        self.say(&ToKeeper::Bye);
        while let Some(_late) = self.hear_or_end() {}
        let (status, text) = self.end();
        assert!(status.success(), "{status}");
        text
    }

    /// Both die at once; what they have started goes on to its end.
    pub(crate) fn kill_both(mut self) {
        self.signal(Signal::SIGKILL);
        self.die();
        self.end();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // A test that fails leaves nothing behind; one that has ended has waited already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends a message, all of it; one that has ended does not hear it.
pub(crate) fn say(channel: &mut Channel, message: &ToKeeper) {
    channel.send(message, None).expect("it is short enough");
    channel.flush().expect("it can be sent");
    while channel.waiting() > 0 {
        await_fd(channel, PollFlags::POLLOUT);
        channel.flush().expect("it can be sent");
    }
}

/// The next message, or `None` when it has ended.
pub(crate) fn hear(channel: &mut Channel) -> Option<ToWatcher> {
    loop {
        if let Some(message) = channel.take().expect("a message") {
            return Some(message);
        }
        await_fd(channel, PollFlags::POLLIN);
        if !channel.receive().expect("it can be read") {
            return channel.take().expect("a message");
        }
    }
}

/// Waits until there is something to do; a minute without anything is a failure, not a wait.
pub(crate) fn await_fd(on: &impl AsFd, what: PollFlags) {
    let came = poll(&mut [PollFd::new(on.as_fd(), what)], PollTimeout::from(60_000_u16)).expect("poll works");
    assert!(came > 0, "nothing comes");
}

/// The entry of a process's status that begins so.
pub(crate) fn field(status: &str, name: &str) -> String {
    status.lines().find_map(|line| line.strip_prefix(name)).expect("a field").trim().to_owned()
}

pub(crate) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
