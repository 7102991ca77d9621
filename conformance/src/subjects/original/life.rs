//! One life of the daemon: from its start to its end, to a restart or to the end of the case.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{self, Signal as Number},
    unistd::Pid,
};

use super::{
    Original,
    directory::Directory,
    reading::{Line, Reading},
};
use crate::{
    capture,
    case::{CONFIG, Case, Kind, Link},
    subject::Broken,
    time::Nanos,
    timeline::{Entry, Event, Expect, Signal, Timeline, What},
    transcript::{Sight, Transcript},
};

/// How long the daemon may be silent, in real time. It takes milliseconds; what takes so long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What happens in one life.
pub(super) struct Life<'a> {
    pub(super) subject: &'a Original,
    pub(super) case: &'a Case,
    pub(super) directory: &'a Directory,
    /// The last of them may be what ends it.
    pub(super) entries: &'a [Entry],
    /// When it starts.
    pub(super) begin: Nanos,
}

impl Life<'_> {
    /// Lets it happen, and returns when it ended.
    pub(super) fn live(&self, transcript: &mut Transcript) -> Result<Nanos, Broken> {
        let mut packets: Vec<&Entry> = Vec::new();
        // What is to be done before which packet.
        let mut deeds: Vec<(usize, &Entry)> = Vec::new();
        for entry in self.entries {
            if is_deed(&entry.what) {
                deeds.push((packets.len() + 1, entry));
            } else if is_packet(entry) && entry.at >= self.begin {
                // One that comes before the daemon is up again is seen by nobody.
                packets.push(entry);
            }
        }
        self.write_capture(&packets)?;
        let mut daemon = self.spawn(&deeds)?;
        let result = self.follow(&mut daemon, &packets, &deeds, transcript);
        if result.is_err() {
            // Nobody waits for a daemon that hangs; an error means that it has ended by itself.
            let _ended = daemon.kill();
        }
        let status = daemon.wait().map_err(|error| Broken(format!("{}: {error}", self.name())))?;
        let followed = result?;
        self.read_errors(transcript)?;
        if !followed.is_over {
            transcript.see(followed.ended, Sight::Exit(status_of(status)));
        }
        Ok(followed.ended)
    }

    fn follow(
        &self,
        daemon: &mut Child,
        packets: &[&Entry],
        deeds: &[(usize, &Entry)],
        transcript: &mut Transcript,
    ) -> Result<Followed, Broken> {
        let lines = lines(daemon)?;
        let mut answers = daemon.stdin.take().ok_or_else(|| Broken("the daemon has no standard input".to_owned()))?;
        let mut reading = Reading::new(self.case, self.log_is_said(), self.begin);
        let mut is_over = false;
        let mut deeds = deeds.iter().peekable();
        while let Some(text) = next(&lines)? {
            let line = Line::read(&text);
            match line {
                Line::Broken(why) => return Err(Broken(format!("the preloaded library: {why}"))),
                Line::Packet(number) => {
                    let packet = packets.get(number.wrapping_sub(1));
                    reading.turn(packet.map_or(reading.now, |packet| packet.at));
                }
                Line::Stop(number) => {
                    while let Some((_, entry)) = deeds.next_if(|(before, _)| *before <= number) {
                        reading.turn(entry.at.max(reading.now));
                        is_over |= self.act(entry, daemon.id(), transcript)?;
                        if ends(entry) {
                            let end = reading.end_of_wait();
                            reading.turn(end);
                        }
                        if is_signal(&entry.what) {
                            break;
                        }
                    }
                    answer(&mut answers);
                }
                Line::End => {
                    is_over = true;
                    reading.turn(self.case.timeline.end);
                }
                Line::Listen
                | Line::Child
                | Line::Run(_)
                | Line::Ran
                | Line::Sleep(_)
                | Line::Syslog(_)
                | Line::Log(_)
                | Line::Says(_) => reading.note(&line, |text| self.directory.told(text), transcript),
            }
        }
        // Whoever has ended early leaves the rest to be done without it.
        let ended = reading.now;
        for (_, entry) in deeds {
            self.act_without(entry, transcript)?;
        }
        Ok(Followed { ended, is_over })
    }

    /// Does to the daemon what the case says. Whether it ends by that, and its end is none of its own.
    fn act(&self, entry: &Entry, daemon: u32, transcript: &mut Transcript) -> Result<bool, Broken> {
        let number = match &entry.what {
            What::Event(Event::Signal(Signal::Hup)) => Number::SIGHUP,
            What::Event(Event::Signal(Signal::Term) | Event::Restart) => Number::SIGTERM,
            What::Event(Event::Signal(Signal::Int)) => Number::SIGINT,
            What::Event(Event::Kill) => Number::SIGKILL,
            What::Event(_) | What::Expect(_) => return self.act_without(entry, transcript).map(|()| false),
        };
        let pid = i32::try_from(daemon).map_err(|error| Broken(error.to_string()))?;
        signal::kill(Pid::from_raw(pid), number).map_err(|error| Broken(format!("{number}: {error}")))?;
        Ok(matches!(entry.what, What::Event(Event::Restart | Event::Kill)))
    }

    fn act_without(&self, entry: &Entry, transcript: &mut Transcript) -> Result<(), Broken> {
        match &entry.what {
            What::Event(Event::Put { file, text }) => {
                let bytes = self.case.texts.get(text).map(Vec::as_slice).unwrap_or_default();
                self.directory.put(file, bytes)?;
            }
            What::Event(Event::Remove { file }) => self.directory.remove(file),
            What::Expect(Expect::File { name, .. }) => {
                let bytes = self.directory.look(name);
                transcript.see(entry.at, Sight::File { name: name.clone(), bytes });
            }
            What::Event(_) | What::Expect(_) => {}
        }
        Ok(())
    }

    fn write_capture(&self, packets: &[&Entry]) -> Result<(), Broken> {
        let entries = packets.iter().map(|entry| (*entry).clone()).collect();
        let part = Case { timeline: Timeline { entries, end: self.case.timeline.end }, ..self.case.clone() };
        let broken = |error: std::io::Error| Broken(format!("the capture cannot be written: {error}"));
        let mut bytes = Vec::new();
        capture::write(&part, &mut bytes).map_err(broken)?;
        fs::write(self.directory.own("capture.pcap"), bytes).map_err(broken)
    }

    fn spawn(&self, deeds: &[(usize, &Entry)]) -> Result<Child, Broken> {
        let broken = |error: std::io::Error| Broken(format!("{} does not start: {error}", self.name()));
        let stops = stops(deeds);
        let locals: Vec<String> =
            self.case.locals.iter().map(|(address, length)| format!("{address}/{length}")).collect();
        let mut command = Command::new(&self.subject.daemon);
        command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", self.directory.programs().display()));
        command.env("TZ", "UTC0").env("LD_PRELOAD", &self.subject.library);
        command.env("KNOCK_CAPTURE", self.directory.own("capture.pcap"));
        command.env("KNOCK_LOCALS", locals.join(",")).env("KNOCK_STOPS", stops.join(","));
        // Only loopback has a link type of its own, on the systems that have one.
        let is_loopback = matches!(self.case.link, Link::Null | Link::Loop);
        command.env("KNOCK_INTERFACES", if is_loopback { "lo,eth0" } else { "eth0,lo" });
        command.current_dir(self.directory.files()).args(self.arguments());
        let errors = File::options().create(true).append(true).open(self.directory.own("errors")).map_err(broken)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).spawn().map_err(broken)
    }

    fn arguments(&self) -> Vec<String> {
        let options = self.options();
        let mut arguments = Vec::new();
        if !has(options, "-c", "--config") {
            arguments.extend(["-c".to_owned(), CONFIG.to_owned()]);
        }
        if self.log_is_said() {
            arguments.push("-v".to_owned());
        } else {
            // Standard output is where the library writes, so that each line stands in its place.
            arguments.extend(["-g".to_owned(), "/dev/stdout".to_owned()]);
        }
        let real = |option: &String| String::from_utf8_lossy(&self.directory.real(option.as_bytes())).into_owned();
        arguments.extend(options.iter().map(real));
        arguments
    }

    /// Whether the case has a log file of its own.
    fn log_is_said(&self) -> bool {
        let Kind::Daemon { config, options } = &self.case.kind else { return false };
        let is_log_file = |line: &str| line.trim_start().to_ascii_lowercase().starts_with("logfile");
        has(options, "-g", "--logfile") || String::from_utf8_lossy(config).lines().any(is_log_file)
    }

    fn options(&self) -> &[String] {
        match &self.case.kind {
            Kind::Daemon { options, .. } => options,
            Kind::Client { .. } => &[],
        }
    }

    fn read_errors(&self, transcript: &mut Transcript) -> Result<(), Broken> {
        let path = self.directory.own("errors");
        let bytes = fs::read(&path).map_err(|error| Broken(format!("{}: {error}", path.display())))?;
        fs::remove_file(&path).map_err(|error| Broken(format!("{}: {error}", path.display())))?;
        let text = String::from_utf8_lossy(&bytes);
        for line in text.lines().filter(|line| !line.is_empty()) {
            if line.contains("LD_PRELOAD") || line.contains("symbol lookup error") {
                return Err(Broken(format!("the library cannot be preloaded: {line}")));
            }
            transcript.see(self.begin, Sight::Says(self.directory.told(line)));
        }
        Ok(())
    }

    fn name(&self) -> String {
        self.subject.daemon.display().to_string()
    }
}

/// How a life went.
struct Followed {
    /// When it ended.
    ended: Nanos,
    /// Whether the case ended it, not the daemon.
    is_over: bool,
}

fn is_packet(entry: &Entry) -> bool {
    matches!(entry.what, What::Event(Event::Packet(_)))
}

/// Whether the daemon has to stop for it.
fn is_deed(what: &What) -> bool {
    match what {
        What::Event(Event::Packet(_)) => false,
        What::Event(_) | What::Expect(Expect::File { .. }) => true,
        What::Expect(_) => false,
    }
}

/// The packets before which the daemon stops. What follows a signal has a stop of its own: the daemon handles it while
/// it goes on from the one before, and would otherwise see what is done next or not, as chance has it.
fn stops(deeds: &[(usize, &Entry)]) -> Vec<String> {
    let mut stops = Vec::new();
    let mut last = None;
    for (before, entry) in deeds {
        if last != Some(*before) {
            stops.push(before.to_string());
        }
        last = (!is_signal(&entry.what)).then_some(*before);
    }
    stops
}

fn is_signal(what: &What) -> bool {
    matches!(what, What::Event(Event::Signal(_)))
}

/// Whether it makes the daemon wait for a child and end.
fn ends(entry: &Entry) -> bool {
    matches!(entry.what, What::Event(Event::Signal(Signal::Term | Signal::Int) | Event::Restart))
}

fn has(options: &[String], short: &str, long: &str) -> bool {
    options.iter().any(|option| option.starts_with(short) || option.starts_with(long))
}

/// 128 and the signal's number, as a shell has it.
fn status_of(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// The lines of standard output, as they come.
fn lines(daemon: &mut Child) -> Result<Receiver<String>, Broken> {
    let output = daemon.stdout.take().ok_or_else(|| Broken("the daemon has no standard output".to_owned()))?;
    let (sender, receiver) = mpsc::channel();
    // The thread ends with the output, or when nobody wants a line any more.
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|length| length != 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            line.clear();
            if sender.send(text).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

fn next(lines: &Receiver<String>) -> Result<Option<String>, Broken> {
    match lines.recv_timeout(PATIENCE) {
        Ok(line) => Ok(Some(line)),
        Err(RecvTimeoutError::Disconnected) => Ok(None),
        Err(RecvTimeoutError::Timeout) => {
            Err(Broken(format!("the daemon said nothing for {} seconds", PATIENCE.as_secs())))
        }
    }
}

fn answer(answers: &mut ChildStdin) {
    // A daemon that has just been told to end may not read it.
    let _gone = answers.write_all(b"\n");
}
