//! What the daemon's output says: lines of the preloaded library, of the log, and the rest.

use crate::{
    case::Case,
    time::{Nanos, SECOND},
    transcript::{Sight, Transcript},
};

/// One line of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// The daemon listens; nothing was preloaded if it never says so.
    Listen,
    /// It waits before this packet, counted from 1.
    Stop(usize),
    /// This packet is seen.
    Packet(usize),
    /// A child's turn.
    Child,
    /// A command is run.
    Run(&'a str),
    /// It has ended.
    Ran,
    /// The process sleeps so many seconds.
    Sleep(u64),
    /// A message to syslog.
    Syslog(&'a str),
    /// The capture is over.
    End,
    /// The library was started wrongly.
    Broken(&'a str),
    /// A line of the log, without its stamp.
    Log(&'a str),
    /// Anything else.
    Says(&'a str),
}

impl<'a> Line<'a> {
    /// Reads a line.
    pub(super) fn read(line: &'a str) -> Self {
        let Some(ours) = line.strip_prefix('@') else {
            return unstamped(line).map_or(Self::Says(line), Self::Log);
        };
        let (word, rest) = ours.split_once(' ').unwrap_or((ours, ""));
        let number = || rest.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        let index = || number().and_then(|number| usize::try_from(number).ok());
        match word {
            "listen" => Self::Listen,
            "stop" => index().map_or(Self::Broken(line), Self::Stop),
            "packet" => index().map_or(Self::Broken(line), Self::Packet),
            "child" => Self::Child,
            "run" => Self::Run(rest),
            "ran" => Self::Ran,
            "sleep" => number().map_or(Self::Broken(line), Self::Sleep),
            "syslog" => Self::Syslog(rest),
            "end" => Self::End,
            "broken" => Self::Broken(rest),
            _ => Self::Says(line),
        }
    }
}

/// The message of `[YYYY-MM-DD HH:MM] message`.
fn unstamped(line: &str) -> Option<&str> {
    let (stamp, message) = line.strip_prefix('[')?.split_once("] ")?;
    let digits = |c: char| if c.is_ascii_digit() { '0' } else { c };
    (stamp.chars().map(digits).eq("0000-00-00 00:00".chars())).then_some(message)
}

/// Follows the output in the case's time.
pub(super) struct Reading<'a> {
    case: &'a Case,
    /// Whether the log is written elsewhere, so that what is said on standard output is also taken for the log.
    log_is_said: bool,
    /// When it is for the daemon.
    pub(super) now: Nanos,
    /// When it is for the child whose turn it is.
    child: Option<Nanos>,
    /// The command that runs: its output is not the daemon's.
    command: Option<String>,
    /// When children ended.
    ends: Vec<Nanos>,
}

impl<'a> Reading<'a> {
    /// From `begin` on.
    pub(super) fn new(case: &'a Case, log_is_said: bool, begin: Nanos) -> Self {
        Self { case, log_is_said, now: begin, child: None, command: None, ends: Vec::new() }
    }

    /// It is this late for the daemon, and its turn.
    pub(super) fn turn(&mut self, now: Nanos) {
        self.ends.extend(self.child.take());
        self.now = now;
    }

    /// When a daemon that is told to end now has ended: it waits for one child.
    pub(super) fn end_of_wait(&self) -> Nanos {
        self.ends.iter().copied().filter(|end| *end > self.now).min().unwrap_or(self.now)
    }

    /// Notes what a line tells; the stops and packets are the caller's.
    pub(super) fn note(&mut self, line: &Line<'_>, told: impl Fn(&str) -> String, transcript: &mut Transcript) {
        let at = self.child.unwrap_or(self.now);
        match line {
            Line::Child => {
                let now = self.now;
                self.turn(now);
                self.child = Some(now);
            }
            Line::Run(text) => {
                // A shell that is given nothing runs nothing; nobody outside could see it.
                if !text.trim().is_empty() {
                    transcript.see(at, Sight::Run(told(text)));
                }
                self.command = Some((*text).to_owned());
            }
            Line::Ran => {
                let takes = self.command.take().map(|text| self.case.command(&text).takes);
                self.pass(takes.unwrap_or_default());
            }
            Line::Sleep(seconds) => self.pass(Nanos(seconds.saturating_mul(SECOND.0))),
            Line::Log(text) | Line::Says(text) if text.is_empty() || self.command.is_some() => {}
            Line::Log(text) => transcript.see(at, Sight::Log(told(text))),
            Line::Says(text) => {
                if self.log_is_said {
                    transcript.see(at, Sight::Log(told(text)));
                }
                transcript.see(at, Sight::Says(told(text)));
            }
            // What goes to syslog is logged elsewhere, too.
            Line::Syslog(_) | Line::Listen | Line::Stop(_) | Line::Packet(_) | Line::End | Line::Broken(_) => {}
        }
    }

    fn pass(&mut self, span: Nanos) {
        match &mut self.child {
            Some(child) => *child = child.after(span),
            None => self.now = self.now.after(span),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        for (line, is) in [
            ("@listen eth0 17", Line::Listen),
            ("@stop 3 17", Line::Stop(3)),
            ("@stop", Line::Broken("@stop")),
            ("@packet 12 1.000000", Line::Packet(12)),
            ("@run open 192.0.2.11; x", Line::Run("open 192.0.2.11; x")),
            ("@sleep 5 6.000000", Line::Sleep(5)),
            ("@end", Line::End),
            ("[2024-01-01 00:00] 192.0.2.11: ssh: Stage 1", Line::Log("192.0.2.11: ssh: Stage 1")),
            ("[2024-01-01] no stamp", Line::Says("[2024-01-01] no stamp")),
            ("listening on eth0...", Line::Says("listening on eth0...")),
        ] {
            assert_eq!(Line::read(line), is);
        }
    }
}
