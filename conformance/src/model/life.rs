//! Start, reload and end (PROC-3, PROC-4, CMD-7, ONCE-7, ONCE-11).

use std::collections::BTreeMap;

use super::{
    daemon::{Daemon, Knock, Post},
    deviation::{Deviation as D, Deviations},
    disk::{Disk, plain},
    old,
    once::{self, Place},
    words::{Commands, Door, Sequences, What},
};

/// What keeps these doors from being used: one-time files that are missing, or shared (ONCE-7, ONCE-11).
pub(super) fn faults(doors: &[Door], disk: &Disk, only_v4: bool, is: Deviations) -> Vec<String> {
    let mut faults = Vec::new();
    let mut owners = BTreeMap::new();
    let rejects_all = |door: &Door| match &door.sequences {
        Sequences::Fixed(ports) => old::rejects_all(door, ports),
        Sequences::OneTime(path) => once::next(&disk.read(path).unwrap_or_default(), Place::default(), &[], is, |_| {})
            .is_some_and(|line| old::rejects_all(door, &line.ports)),
    };
    if only_v4 && is.on(D::OnlyV4SparesTargets) && doors.iter().all(rejects_all) {
        faults.push("the packet filter rejects all packets".to_owned());
    }
    for door in doors {
        let Sequences::OneTime(path) = &door.sequences else { continue };
        let name = &door.name;
        if disk.read(path).is_none() && !is.on(D::MissingFileAccepted) {
            faults.push(format!("door [{name}]: the one-time file {path} cannot be read: no such file"));
        }
        let text = disk.read(path).unwrap_or_default();
        if is.on(D::UsedUpFileIsAnError) && once::next(&text, Place::default(), &[], is, |_| {}).is_none() {
            faults.push(format!("door [{name}]: no sequence left in {path}"));
        }
        let file = if is.on(D::FilesToldByPath) { path.clone() } else { plain(path) };
        if let Some(with) = owners.insert(file, name)
            && !is.on(D::SharedFileAccepted)
        {
            faults.push(format!("door [{name}]: the one-time file {path} is also door [{with}]'s"));
        }
    }
    faults
}

impl Daemon {
    /// Takes doors at the start: their files are read, and those without a usable line are disabled (ONCE-7).
    pub(super) fn take_posts(&mut self, doors: Vec<Door>) {
        self.posts.clear();
        for (index, door) in doors.into_iter().enumerate() {
            let text = match &door.sequences {
                Sequences::OneTime(path) => self.disk.read(path).unwrap_or_default(),
                Sequences::Fixed(_) => Default::default(),
            };
            self.posts.push(Post { door, text, line: None, first: None });
            self.next_line(index, Place::default());
            self.posts[index].first = self.sequence(index);
            if self.sequence(index).is_none() {
                self.disabled(index, None, false);
            }
        }
    }

    /// Replaces the doors. Knocks, and what is remembered, survive at doors that are the same: name, place among its
    /// namesakes, directives and present sequence.
    pub(super) fn reload(&mut self, doors: Vec<Door>) {
        let old = std::mem::take(&mut self.posts);
        let sequences: Vec<_> = old.iter().map(present).collect();
        self.take_posts(doors);
        let mut places = vec![None; old.len()];
        for (new, post) in self.posts.iter().enumerate() {
            let namesakes = self.posts[..new].iter().filter(|other| other.door.name == post.door.name).count();
            let partner = (0..old.len()).filter(|place| old[*place].door.name == post.door.name).nth(namesakes);
            if let Some(partner) = partner {
                let mut before = old[partner].door.clone();
                if self.is.on(D::KnocksSurviveSmallChange) {
                    let Door { target, ignored, cmd_timeout, v4, v6, .. } = post.door.clone();
                    let v4 = Commands { start: before.v4.start, ..v4 };
                    before = Door { target, ignored, cmd_timeout, v4, v6, ..before };
                }
                let same = before == post.door && sequences[partner] == present(post);
                if same && !self.is.on(D::ReloadDropsKnocks) || self.is.on(D::KnocksSurviveChange) {
                    places[partner] = Some(new);
                }
            }
        }
        let new = std::mem::replace(&mut self.posts, old);
        let lost: Vec<u64> =
            self.knocks.values().filter(|knock| places[knock.door].is_none()).map(|knock| knock.number).collect();
        lost.into_iter().for_each(|knock| self.discard(knock, "PROC-3"));
        self.posts = new;
        let kept = if self.is.on(D::ReloadForgetsRepeats) { vec![None; places.len()] } else { places.clone() };
        self.memory.renumber(&kept);
        self.renumber(&places);
        if self.is.on(D::ReloadForgetsStops) {
            self.jobs.forget_open();
        }
    }

    fn renumber(&mut self, places: &[Option<usize>]) {
        let place = |door: usize| places.get(door).copied().flatten().unwrap_or(door);
        self.knocks.values_mut().for_each(|knock| knock.door = place(knock.door));
        self.at = self.knocks.values().map(|knock| ((knock.door, knock.source), knock.number)).collect();
        let times_out = |knock: &&Knock| knock.door == 0 || !self.is.on(D::ReloadForgetsTimeouts);
        let knocks = self.knocks.values().filter(times_out);
        self.timeouts = knocks.map(|knock| (knock.due, knock.door, knock.number)).collect();
    }

    /// Ends in order: stop commands run now, and the daemon is gone when the last command has ended (CMD-7, PROC-4).
    pub(super) fn quit(&mut self, signal: i32) {
        self.say_alone(What::ShuttingDown);
        if self.is.on(D::EndForgetsStops) {
            self.jobs.forget_open();
        }
        self.knocks.clear();
        self.at.clear();
        self.timeouts.clear();
        self.ended = true;
        let exit = What::Exit(if self.is.on(D::StatusIsTheSignal) { signal } else { 0 });
        if self.is.on(D::EndsBeforeStops) {
            self.say_alone(exit.clone());
        }
        let deeds = self.jobs.close(self.now);
        self.tell(deeds);
        while let Some((at, ..)) = self.jobs.next_due() {
            self.advance(at);
        }
        if !self.is.on(D::EndsBeforeStops) {
            self.say_alone(exit);
        }
    }
}

fn present(post: &Post) -> Option<Vec<super::words::Port>> {
    match &post.door.sequences {
        Sequences::Fixed(ports) => Some(ports.clone()),
        Sequences::OneTime(_) => post.line.as_ref().map(|line| line.ports.clone()),
    }
}
