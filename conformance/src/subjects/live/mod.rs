//! The live subject: any executable with knockd's command line, or one that an adapter describes, on a host of its own.
//!
//! For each case this program starts itself again ([`main`]): the first process makes namespaces (`world`, through
//! `netlink`), the second is their first process and plays the case there in real time (`play`), a `Plan` of which the
//! outer side has written. It puts frames on the wire as they are (`wire`); its `senses` are the commands that are run
//! (`programs`), what is logged (`logs`) and what a client sends (`sent`); it looks at files (`look`), sees processes end
//! (`daemon`), and an open door that runs no command is seen by `probe`. All of it vanishes with that process.

mod daemon;
mod inside;
mod layout;
mod limits;
mod load;
mod logs;
mod look;
mod netlink;
mod plan;
mod play;
mod probe;
mod programs;
mod senses;
mod sent;
mod wire;
mod world;

use std::{
    collections::BTreeSet,
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

pub use self::inside::{SUBCOMMAND, main};
use self::{
    inside::Told,
    layout::PLAN,
    load::Load,
    plan::{Plan, Unplannable},
};
use super::scratch::Scratch;
use crate::{
    ability::Ability,
    adapter::Adapter,
    case::{Case, Kind},
    subject::{Broken, Precision, Subject},
    time::{Nanos, SECOND},
    timeline::Payload,
    transcript::{Sight, Transcript},
};

/// How long a case may last.
const PATIENCE: Nanos = Nanos(20 * SECOND.0);

/// The shortest frame that an Ethernet interface sends.
const SHORTEST: usize = 14;

/// A daemon, a client, or both, in the real world.
#[derive(Clone, Debug)]
pub struct Live {
    adapter: Adapter,
    daemon: Option<PathBuf>,
    client: Option<PathBuf>,
    /// What is started in the program's place, and starts it.
    script: Option<PathBuf>,
    jobs: NonZeroUsize,
    /// How exact times are, and how busy the machine is: the same for those behind scripts.
    measured: Arc<OnceLock<Result<Precision, Broken>>>,
    load: Arc<OnceLock<Load>>,
}

impl Live {
    /// The daemon that `adapter` describes, as the executable `daemon`; the client `client`, an executable with knock's
    /// command line. A subject that has only one of them is not judged by the other's cases. `jobs` is how many cases are
    /// to be run at once: before the first one it measures how exact times are then.
    ///
    /// # Errors
    ///
    /// There is no such program.
    pub fn new(
        adapter: Adapter,
        daemon: Option<&Path>,
        client: Option<&Path>,
        jobs: NonZeroUsize,
    ) -> Result<Self, Broken> {
        let (daemon, client) = (daemon.map(find).transpose()?, client.map(find).transpose()?);
        let (measured, load) = (Arc::default(), Arc::default());
        Ok(Self { adapter, daemon, client, script: None, jobs, measured, load })
    }

    /// The same, with as much time granted to everything as the least exact machine needs: for whoever asks what happens,
    /// and not when. A machine that is less exact is too busy all the same.
    #[must_use]
    pub fn unhurried(self) -> Self {
        Self { measured: Arc::new(OnceLock::from(Ok(limits::COARSEST))), ..self }
    }

    /// The same programs behind a script that spoils what they get or give: it is started in the place of the program,
    /// which it starts itself. How exact times are is measured once for all, without a script.
    #[must_use]
    pub fn behind(&self, script: &Path) -> Self {
        Self { script: Some(script.to_owned()), ..self.clone() }
    }

    /// The daemon and the client.
    #[must_use]
    pub fn programs(&self) -> (Option<&Path>, Option<&Path>) {
        (self.daemon.as_deref(), self.client.as_deref())
    }

    /// How exact times are, or why there can be no world.
    fn measured(&self) -> Result<Precision, Broken> {
        let unbroken = || Self { script: None, ..self.clone() };
        self.measured.get_or_init(|| limits::measure(&unbroken(), self.jobs)).clone()
    }

    /// Plays a case in a world of its own.
    fn play(&self, case: &Case, precision: Precision) -> Result<Transcript, Broken> {
        let broken = |what: &str| {
            let what = what.to_owned();
            move |error: std::io::Error| Broken(format!("{what}: {error}"))
        };
        let program = match case.kind {
            Kind::Daemon { .. } => &self.daemon,
            Kind::Client { .. } => &self.client,
        };
        let program = program.as_deref().ok_or_else(|| Broken("there is no program to judge".to_owned()))?;
        let directory = Scratch::new().map_err(broken("no directory for the case"))?;
        let mut plan = Plan::new(case, &self.adapter, program, precision, directory.path())
            .map_err(|Unplannable(why)| Broken(why))?;
        if let Some(script) = &self.script {
            plan.started.clone_from(script);
        }
        let text = serde_json::to_vec(&plan).map_err(|error| Broken(format!("the plan: {error}")))?;
        fs::write(directory.path().join(PLAN), text).map_err(broken("the plan"))?;
        // Not all cases begin at the same moment of a second, lest all of them want a processor at the same moments; but
        // each always at the same one, as for a daemon that counts whole seconds the moment matters.
        let phase = 5 + 10 * (case.id.bytes().map(u32::from).sum::<u32>() % 20);
        let seconds = 30 + case.timeline.end.0 / SECOND.0;
        let output = Command::new(std::env::current_exe().map_err(broken("this program"))?)
            .args([SUBCOMMAND, "enter"])
            .arg(directory.path())
            .args([phase.to_string(), seconds.to_string()])
            .stdin(Stdio::null())
            .output()
            .map_err(broken("this program could not be started again"))?;
        let told = String::from_utf8_lossy(&output.stdout);
        match serde_json::from_str(told.trim()) {
            Ok(Told::Seen { sights, glances }) => transcript(sights, glances, directory.path()),
            Ok(Told::Broken(why)) => Err(Broken(why)),
            Err(_) => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(Broken(format!("the world ended with {}: {}", output.status, said.trim())))
            }
        }
    }
}

impl Subject for Live {
    fn name(&self) -> &str {
        &self.adapter.name
    }

    fn claims(&self, clause: &str) -> bool {
        self.adapter.claims(clause)
    }

    fn lacks(&self, case: &Case) -> BTreeSet<Ability> {
        let needs = case.needs();
        let mut cannot = vec![
            Ability::LinkSll,
            Ability::LinkSll2,
            Ability::LinkRaw,
            Ability::LinkNull,
            Ability::LinkLoop,
            Ability::Stamps,
            Ability::Bound,
            Ability::Clock,
            Ability::Marks,
        ];
        cannot.extend(self.daemon.is_none().then_some(Ability::Daemon));
        cannot.extend(self.client.is_none().then_some(Ability::Client));
        let mut lacks: BTreeSet<Ability> = cannot.into_iter().filter(|ability| needs.contains(ability)).collect();
        lacks.extend(self.adapter.lacks(case));
        if case.timeline.end > PATIENCE {
            lacks.insert(Ability::Patience);
        }
        if limits::is_finer(case) {
            lacks.insert(Ability::Stamps);
        }
        if case.timeline.packets().any(|(_, packet)| is_no_frame(&packet.payload)) {
            lacks.insert(Ability::Frames);
        }
        lacks
    }

    fn precision(&self) -> Precision {
        self.measured().unwrap_or(limits::COARSEST)
    }

    fn run(&self, case: &Case) -> Result<Transcript, Broken> {
        let precision = self.measured()?;
        self.load.get_or_init(Load::watch);
        self.play(case, precision)
    }

    fn disturbance(&self, since: Instant) -> Option<Broken> {
        let longest = self.load.get()?.longest_since(since);
        // A command is a copy of the daemon, a shell and a program, and has other things to wait for than the processor.
        let most = Duration::from_nanos(self.precision().late.0 / 4);
        (longest > most).then(|| {
            let why = "run fewer cases at once (`--jobs`), or on a machine with less to do";
            Broken(format!("the machine is too busy: a shell that does nothing took {} ms: {why}", longest.as_millis()))
        })
    }
}

/// What was seen, in the order of time; what was seen of files, in the order of the case's lines.
fn transcript(
    mut sights: Vec<(u64, Sight)>,
    glances: Vec<look::Glance>,
    directory: &Path,
) -> Result<Transcript, Broken> {
    let mut transcript = Transcript::default();
    sights.sort_by_key(|(at, _)| *at);
    for (at, sight) in sights {
        transcript.see(Nanos(at), sight);
    }
    for glance in glances {
        let bytes = glance.copy.map(|copy| fs::read(directory.join(copy))).transpose();
        let bytes = bytes.map_err(|error| Broken(format!("the look at `{}`: {error}", glance.file)))?;
        transcript.see(Nanos(glance.at), Sight::File { name: glance.file, bytes });
    }
    Ok(transcript)
}

/// The executable of this name: a path as it is, a bare name in `PATH` and where daemons are.
fn find(program: &Path) -> Result<PathBuf, Broken> {
    let lost = |why: &str| Broken(format!("{}: {why}", program.display()));
    if program.components().count() > 1 {
        return fs::canonicalize(program).map_err(|error| lost(&error.to_string()));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(sbin)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .and_then(|found| fs::canonicalize(found).ok())
        .ok_or_else(|| {
            lost("there is no such program in PATH, /usr/local/sbin, /usr/sbin or /sbin; name it with a slash")
        })
}

fn is_no_frame(payload: &Payload) -> bool {
    match payload {
        Payload::Frame(bytes) => bytes.len() < SHORTEST,
        Payload::Tcp { .. } | Payload::Udp { .. } | Payload::Icmp | Payload::Quoting { .. } | Payload::Protocol(_) => {
            false
        }
    }
}
