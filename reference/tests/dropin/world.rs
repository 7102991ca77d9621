//! A server and a client, each in a network namespace of its own, with one cable between them; and a daemon that is started
//! as the machine's own tools start it.

use std::{
    cell::{Cell, RefCell},
    fs,
    io::{self, BufRead, BufReader, ErrorKind, Read},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::{
        fd::AsFd,
        unix::fs::{OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::{
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sched::{CloneFlags, setns},
    sys::{
        inotify::{AddWatchFlags, InitFlags, Inotify},
        signal::{Signal, kill},
        time::TimeSpec,
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
    unistd::Pid,
};

/// How long anything may take before the test says that it does not happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// The server's address.
pub(crate) const SERVER: &str = "10.77.0.1";
/// The client's address.
pub(crate) const CLIENT: &str = "10.77.0.2";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The two hosts, and a folder of their own.
pub(crate) struct World {
    directory: tempfile::TempDir,
    server: String,
    client: String,
    doors: BufReader<fs::File>,
    /// How often a daemon was started.
    starts: Cell<usize>,
    services: RefCell<Vec<TcpListener>>,
}

impl World {
    /// Two hosts with a cable. It needs root, and fails without.
    pub(crate) fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "namespaces and captures need root: run this test as root");
        let name = format!("dropin-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = tempfile::tempdir().expect("a folder");
        // A daemon without root's rights looks into it, too.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        let doors = directory.path().join("doors");
        nix::unistd::mkfifo(&doors, nix::sys::stat::Mode::from_bits_truncate(0o666)).expect("a pipe");
        fs::set_permissions(&doors, fs::Permissions::from_mode(0o666)).expect("it is ours");
        // Open for writing, too, so that it has no end and no command waits.
        let doors =
            fs::File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(doors).expect("a pipe");
        // The daemon's program at a path of its own tells its processes from those of other tests.
        fs::copy(env!("CARGO_BIN_EXE_knockd"), directory.path().join("knockd")).expect("the daemon is built");
        fs::create_dir(directory.path().join("run")).expect("a folder");
        let (server, client) = (format!("{name}-s"), format!("{name}-c"));
        let (starts, services) = (Cell::new(0), RefCell::new(Vec::new()));
        let world = Self { directory, server, client, doors: BufReader::new(doors), starts, services };
        world.connect();
        world
    }

    fn connect(&self) {
        let (server, client) = (self.server.as_str(), self.client.as_str());
        for words in [
            vec!["netns", "add", server],
            vec!["netns", "add", client],
            vec!["-n", server, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", client],
        ] {
            ip(&words);
        }
        for (host, address) in [(server, SERVER), (client, CLIENT)] {
            ip(&["-n", host, "addr", "add", &format!("{address}/24"), "dev", "eth0"]);
            ip(&["-n", host, "link", "set", "lo", "up"]);
            ip(&["-n", host, "link", "set", "eth0", "up"]);
        }
    }

    /// A place in the world's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where the daemon's program is.
    pub(crate) fn program(&self) -> String {
        self.path("knockd").display().to_string()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("the folder is ours");
        path
    }

    /// A configuration with one door whose commands tell that they run; it is shut again after a second.
    pub(crate) fn config(&self, options: &str) -> PathBuf {
        self.door(options, 1)
    }

    /// The same, shut again after `seconds`.
    pub(crate) fn door(&self, options: &str, seconds: u32) -> PathBuf {
        let doors = self.path("doors");
        let doors = doors.display();
        self.write(
            "knockd.conf",
            &format!(
                "[options]\n{options}\n[ssh]\n\tsequence = 7000,8000,9000\n\tseq_timeout = 5\n\ttcpflags = syn\n\
                 \tstart_command = echo open %IP% >{doors}\n\tcmd_timeout = {seconds}\n\tstop_command = echo shut %IP% >{doors}\n"
            ),
        )
    }

    /// A shell on the server, as the machine's tools are: its own /etc/knockd.conf and /run, and nothing else changed.
    pub(crate) fn on_the_server(&self, script: &str) -> Command {
        let mut command = self.of(&self.server);
        let (config, run) = (self.path("knockd.conf"), self.path("run"));
        let prepare = format!(
            "test -e /etc/knockd.conf || : >/etc/knockd.conf; mount --bind {} /etc/knockd.conf && mount --bind {} /run && ",
            config.display(),
            run.display()
        );
        command.args(["sh", "-ec", &(prepare + script)]).current_dir(self.directory.path()).stdin(Stdio::null());
        command
    }

    /// Any program, in the server's network alone.
    pub(crate) fn of_the_server(&self) -> Command {
        self.of(&self.server)
    }

    /// Any program, in the client's network.
    pub(crate) fn of_the_client(&self) -> Command {
        self.of(&self.client)
    }

    /// Any program, as a host of the world.
    fn of(&self, host: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", host]);
        command
    }

    /// Starts `script`, the last command of which becomes the daemon, in the foreground.
    pub(crate) fn start(&self, script: &str) -> Daemon {
        let mut command = self.on_the_server(script);
        self.starts.set(self.starts.get() + 1);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the shell");
        Daemon { process: child }
    }

    /// Waits until the daemon that was started last has logged that it listens.
    pub(crate) fn listening(&self) {
        self.wait_for_log("starting up, listening on ", self.starts.get());
    }

    /// Waits until somebody on the server captures, whoever started it.
    pub(crate) fn captures(&self) {
        wait_for("a capture", || {
            let table =
                self.of(&self.server).args(["cat", "/proc/net/packet"]).output().expect("it can be read").stdout;
            String::from_utf8_lossy(&table).lines().skip(1).any(|line| line.split_whitespace().nth(3) != Some("0000"))
        });
    }

    /// Knocks at the door of [`World::config`] with this project's client.
    pub(crate) fn knock(&self) {
        self.knock_on(&["7000", "8000", "9000"]);
    }

    /// Knocks with this project's client on these ports.
    pub(crate) fn knock_on(&self, ports: &[&str]) {
        let mut command = self.of(&self.client);
        let knock = command.args([env!("CARGO_BIN_EXE_knock"), "-d", "50", SERVER]).args(ports);
        succeeds(&knock.output().expect("the client is built"));
    }

    /// The next thing that a command told.
    pub(crate) fn told(&mut self) -> String {
        let mut line = String::new();
        loop {
            match self.doors.read_line(&mut line) {
                Ok(_) if line.ends_with('\n') => return line.trim_end().to_owned(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("the doors' pipe: {error}"),
            }
            let timeout = PollTimeout::try_from(PATIENCE).expect("it is short");
            let ready = poll(&mut [PollFd::new(self.doors.get_ref().as_fd(), PollFlags::POLLIN)], timeout);
            assert_eq!(ready, Ok(1), "no command ran; the log: {}", self.log());
        }
    }

    /// Knocks, and sees the door opened and shut.
    pub(crate) fn opens_and_shuts(&mut self) {
        self.knock();
        assert_eq!(self.told(), format!("open {CLIENT}"));
        assert_eq!(self.told(), format!("shut {CLIENT}"));
    }

    /// What the daemon has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The daemon's processes, without those that have ended.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        let program = self.path("knockd");
        let numbers = fs::read_dir("/proc")
            .expect("it is mounted")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        numbers
            .filter(|number| fs::read_link(Path::new("/proc").join(number).join("exe")).is_ok_and(|exe| exe == program))
            .filter_map(|number| number.parse().ok().map(Pid::from_raw))
            .collect()
    }

    /// Sends a signal to every process of the daemon, as a service manager does to what is left in its group.
    pub(crate) fn signal_all(&self, signal: Signal) {
        for process in self.processes() {
            // It may have ended by now.
            kill(process, signal).ok();
        }
    }

    /// Waits until none of its processes is left.
    pub(crate) fn gone(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let processes = self.processes();
            let Some(first) = processes.first() else { return };
            let first = rustix::process::Pid::from_raw(first.as_raw()).expect("a process number");
            // It may have ended by now.
            if let Ok(handle) = rustix::process::pidfd_open(first, rustix::process::PidfdFlags::empty()) {
                ready("the daemon's end", &handle, end);
            }
        }
    }

    /// Waits until the log has `text` so often.
    pub(crate) fn wait_for_log(&self, text: &str, count: usize) {
        wait_for_text(&self.path("log"), text, count);
    }

    /// Runs a shell script on the server to its end; what it said.
    pub(crate) fn runs(&self, script: &str) -> String {
        let done = self.on_the_server(script).output().expect("a shell");
        succeeds(&done);
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Starts a service on the server: the system takes connections for it, as many as a test makes.
    pub(crate) fn serve(&self, port: u16) {
        let listener = inside(&self.server, || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)));
        self.services.borrow_mut().push(listener.expect("the port is free"));
    }

    /// Whether a connection to a port of the server is made, from the client, at once.
    pub(crate) fn connects(&self, port: u16) -> bool {
        self.connects_within(port, Duration::from_secs(1))
    }

    fn connects_within(&self, port: u16, patience: Duration) -> bool {
        let server = SocketAddr::new(SERVER.parse().expect("an address"), port);
        match inside(&self.client, || TcpStream::connect_timeout(&server, patience)) {
            Ok(_) => true,
            Err(error) if [ErrorKind::TimedOut, ErrorKind::WouldBlock].contains(&error.kind()) => false,
            Err(error) => panic!("a firewall says nothing: {error}"),
        }
    }

    /// Waits until a connection to a port is made: the client's system sends its SYN again and again.
    pub(crate) fn wait_until_it_connects(&self, port: u16) {
        assert!(self.connects_within(port, PATIENCE), "waited in vain for an open door; the log: {}", self.log());
    }

    /// Waits until no connection to a port is made any more.
    pub(crate) fn wait_until_it_does_not_connect(&self, port: u16) {
        wait_for("a shut door", || !self.connects(port));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.signal_all(Signal::SIGKILL);
        for host in [&self.server, &self.client] {
            let pids =
                Command::new("ip").args(["netns", "pids", host]).output().map(|done| done.stdout).unwrap_or_default();
            for pid in String::from_utf8_lossy(&pids).lines().filter_map(|line| line.parse().ok()) {
                kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
            }
            Command::new("ip").args(["netns", "del", host]).stderr(Stdio::null()).status().ok();
        }
    }
}

/// The process that was started, and became the daemon.
pub(crate) struct Daemon {
    process: Child,
}

impl Daemon {
    /// Its number.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process.id()).expect("a process number"))
    }

    /// Sends a signal to it alone.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    /// Its exit status; what it said is part of the message if there is none.
    pub(crate) fn status(mut self) -> i32 {
        let status = self.process.wait().expect("it is our child");
        let mut said = String::new();
        self.process.stderr.take().expect("a pipe").read_to_string(&mut said).ok();
        status.code().unwrap_or_else(|| panic!("{status}: {said}"))
    }
}

/// Fails with what a program said.
pub(crate) fn succeeds(done: &Output) {
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{}: {said}{}", done.status, String::from_utf8_lossy(&done.stdout));
}

fn ip(words: &[&str]) {
    succeeds(&Command::new("ip").args(words).output().expect("iproute2 is installed"));
}

/// What `act` gives on a host of the world. A thread of its own enters the host, and ends there.
fn inside<T: Send>(host: &str, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let namespace = fs::File::open(Path::new("/run/netns").join(host))?;
    let enter = move || setns(namespace, CloneFlags::CLONE_NEWNET).map_err(io::Error::from).and_then(|()| act());
    thread::scope(|scope| scope.spawn(enter).join().expect("it does not panic"))
}

/// Waits until a file has `text` so often.
pub(crate) fn wait_for_text(file: &Path, text: &str, count: usize) {
    let end = Instant::now() + PATIENCE;
    let watch = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).expect("inotify");
    let changes = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
    watch.add_watch(file.parent().expect("it lies in a folder"), changes).expect("the folder is there");
    while fs::read_to_string(file).unwrap_or_default().matches(text).count() < count {
        ready(text, &watch, end);
        watch.read_events().expect("something has changed");
    }
}

/// Waits for what can only be asked for, five times a second: the kernel tells nobody that an element's time in a set
/// is over, nor who captures.
pub(crate) fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC).expect("a timer");
    let pace = Expiration::Interval(TimeSpec::from_duration(Duration::from_millis(200)));
    timer.set(pace, TimerSetTimeFlags::empty()).expect("it is ours");
    while !condition() {
        ready(what, &timer, end);
        timer.wait().expect("it has rung");
    }
}

/// Waits until there is something to read, or fails at `end`.
fn ready(what: &str, descriptor: &impl AsFd, end: Instant) {
    let left = end.saturating_duration_since(Instant::now());
    assert!(!left.is_zero(), "waited in vain for {what}");
    let left = PollTimeout::try_from(left).expect("it is short");
    let ready = poll(&mut [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)], left);
    assert_eq!(ready, Ok(1), "waited in vain for {what}");
}
