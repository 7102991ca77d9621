//! The unmodified C knockd 0.8, offline: a preloaded library gives it the case as a capture where it asks for an interface,
//! and stops it where the case does something else to it.
//!
//! Its time is the capture's. A child that it starts runs to its end at once, with a clock of its own; what it does is put
//! back into its place here.

mod directory;
mod life;
mod reading;

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
};

use self::{directory::Directory, life::Life};
use crate::{
    ability::Ability,
    case::{Case, Kind},
    subject::{Broken, Precision, Subject},
    time::Nanos,
    timeline::{Event, What},
    transcript::{Sight, Transcript},
};

/// What the library is called in a target directory.
const LIBRARY: &str = "libknock_preload.so";
/// Names the library when it does not stand beside the executable.
const LIBRARY_VARIABLE: &str = "KNOCK_PRELOAD";

/// The subject.
#[derive(Clone, Debug)]
pub struct Original {
    daemon: PathBuf,
    library: PathBuf,
}

impl Original {
    /// The daemon at `daemon`, or the one that is installed, with the library at `library`, or the one that
    /// `KNOCK_PRELOAD` names, or the one that was built beside this executable.
    ///
    /// # Errors
    ///
    /// There is no such file; the message says how to come by it.
    pub fn find(daemon: Option<&Path>, library: Option<&Path>) -> Result<Self, Broken> {
        let daemon = daemon.unwrap_or(Path::new("/usr/sbin/knockd"));
        // It is started in a case's directory, from where a path that is not absolute would lead elsewhere.
        let found = daemon.canonicalize().ok().filter(|daemon| daemon.is_file());
        let daemon = found.ok_or_else(|| {
            let hint = "install Debian's package `knockd`, or name the program with `--daemon`";
            Broken(format!("there is no `{}`: {hint}", daemon.display()))
        })?;
        let named = library.map(Path::to_owned).or_else(|| env::var_os(LIBRARY_VARIABLE).map(PathBuf::from));
        let library = match named {
            Some(named) if named.is_file() => named,
            Some(named) => return Err(Broken(format!("there is no library `{}`: {}", named.display(), HOW))),
            None => beside().ok_or_else(|| Broken(format!("`{LIBRARY}` is not beside this program: {HOW}")))?,
        };
        let library = library.canonicalize().map_err(|error| Broken(format!("{}: {error}", library.display())))?;
        Ok(Self { daemon, library })
    }
}

const HOW: &str =
    "build it with `cargo build -p knock-preload`, or name it with `--preload PATH` or in `KNOCK_PRELOAD`";

/// In the executable's directory, or the one above it, where tests are run from.
fn beside() -> Option<PathBuf> {
    let executable = env::current_exe().ok()?;
    executable.ancestors().skip(1).take(2).map(|directory| directory.join(LIBRARY)).find(|path| path.is_file())
}

/// So many sources, each of which may have a command run, are no matter of milliseconds any more: the C program makes a
/// copy of itself for each.
const FLOOD: usize = 1_000;

impl Subject for Original {
    fn name(&self) -> &str {
        "knockd-0.8"
    }

    fn lacks(&self, case: &Case) -> BTreeSet<Ability> {
        let mut lacks = case.needs();
        let detaches =
            matches!(&case.kind, Kind::Daemon { options, .. } if options.iter().any(|option| detaches(option)));
        let has_second = case.timeline.events().any(|(_, event)| matches!(event, Event::Second));
        let sources: BTreeSet<_> = case.timeline.packets().map(|(_, packet)| packet.source).collect();
        let is_flood = lacks.contains(&Ability::Commands) && sources.len() > FLOOD;
        lacks.retain(|ability| match ability {
            Ability::Client | Ability::Interfaces | Ability::Addresses | Ability::Clock | Ability::Bound => true,
            Ability::Shell | Ability::Syslog | Ability::System => true,
            // A child is kept back until the daemon is done with the packet, its mark included.
            Ability::Marks => true,
            // Whoever detaches is nobody's child, and its end cannot be seen.
            Ability::Process => detaches || has_second,
            Ability::Log
            | Ability::Commands
            | Ability::TimedCommands
            | Ability::Files
            | Ability::Signals
            | Ability::Reload
            | Ability::Restart
            | Ability::Frames
            | Ability::LinkSll
            | Ability::LinkSll2
            | Ability::LinkRaw
            | Ability::LinkNull
            | Ability::LinkLoop
            | Ability::Vlan
            | Ability::Stamps
            | Ability::Patience
            | Ability::Daemon
            | Ability::Language => false,
        });
        lacks.extend(is_flood.then_some(Ability::Patience));
        lacks
    }

    fn precision(&self) -> Precision {
        Precision::EXACT
    }

    fn run(&self, case: &Case) -> Result<Transcript, Broken> {
        let directory = Directory::new(case)?;
        let mut transcript = Transcript::default();
        let mut rest = case.timeline.entries.as_slice();
        let mut begin = Nanos(0);
        loop {
            let is_end = |what: &What| matches!(what, What::Event(Event::Restart | Event::Kill));
            let end = rest.iter().position(|entry| is_end(&entry.what));
            let (mine, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            let ended =
                Life { subject: self, case, directory: &directory, entries: mine, begin }.live(&mut transcript)?;
            let Some(end) = end else { break };
            begin = ended.max(rest[end].at);
            rest = after;
        }
        for name in case.files.keys() {
            let bytes = directory.look(name);
            transcript.see(case.timeline.end, Sight::File { name: name.clone(), bytes });
        }
        // A child's future was seen before the daemon's next packet.
        transcript.seen.sort_by_key(|seen| seen.at);
        Ok(transcript)
    }
}

fn detaches(option: &str) -> bool {
    option == "--daemon" || option.starts_with('-') && !option.starts_with("--") && option.contains('d')
}
