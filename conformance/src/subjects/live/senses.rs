//! Everything by which a world is observed, but for the processes themselves.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        inotify::{AddWatchFlags, InitFlags, Inotify},
        time::TimeSpec,
    },
};

use super::{
    daemon::Processes,
    logs::{Growing, Syslog},
    plan::Plan,
    programs::Reports,
    sent::sent,
    wire::Wire,
    world::SERVER,
};
use crate::{adapter::Line, transcript::Sight};

/// What is listened to and looked at.
pub(super) struct Senses<'a> {
    plan: &'a Plan,
    reports: Reports,
    files: Vec<Growing>,
    syslog: Syslog,
    watch: Inotify,
    /// What comes to the server, if a client is judged.
    arrivals: Option<Wire>,
}

impl<'a> Senses<'a> {
    /// Makes the programs that report, and listens everywhere.
    pub(super) fn new(plan: &'a Plan) -> io::Result<Self> {
        let watch = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let changes = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        for place in ["/run", "/case"] {
            watch.add_watch(place, changes)?;
        }
        Ok(Self {
            plan,
            reports: Reports::new(&plan.programs)?,
            files: plan.log_files.iter().map(|name| Growing::new(name)).collect(),
            syslog: Syslog::new()?,
            watch,
            arrivals: if plan.is_client { Some(Wire::listener(SERVER)?) } else { None },
        })
    }

    /// Waits until there is something to see, at most for `patience`.
    pub(super) fn wait(&self, processes: &Processes, patience: Duration) -> io::Result<()> {
        let own: [BorrowedFd<'_>; 3] = [self.reports.as_fd(), self.syslog.as_fd(), self.watch.as_fd()];
        let all = own.into_iter().chain(processes.descriptors()).chain(self.arrivals.as_ref().map(AsFd::as_fd));
        let mut all: Vec<_> = all.map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN)).collect();
        match ppoll(&mut all, Some(TimeSpec::from_duration(patience)), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What is to be seen now.
    pub(super) fn sights(&mut self, processes: &mut Processes) -> io::Result<Vec<Sight>> {
        // What changed says nothing that the files do not say themselves.
        match self.watch.read_events() {
            Ok(_) | Err(Errno::EAGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        let readings = &self.plan.log;
        let mut sights: Vec<Sight> = self.reports.read()?.into_iter().map(Sight::Run).collect();
        for file in &mut self.files {
            sights.extend(file.read()?.iter().filter_map(|line| logged(readings.file.as_ref(), line)));
        }
        for text in self.syslog.read()? {
            sights.extend(logged(readings.syslog.as_ref(), &text));
            sights.push(Sight::Syslog(text));
        }
        for line in processes.said()? {
            sights.push(logged(readings.output.as_ref(), &line).unwrap_or(Sight::Says(line)));
        }
        while let Some(frame) = self.arrivals.as_ref().map_or(Ok(None), Wire::receive)? {
            sights.extend(sent(&frame).map(Sight::Sent));
        }
        Ok(sights)
    }
}

/// A line as one of the log, if it reads so.
fn logged(reading: Option<&Line>, line: &str) -> Option<Sight> {
    Some(Sight::Log(reading?.message(line)?.to_owned()))
}
