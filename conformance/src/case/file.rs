//! A case file: TOML, read and expanded.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Spanned;

use super::{CONFIG, Case, Command, Kind, Link, Origin, text::Text};
use crate::{
    clause, names,
    time::{Nanos, SECOND},
    timeline,
};

const LOCALS: [&str; 4] = ["192.0.2.1/24", "192.0.2.2/24", "2001:db8::1/64", "2001:db8::2/64"];

/// A case file that cannot be used.
#[derive(Debug)]
pub enum CaseError {
    /// It cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It is no TOML, or has keys or types that no case has.
    Toml(PathBuf, Box<toml::de::Error>),
    /// Something is wrong at a line.
    Wrong {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What.
        why: String,
    },
}

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(file, error) => write!(f, "{}: {error}", file.display()),
            Self::Toml(file, error) => write!(f, "{}: {error}", file.display()),
            Self::Wrong { file, line, why } => write!(f, "{}:{line}: {why}", file.display()),
        }
    }
}

impl std::error::Error for CaseError {}

/// Reads the cases of a file, or of all files `*.toml` of a directory, in the order of their names.
///
/// # Errors
///
/// The first file that cannot be used; no case at all; an id used twice.
pub fn load(path: &Path) -> Result<Vec<Case>, CaseError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error| CaseError::Unreadable(path, error)
    };
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        files = entries.map_err(unreadable(path))?.into_iter().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
        files.sort();
    }
    let mut cases = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).map_err(unreadable(file))?;
        cases.extend(read(&text, file)?);
    }
    distinct(cases, path)
}

/// The same cases, if there are any and each has an id of its own; `path` is where they all come from.
///
/// # Errors
///
/// No case at all; an id used twice.
pub fn distinct(cases: Vec<Case>, path: &Path) -> Result<Vec<Case>, CaseError> {
    let mut seen = BTreeMap::new();
    for case in &cases {
        if let Some(first) = seen.insert(&case.id, &case.origin) {
            let why = format!("the id `{}` is used already, at {}:{}", case.id, first.file.display(), first.line);
            return Err(CaseError::Wrong { file: case.origin.file.clone(), line: case.origin.line, why });
        }
    }
    if cases.is_empty() {
        let why = "there is no case: a case file has `[[case]]` tables".to_owned();
        return Err(CaseError::Wrong { file: path.to_owned(), line: 1, why });
    }
    Ok(cases)
}

/// Reads the cases of a file's text; `file` is what errors call it.
///
/// # Errors
///
/// What is wrong first.
pub fn read(text: &str, file: &Path) -> Result<Vec<Case>, CaseError> {
    let parsed: CaseFile = toml::from_str(text).map_err(|error| CaseError::Toml(file.to_owned(), Box::new(error)))?;
    let mut cases = Vec::new();
    for case in &parsed.case {
        let at = case.timeline.span().start;
        let opening = if text[at..].starts_with("\"\"\"\n") || text[at..].starts_with("'''\n") { 1 } else { 0 };
        let line = text[..at].matches('\n').count() + 1 + opening;
        let wrong = |line: usize, why: String| CaseError::Wrong { file: file.to_owned(), line, why };
        let id_line = text[..case.id.span().start].matches('\n').count() + 1;
        let none = BTreeMap::new();
        let rows: Vec<&BTreeMap<String, String>> =
            if case.each.is_empty() { vec![&none] } else { case.each.iter().collect() };
        for row in rows {
            let origin = Origin { file: file.to_owned(), line };
            let case = expand(case, row, origin).map_err(|wrong_text| match wrong_text {
                Problem::Case(why) => wrong(id_line, format!("case `{}`: {why}", case.id.get_ref())),
                Problem::Timeline(inside) => wrong(line + inside.line - 1, inside.why),
            })?;
            cases.push(case);
        }
    }
    Ok(cases)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    case: Vec<RawCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    id: Spanned<String>,
    #[serde(default)]
    clauses: Vec<String>,
    #[serde(default)]
    limits: Vec<String>,
    about: String,
    config: Option<Text>,
    client: Option<String>,
    #[serde(default)]
    each: Vec<BTreeMap<String, String>>,
    #[serde(default)]
    files: BTreeMap<String, Text>,
    #[serde(default)]
    system: BTreeMap<String, Text>,
    #[serde(default)]
    texts: BTreeMap<String, Text>,
    #[serde(default)]
    options: Vec<String>,
    #[serde(default)]
    link: Link,
    locals: Option<Vec<String>>,
    #[serde(default)]
    commands: BTreeMap<String, RawCommand>,
    log: Option<Log>,
    resolution: Option<Resolution>,
    #[serde(default)]
    shell: bool,
    bound: Option<usize>,
    timeline: Spanned<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCommand {
    #[serde(default)]
    takes: f64,
    #[serde(default)]
    status: u8,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Log {
    All,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Resolution {
    Nano,
}

enum Problem {
    Case(String),
    Timeline(timeline::Wrong),
}

impl From<String> for Problem {
    fn from(why: String) -> Self {
        Self::Case(why)
    }
}

fn expand(raw: &RawCase, row: &BTreeMap<String, String>, origin: Origin) -> Result<Case, Problem> {
    let mut fill = Filler { row, used: Vec::new() };
    let mut id = raw.id.get_ref().clone();
    if !raw.each.is_empty() {
        let name = row.get("name").ok_or("each row of `each` needs a `name`, the ending of the id".to_owned())?;
        id = format!("{id}/{name}");
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '/');
    if id.is_empty() || !id.chars().all(fits) {
        return Err(Problem::Case(format!("`{id}` is no id: lower-case letters, digits and dashes are")));
    }
    let clauses = fill.all(&raw.clauses)?;
    let limits = fill.all(&raw.limits)?;
    if let Some(unknown) = clauses.iter().chain(&limits).find(|id| clause::find(id).is_none()) {
        return Err(Problem::Case(format!("there is no clause `{unknown}`: `knock-conformance clauses` lists them")));
    }
    if clauses.is_empty() && limits.is_empty() {
        return Err(Problem::Case("a case shows a clause (`clauses`) or the limit of one (`limits`)".to_owned()));
    }
    let kind = kind(raw, &mut fill)?;
    let files = texts(&raw.files, &mut fill)?;
    let system = system(&raw.system, &mut fill)?;
    let mut texts = texts(&raw.texts, &mut fill)?;
    for (name, bytes) in &files {
        texts.entry(name.clone()).or_insert_with(|| bytes.clone());
    }
    let locals = match &raw.locals {
        Some(locals) => fill.all(locals)?,
        None => LOCALS.map(str::to_owned).to_vec(),
    };
    let about = fill.text(&raw.about)?;
    let timeline_text = fill.text(raw.timeline.get_ref())?;
    let timeline = timeline::parse(&timeline_text).map_err(Problem::Timeline)?;
    if let Some(key) = row.keys().find(|key| *key != "name" && !fill.used.contains(key)) {
        return Err(Problem::Case(format!("`{{{key}}}` stands nowhere in the case")));
    }
    let case = Case {
        id,
        clauses,
        limits,
        about,
        kind,
        files,
        system,
        texts,
        link: raw.link,
        locals: locals.iter().map(|text| timeline::prefixed(text)).collect::<Result<_, _>>()?,
        commands: raw
            .commands
            .iter()
            .map(|(name, command)| Ok((name.clone(), command.plan(name)?)))
            .collect::<Result<_, String>>()?,
        whole_log: raw.log.is_some(),
        nano: raw.resolution.is_some(),
        shell: raw.shell,
        bound: raw.bound,
        timeline,
        timeline_text,
        origin,
    };
    known_names(&case)?;
    Ok(case)
}

fn kind(raw: &RawCase, fill: &mut Filler<'_>) -> Result<Kind, Problem> {
    match (&raw.config, &raw.client) {
        (Some(config), None) => Ok(Kind::Daemon {
            config: config.bytes(&mut |text| fill.text(text), names::resolve)?,
            options: fill.all(&raw.options)?.iter().map(|option| names::resolve(option)).collect(),
        }),
        (None, Some(arguments)) => {
            let arguments = names::resolve(&fill.text(arguments)?);
            Ok(Kind::Client { arguments: arguments.split_whitespace().map(str::to_owned).collect() })
        }
        (Some(_), Some(_)) | (None, None) => Err(Problem::Case("a case has either `config` or `client`".to_owned())),
    }
}

fn texts(raw: &BTreeMap<String, Text>, fill: &mut Filler<'_>) -> Result<BTreeMap<String, Vec<u8>>, String> {
    raw.iter().map(|(name, text)| Ok((name.clone(), text.bytes(&mut |text| fill.text(text), str::to_owned)?))).collect()
}

/// Files of the system: their texts are not the case's, so names in them stand for addresses as in a configuration.
fn system(raw: &BTreeMap<String, Text>, fill: &mut Filler<'_>) -> Result<BTreeMap<String, Vec<u8>>, String> {
    if let Some(path) = raw.keys().find(|path| !path.starts_with('/')) {
        return Err(format!("`{path}` is no file of the system: an absolute path is expected"));
    }
    let bytes = |text: &Text, fill: &mut Filler<'_>| text.bytes(&mut |text| fill.text(text), names::resolve);
    raw.iter().map(|(path, text)| Ok((path.clone(), bytes(text, fill)?))).collect()
}

/// Whether everything that the timeline names is there: a name that is not would let a case expect nothing.
fn known_names(case: &Case) -> Result<(), String> {
    use crate::timeline::{Event, Expect, FileState, What};
    let is_text = |name: &String| {
        let known = case.texts.contains_key(name);
        if known { Ok(()) } else { Err(format!("there is no text `{name}` in `texts` or `files`")) }
    };
    for entry in &case.timeline.entries {
        let line = |why: String| format!("timeline line {}: {why}", entry.line);
        match &entry.what {
            What::Event(Event::Put { text, .. }) => is_text(text).map_err(line)?,
            What::Expect(Expect::File { is: FileState::Is(text), .. }) => is_text(text).map_err(line)?,
            What::Expect(Expect::Mark(name)) if !case.files.contains_key(&name.to_string()) => {
                return Err(line(format!("there is no file `{name}` in `files`")));
            }
            What::Expect(Expect::File { name, is: FileState::Unchanged }) => {
                if name != CONFIG && !case.files.contains_key(name) {
                    return Err(line(format!("there is no file `{name}` in `files`")));
                }
            }
            What::Expect(Expect::Run(command)) => {
                // Where commands do not really run it would look as if it were there.
                let command = command.to_string();
                let program = command.split_whitespace().next().unwrap_or_default();
                if !program.contains('*') && !case.programs().any(|known| known == program) {
                    let known = case.programs().collect::<Vec<_>>().join(", ");
                    let why = format!("there is no program `{program}`: there are {known}, and any key of `commands`");
                    return Err(line(why));
                }
            }
            What::Event(_) | What::Expect(_) => {}
        }
    }
    Ok(())
}

impl RawCommand {
    fn plan(self, name: &str) -> Result<Command, String> {
        let span = std::time::Duration::try_from_secs_f64(self.takes)
            .map_err(|_| format!("the command `{name}` cannot take {} s", self.takes))?;
        // A case is a matter of minutes at most, far below 2^64 nanoseconds.
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        if nanos > 3600 * SECOND.0 {
            return Err(format!("the command `{name}` takes more than an hour"));
        }
        Ok(Command { takes: Nanos(nanos), status: self.status })
    }
}

/// Replaces `{key}` by a row's value.
struct Filler<'a> {
    row: &'a BTreeMap<String, String>,
    used: Vec<&'a String>,
}

impl Filler<'_> {
    fn all(&mut self, texts: &[String]) -> Result<Vec<String>, String> {
        texts.iter().map(|text| self.text(text)).collect()
    }

    fn text(&mut self, text: &str) -> Result<String, String> {
        let mut filled = text.to_owned();
        for (key, value) in self.row {
            let place = format!("{{{key}}}");
            if filled.contains(&place) {
                self.used.push(key);
                filled = filled.replace(&place, value);
            }
        }
        // A misspelt key would stay in the text and be taken for it.
        if !self.row.is_empty()
            && let Some(open) = filled.find('{')
            && let Some(close) = filled[open..].find('}')
            && filled[open + 1..open + close].chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        {
            return Err(format!("`{}` is no key of its row of `each`", &filled[open..=open + close]));
        }
        Ok(filled)
    }
}
