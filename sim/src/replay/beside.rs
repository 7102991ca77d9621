//! What stands beside a capture: its configuration, its sidecar, its one-time files, its expected decisions.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use knockd::{
    config::{self, Config, Diagnostic, Sequences, Style, one_time_trap},
    engine::{Doors, Local, Locals, OneTimeFile},
};
use serde::Deserialize;

use super::{error::ReplayError, timeline::printable};

/// The path of what belongs to `capture`: its ending, after `.gz` is removed, replaced by `ending`.
#[must_use]
pub fn beside(capture: &Path, ending: &str) -> PathBuf {
    let gzip = capture.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    let plain = if gzip { capture.with_extension("") } else { capture.to_owned() };
    plain.with_extension(ending)
}

/// A configuration, ready for a replay.
#[derive(Debug)]
pub struct Setting {
    /// Where it was found.
    pub path: PathBuf,
    /// Its text.
    pub text: Vec<u8>,
    /// Its doors, with the texts of their one-time files.
    pub doors: Doors,
    /// The traps in it.
    pub traps: Vec<Diagnostic>,
    /// The traps in its one-time files, each with the index of its door.
    pub file_traps: Vec<(usize, Diagnostic)>,
    /// Whether `Interface` names the loopback interface.
    pub loopback: bool,
}

impl Setting {
    /// Reads the configuration at `path` and its one-time files; their relative paths start at its folder.
    ///
    /// # Errors
    ///
    /// The file cannot be read, has errors, or names one-time files that will not do.
    pub fn read(path: &Path, style: Style) -> Result<Self, ReplayError> {
        let text = read("configuration", path)?;
        let (config, traps) = Config::parse(&text).map_err(|errors| ReplayError::Config {
            path: path.to_owned(),
            errors: errors.len(),
            drawn: config::render(&path.display().to_string(), &text, &errors, style),
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let loopback = config.options.interface.as_deref().is_some_and(|name| name == b"lo" || name == b"lo0");
        let doors = Doors::load(config, |file| one_time_file(&folder.join(path_of(file)?)))
            .map_err(|errors| ReplayError::OneTime { path: path.to_owned(), errors })?;
        let file_traps =
            doors.texts().enumerate().filter_map(|(door, text)| Some((door, one_time_trap(text?)?))).collect();
        Ok(Self { path: path.to_owned(), text, doors, traps, file_traps, loopback })
    }

    /// Names the doors as people are shown them: control characters escaped, since a terminal would obey them, and
    /// namesakes numbered from the second one on.
    #[must_use]
    pub fn labelled(mut self) -> Self {
        let mut seen = BTreeMap::new();
        self.doors = self.doors.renamed(|name| {
            let count = seen.entry(name.to_owned()).and_modify(|count| *count += 1).or_insert(1);
            let label = printable(name);
            if *count == 1 { label } else { format!("{label} ({count})") }
        });
        self
    }

    /// How many traps there are.
    #[must_use]
    pub fn warnings(&self) -> u64 {
        (self.traps.len() + self.file_traps.len()) as u64
    }

    /// All traps with the lines that they are in.
    #[must_use]
    pub fn draw_warnings(&self, style: Style) -> String {
        let mut drawn = config::render(&self.path.display().to_string(), &self.text, &self.traps, style);
        for ((door, trap), text) in
            self.file_traps.iter().filter_map(|trap| Some((trap, self.doors.texts().nth(trap.0)??)))
        {
            let Sequences::OneTime(file) = &self.doors.config().doors[*door].sequences else { continue };
            drawn.push('\n');
            drawn += &config::render(&String::from_utf8_lossy(file), text, std::slice::from_ref(trap), style);
        }
        drawn
    }

    /// Writes the one-time files as a replay left them into `folder`, under their own paths without the leading `/`
    /// and with `_` for every `..`. A file whose path another door's has taken goes to a folder `door-N`, where N is its
    /// door's index.
    ///
    /// # Errors
    ///
    /// A folder or file cannot be made.
    pub fn write_spent(&self, folder: &Path, texts: &[Option<Vec<u8>>]) -> Result<(), ReplayError> {
        let mut taken = BTreeSet::new();
        for (index, (door, text)) in self.doors.config().doors.iter().zip(texts).enumerate() {
            let (Sequences::OneTime(file), Some(text)) = (&door.sequences, text) else { continue };
            // The path could be made when the file was read.
            let Ok(file) = path_of(file) else { continue };
            let mut inside = inside(&file);
            if !taken.insert(inside.clone()) {
                inside = Path::new(&format!("door-{index}")).join(inside);
            }
            let path = folder.join(inside);
            let failed = |error| ReplayError::File { role: "result of --write-spent", path: path.clone(), error };
            fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
            fs::write(&path, text).map_err(failed)?;
        }
        Ok(())
    }
}

/// `path` as a relative path that stays inside the folder that it is joined to.
fn inside(path: &Path) -> PathBuf {
    use std::path::Component;
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("_".into()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
        })
        .collect()
}

fn one_time_file(path: &Path) -> io::Result<OneTimeFile> {
    let text = fs::read(path)?;
    Ok(OneTimeFile { text, identity: identity(path)?, ..OneTimeFile::default() })
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<String> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path)?;
    Ok(format!("{}:{}", metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<String> {
    Ok(fs::canonicalize(path)?.display().to_string())
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> io::Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> io::Result<PathBuf> {
    std::str::from_utf8(bytes).map(PathBuf::from).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// What is known of a capture: `captures/README.md` documents the format.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sidecar {
    /// What the capture shows.
    #[serde(default)]
    pub about: String,
    /// The addresses of the host that captured it.
    #[serde(default)]
    pub local: Vec<LocalArg>,
    /// The clauses that it shows.
    #[serde(default)]
    pub clauses: Vec<String>,
    /// The interface that it was captured on.
    #[serde(default)]
    pub interface: Option<String>,
    /// How it was recorded.
    #[serde(default)]
    pub recorded: Option<Recorded>,
    /// Where knockd 0.8 decided otherwise.
    #[serde(default)]
    pub differs: Vec<Differs>,
}

/// How a capture was recorded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The programs and their versions.
    pub with: Vec<String>,
    /// What was run.
    pub how: String,
    /// What was done to the packets afterwards, if anything was.
    #[serde(default)]
    pub reframed: Option<String>,
}

/// Where knockd 0.8 decided otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differs {
    /// The clause that says why we do not follow it.
    pub clause: String,
    /// What it did.
    pub how: String,
}

impl Sidecar {
    /// The sidecar of `capture`, if it has one.
    ///
    /// # Errors
    ///
    /// It cannot be read or understood.
    pub fn of(capture: &Path) -> Result<Option<Self>, ReplayError> {
        let path = beside(capture, "toml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ReplayError::File { role: "sidecar", path, error }),
        };
        toml::from_str(&text).map(Some).map_err(|error| ReplayError::Sidecar { path, message: error.to_string() })
    }
}

/// An interface address on the command line or in a sidecar: `10.0.0.1`, `10.0.0.1/24`, `fd00::1/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LocalArg(pub Local);

impl FromStr for LocalArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| format!("`{address}` is no IPv4 or IPv6 address"))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let parse = |prefix: &str| match prefix.parse::<u8>() {
            Ok(length) if length <= most => Ok(length),
            _ => Err(format!("`/{prefix}` is no prefix length from 0 to {most}")),
        };
        let prefix = prefix.map(parse).transpose()?;
        if is_network(address, prefix) {
            return Err(format!("`{text}` is a network: give the interface's own address, such as 10.0.0.1/24"));
        }
        Ok(Self(Local { address, prefix }))
    }
}

impl TryFrom<String> for LocalArg {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Whether an IPv4 address with its prefix names a whole network; 31 and 32 bits leave no room for that (RFC 3021),
/// and with IPv6 the same spelling is a valid address (RFC 4291, section 2.6.1).
fn is_network(address: IpAddr, prefix: Option<u8>) -> bool {
    match (address, prefix) {
        (IpAddr::V4(v4), Some(prefix @ 0..=30)) => v4.to_bits() & (u32::MAX >> prefix) == 0,
        _ => false,
    }
}

/// The local addresses, and where they were found: `--local` beats the sidecar, and without either any unicast
/// destination counts.
#[must_use]
pub fn locals(options: &[LocalArg], sidecar: Option<&Sidecar>, capture: &Path) -> (Locals, String) {
    let list = |args: &[LocalArg], from: &str| {
        let names: Vec<String> = args.iter().map(|LocalArg(local)| name(local)).collect();
        let locals = Locals::These(args.iter().map(|arg| arg.0).collect());
        (locals, format!("{} ({from})", names.join(", ")))
    };
    match sidecar {
        _ if !options.is_empty() => list(options, "--local"),
        Some(sidecar) if !sidecar.local.is_empty() => {
            list(&sidecar.local, &beside(capture, "toml").display().to_string())
        }
        _ => (Locals::AnyUnicast, "any unicast destination (name the host's own with --local ADDR)".to_owned()),
    }
}

fn name(local: &Local) -> String {
    match local.prefix {
        Some(prefix) => format!("{}/{prefix}", local.address),
        None => local.address.to_string(),
    }
}

/// Reads a file whole.
///
/// # Errors
///
/// What the system says, with the file's role.
pub fn read(role: &'static str, path: &Path) -> Result<Vec<u8>, ReplayError> {
    fs::read(path).map_err(|error| ReplayError::File { role, path: path.to_owned(), error })
}
