//! A knock that is complete: its line is spent, its door opens (ONCE, CMD).

use std::net::IpAddr;

use super::{
    daemon::{BURST, Daemon, Knock, Post},
    deviation::Deviation as D,
    jobs::{self, seconds},
    once::{self, Line, Place},
    words::{Port, Sequences, What},
};

/// How many start commands may wait (CMD-8).
const WAITING: usize = 10_000;

impl Daemon {
    pub(super) fn complete(&mut self, mine: u64) {
        let most = if self.is.on(D::FewKnocksWait) { WAITING / 2 } else { WAITING };
        if self.jobs.waiting() >= most && !self.is.on(D::EveryKnockWaits) {
            let knock = self.end(mine, true);
            if self.busy.is_none_or(|last| self.now >= last.after(BURST)) {
                self.say(&knock, What::Busy); // CMD-8
            }
            self.busy = Some(self.now);
            return;
        }
        let knock = if self.is.on(D::OneListOfKnocks) {
            self.knocks[&mine].clone()
        } else if self.is.on(D::SuccessKeepsKnock) {
            let mut kept = self.knocks[&mine].clone();
            kept.hits.pop();
            let knock = self.knocks.insert(mine, kept);
            knock.unwrap_or_else(|| self.knocks[&mine].clone())
        } else {
            self.end(mine, true)
        };
        if self.is.on(D::CommandBeforeMark) || self.is.on(D::MarkFollowsCommand) && self.can_mark(knock.door) {
            self.open(&knock);
            self.spend(&knock);
        } else if self.spend(&knock) {
            self.open(&knock);
        } else {
            return;
        }
        if self.sequence(knock.door).is_none() {
            self.disabled(knock.door, Some(&knock), false);
        }
        if self.is.on(D::DoorOpensOnce) {
            self.posts[knock.door].door.sequences = Sequences::OneTime(String::new());
        }
        if self.is.on(D::AllLostWhenOldestEnds) {
            self.forget_all();
        }
    }

    fn open(&mut self, knock: &Knock) {
        let door = &self.posts[knock.door].door;
        let commands = match knock.source {
            IpAddr::V4(_) => door.v4.clone(),
            IpAddr::V6(_) => door.v6.clone(),
        }; // CMD-3
        let most = if self.is.on(D::StopWaitsAnHour) { 3600 } else { u64::MAX };
        let wait = seconds(door.cmd_timeout.min(most));
        if commands.start.is_none() && self.is.on(D::NoOpeningWithoutCommand) {
            return;
        }
        let is_told = self.is.on(D::MarkFollowsOpening) && matches!(door.sequences, Sequences::OneTime(_));
        let is_late = self.is.on(D::RunsBeforeItOpens);
        if !is_told && !is_late {
            self.say(knock, What::Open);
        }
        let fill = |command: &String| jobs::fill(command, knock.source, self.is);
        let start = match (&commands.start, &commands.stop) {
            (None, Some(_)) if self.is.on(D::StopWithoutStart) => Some(String::new()),
            (start, _) => start.as_ref().map(fill),
        };
        let stop = commands.stop.as_ref().map(fill);
        if let Some(start) = start {
            self.jobs.open(self.whose(knock), start, stop, wait); // CMD-2
            let deeds = self.jobs.run(self.now);
            self.tell(deeds);
        }
        if is_late {
            self.say(knock, What::Open);
        }
    }

    fn can_mark(&self, door: usize) -> bool {
        matches!(&self.posts[door].door.sequences, Sequences::OneTime(path) if self.disk.read(path).is_some())
    }

    /// Makes a comment of the line that `knock` has used, takes the next one, and ends the other knocks on the used one
    /// (ONCE-3, ONCE-4). False if that cannot be written; then the door is disabled (ONCE-6).
    fn spend(&mut self, knock: &Knock) -> bool {
        let Sequences::OneTime(path) = self.posts[knock.door].door.sequences.clone() else { return true };
        let Some(line) = self.posts[knock.door].line.clone() else { return true };
        if knock.source.is_ipv6() && self.is.on(D::OnceOnlyOverIpv4) || self.is.on(D::NothingSpent) {
            return true;
        }
        self.mark(&path, &line, knock);
        let marked = self.disk.read(&path).is_some();
        let others: Vec<u64> =
            self.knocks.values().filter(|other| other.door == knock.door).map(|other| other.number).collect();
        if !self.is.on(D::OtherKnocksGoOn) {
            others.into_iter().for_each(|other| self.discard(other, "ONCE-4"));
        }
        if !marked && !self.is.on(D::CommandBeforeMark) && !self.is.on(D::OpensWithoutMark) {
            self.posts[knock.door].line = None;
            self.disabled(knock.door, Some(knock), true);
            return false;
        }
        if !self.is.on(D::NextLineNotTaken) {
            self.next_line(knock.door, Place { offset: line.end, lines: line.number });
        }
        true
    }

    /// Writes one byte.
    fn mark(&mut self, path: &str, line: &Line, knock: &Knock) {
        let is = self.is;
        let Some(bytes) = self.disk.edit(path) else { return };
        let offset = match () {
            () if is.on(D::MarkOnUnparsableLine) => line.before,
            () if is.on(D::MarkOnSecondByte) => line.offset + 1,
            () if is.on(D::MarkOnNextLine) => line.end,
            () => line.offset,
        };
        if is.on(D::MarkInserted) && offset <= bytes.len() {
            bytes.insert(offset, b'#');
        } else if is.on(D::LineOverwritten) {
            let end = line.end.min(bytes.len());
            bytes[offset..end].iter_mut().filter(|byte| !byte.is_ascii_whitespace()).for_each(|byte| *byte = b'#');
        } else if let Some(byte) = bytes.get_mut(offset).filter(|_| !is.on(D::MarkNotWritten)) {
            *byte = b'#';
        }
        if is.on(D::FileTidied) && !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        if is.on(D::FirstMegabyteKept) {
            bytes.truncate(1_000_000);
        }
        if is.on(D::MarkFollowsOpening) {
            self.say(knock, What::Open);
        }
        if !is.on(D::MarkNotWritten) {
            self.say(knock, What::Spend { offset: offset as u64, file: path.to_owned() });
        }
    }

    pub(super) fn next_line(&mut self, door: usize, from: Place) {
        let Post { door: config, text, .. } = self.posts[door].clone();
        let Sequences::OneTime(path) = config.sequences else { return };
        let mut skipped = Vec::new();
        let ignored = if self.is.on(D::IgnoredInSequenceAccepted) { Vec::new() } else { config.ignored };
        let line = once::next(&text, from, &ignored, self.is, |number| skipped.push(number));
        self.posts[door].line = line;
        for line in skipped {
            self.say_of(door, None, What::Skipped { line, file: path.clone() });
        }
    }

    pub(super) fn disabled(&mut self, door: usize, knock: Option<&Knock>, unmarked: bool) {
        let Sequences::OneTime(file) = self.posts[door].door.sequences.clone() else { return };
        if self.is.on(D::EndsWithTheLastLine) && knock.is_some() && !unmarked {
            self.say_alone(What::Exit(134));
            self.ended = true;
            return;
        }
        if !self.is.on(D::DisablingNotLogged) {
            self.say_of(door, knock.map(|knock| (knock.source, knock.number)), What::Disable { file, unmarked });
        }
    }

    /// The door's sequence: of a one-time file that of the line in use.
    pub(super) fn sequence(&self, door: usize) -> Option<Vec<Port>> {
        let post = &self.posts[door];
        match &post.door.sequences {
            Sequences::Fixed(ports) => Some(ports.clone()),
            Sequences::OneTime(_) => post.line.as_ref().map(|line| line.ports.clone()),
        }
    }
}
