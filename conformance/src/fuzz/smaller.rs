//! A plan -> the plans that are a little smaller: the random strategy leaves parts that do not matter.

use super::plan::{Door, Plan, Sequences, Step, What};

impl Plan {
    /// As small as it gets while `fails` holds.
    pub(super) fn smallest<E>(mut self, fails: impl Fn(&Self) -> Result<bool, E>) -> Result<Self, E> {
        'smaller: loop {
            for plan in self.smaller() {
                if fails(&plan)? {
                    self = plan;
                    continue 'smaller;
                }
            }
            return Ok(self);
        }
    }

    /// One part less. There are finitely many parts, so whoever goes on from one of these comes to an end.
    fn smaller(&self) -> Vec<Self> {
        let doors = (0..self.doors.len()).filter(|_| self.doors.len() > 1).map(|place| self.without_door(place));
        let steps = (0..self.steps.len()).map(|place| {
            let mut plan = self.clone();
            let gone = plan.steps.remove(place);
            // What follows stays where it is in time.
            if let Some(next) = plan.steps.get_mut(place) {
                next.after += gone.after;
            }
            plan
        });
        let lines = (0..self.doors.len()).flat_map(|place| {
            self.doors[place].simpler().into_iter().map(move |door| {
                let mut plan = self.clone();
                plan.doors[place] = door;
                plan
            })
        });
        let times = (0..self.steps.len()).filter_map(|place| {
            let mut plan = self.clone();
            let step = &mut plan.steps[place];
            step.simplify().then_some(plan)
        });
        let mut rest = Vec::new();
        if self.takes != (0, 0) {
            rest.push(Self { takes: (0, 0), ..self.clone() });
        }
        if self.only_v4 {
            rest.push(Self { only_v4: false, ..self.clone() });
        }
        if self.link != "ethernet" {
            rest.push(Self { link: "ethernet", ..self.clone() });
        }
        doors.chain(steps).chain(lines).chain(times).chain(rest).collect()
    }

    /// Without a door; runs at the others go on there.
    fn without_door(&self, gone: usize) -> Self {
        let mut plan = self.clone();
        let count = plan.doors.len();
        plan.doors.remove(gone);
        for step in &mut plan.steps {
            if let What::Run { door, .. } = &mut step.what {
                *door %= count;
                *door -= usize::from(*door > gone);
            }
        }
        plan
    }
}

impl Step {
    /// Comes at once, or one of its hits does not come; whether that changes anything.
    fn simplify(&mut self) -> bool {
        match &mut self.what {
            _ if self.after != 0 => self.after = 0,
            What::Run { count, .. } if *count > 1 => *count -= 1,
            What::Run { gap, .. } if *gap != 0 => *gap = 0,
            What::Run { .. } | What::Hit { .. } | What::Again { .. } | What::Noise { .. } | What::Event(_) => {
                return false;
            }
        }
        true
    }
}

impl Door {
    /// Without one of its directives, or with a shorter sequence.
    fn simpler(&self) -> Vec<Self> {
        let mut doors = Vec::new();
        let mut without = |is_there: bool, change: fn(&mut Self)| {
            if is_there {
                let mut door = self.clone();
                change(&mut door);
                doors.push(door);
            }
        };
        without(self.aliases, |door| door.aliases = false);
        without(self.flags.is_some(), |door| door.flags = None);
        without(self.target.is_some(), |door| door.target = None);
        without(self.seq_timeout.is_some(), |door| door.seq_timeout = None);
        without(self.cmd_timeout.is_some(), |door| door.cmd_timeout = None);
        without(!self.ignored.is_empty(), |door| door.ignored = "");
        without(self.commands.0[0].is_some(), |door| door.commands.0[0] = None);
        without(self.commands.0[1].is_some(), |door| door.commands.0[1] = None);
        without(self.commands.0[2].is_some(), |door| door.commands.0[2] = None);
        without(self.commands.0[3].is_some(), |door| door.commands.0[3] = None);
        let length = match &self.sequences {
            Sequences::Fixed(ports) => ports.len().saturating_sub(1),
            Sequences::OneTime(lines, _) => lines.len(),
        };
        for place in 0..length {
            let mut door = self.clone();
            match &mut door.sequences {
                Sequences::Fixed(ports) => drop(ports.remove(place)),
                Sequences::OneTime(lines, _) => drop(lines.remove(place)),
            }
            doors.push(door);
        }
        doors
    }
}
