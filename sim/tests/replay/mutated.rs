//! Damaged captures: whatever is flipped, cut, put in or doubled, a replay ends in order, and what came before the
//! damage is decided as ever.

use std::{fs, path::Path, sync::LazyLock};

use knockd::config::Style;
use knocksim::{
    capture::{Reader, Record, Visit},
    replay::{self, Options, Show, Streams, beside::beside, explain::Filter},
};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::support::captures;

/// A committed capture in a folder of its own, with all that stands beside it.
struct Original {
    /// Holds the configuration, the sidecar, the one-time file and the expected decisions.
    folder: TempDir,
    name: String,
    bytes: Vec<u8>,
    /// Where each packet's record begins; the damaged byte tells which packets are whole.
    offsets: Vec<u64>,
    /// The decisions, as `--json` prints them.
    decisions: Vec<String>,
}

static ORIGINALS: LazyLock<Vec<Original>> =
    LazyLock::new(|| captures().iter().map(|path| Original::new(path)).collect());

#[derive(Default)]
struct Offsets(Vec<u64>);

impl Visit for Offsets {
    fn record(&mut self, record: Record<'_>) {
        self.0.push(record.offset);
    }
}

impl Original {
    fn new(path: &Path) -> Self {
        let folder = TempDir::new().expect("the folder can be used");
        for ending in ["conf", "toml", "expected", "sequences"] {
            let from = beside(path, ending);
            if from.exists() {
                fs::copy(&from, folder.path().join(from.file_name().unwrap_or_default()))
                    .expect("the folder can be used");
            }
        }
        let bytes = fs::read(path).expect("the folder can be used");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut offsets = Offsets::default();
        // Offsets into what is packed say nothing about the file's own bytes.
        if !name.ends_with(".gz") {
            let reader = Reader::from_bytes("", bytes.clone());
            reader.and_then(|reader| reader.read(&mut offsets)).expect("the capture is whole");
        }
        let mut original = Self { folder, name, bytes, offsets: offsets.0, decisions: Vec::new() };
        original.decisions = lines(&original.replay(&original.bytes, Show::Json, false).1);
        original
    }

    /// Replays `bytes` in this capture's place; the status and standard output.
    fn replay(&self, bytes: &[u8], show: Show, check: bool) -> (u8, String) {
        // Tests run side by side, and a file that is being replayed must not change.
        let own = TempDir::new().expect("the folder can be used");
        for entry in fs::read_dir(self.folder.path()).expect("the folder can be used") {
            let from = entry.expect("the folder can be used").path();
            fs::copy(&from, own.path().join(from.file_name().unwrap_or_default())).expect("the folder can be used");
        }
        let path = own.path().join(&self.name);
        fs::write(&path, bytes).expect("the folder can be used");
        let options = Options { show, check, ..Options::default() };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut streams = Streams { out: &mut out, err: &mut err, style: Style::Plain, bar: false };
        let outcome = replay::run(&options, &[path], &mut streams).expect("a vector takes every byte");
        let (out, err) = (String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
        let complains = err.lines().any(|line| line.starts_with("knocksim: ") && !line.starts_with("knocksim: note: "));
        assert_eq!(outcome.status() == 2, complains, "an error is told");
        (outcome.status(), out.into_owned())
    }

    /// The decisions about the packets that lie wholly before byte `damaged`, with the timers among them.
    fn safe(&self, damaged: usize) -> &[String] {
        // A packet is whole if the next one begins before the damage.
        let whole = self.offsets.iter().skip(1).filter(|offset| **offset <= damaged as u64).count() as u64;
        let about_whole = |line: &String| packet(line).is_some_and(|packet| packet <= whole);
        let last = self.decisions.iter().rposition(about_whole);
        &self.decisions[..last.map_or(0, |last| last + 1)]
    }
}

/// The lines, without the name of the folder of this replay.
fn lines(json: &str) -> Vec<String> {
    let without_capture = |line: &str| {
        let mut line = object(line);
        line.remove("capture");
        Value::Object(line).to_string()
    };
    json.lines().map(without_capture).collect()
}

fn object(line: &str) -> Map<String, Value> {
    serde_json::from_str(line).expect("a line is a JSON object")
}

fn packet(line: &str) -> Option<u64> {
    object(line)["packet"].as_u64()
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Cut(Index, u8),
    Insert(Index, Vec<u8>),
    Double(Index, u8),
    End(Index),
}

impl Damage {
    fn any() -> impl Strategy<Value = Self> {
        let at = any::<Index>;
        prop_oneof![
            4 => (at(), 1..=u8::MAX).prop_map(|(at, bits)| Self::Flip(at, bits)),
            1 => (at(), 1..64_u8).prop_map(|(at, count)| Self::Cut(at, count)),
            1 => (at(), vec(any::<u8>(), 1..64)).prop_map(|(at, bytes)| Self::Insert(at, bytes)),
            1 => (at(), 1..=u8::MAX).prop_map(|(at, count)| Self::Double(at, count)),
            1 => at().prop_map(Self::End),
        ]
    }

    /// Damages `bytes`; says where.
    fn apply(&self, bytes: &mut Vec<u8>) -> usize {
        let (Self::Flip(at, _) | Self::Cut(at, _) | Self::Insert(at, _) | Self::Double(at, _) | Self::End(at)) = self;
        if bytes.is_empty() {
            return 0;
        }
        let at = at.index(bytes.len());
        let end = |count: &u8| bytes.len().min(at + usize::from(*count));
        match self {
            Self::Flip(_, bits) => bytes[at] ^= bits,
            Self::Cut(_, count) => drop(bytes.drain(at..end(count))),
            Self::Insert(_, new) => drop(bytes.splice(at..at, new.iter().copied())),
            Self::Double(_, count) => {
                let again = bytes[at..end(count)].to_vec();
                drop(bytes.splice(at..at, again));
            }
            Self::End(_) => bytes.truncate(at),
        }
        at
    }
}

proptest! {
    #[test]
    fn a_damaged_capture_is_replayed_up_to_the_damage(place in any::<Index>(), damages in vec(Damage::any(), 1..4)) {
        let original = &ORIGINALS[place.index(ORIGINALS.len())];
        let mut bytes = original.bytes.clone();
        let damaged = damages.iter().map(|damage| damage.apply(&mut bytes)).min().unwrap_or_default();
        let (status, json) = original.replay(&bytes, Show::Json, false);
        let safe = original.safe(damaged);
        prop_assert!(lines(&json).starts_with(safe), "{} from byte {damaged}:\n{json}", original.name);
        prop_assert!(status == 0 || status == 2);

        let everyone = Filter { all: true, ..Filter::default() };
        for show in [Show::Timeline, Show::Explain(Filter::default()), Show::Explain(everyone)] {
            prop_assert_eq!(original.replay(&bytes, show, false).0, status);
        }
        let (checked, _) = original.replay(&bytes, Show::Nothing, true);
        let same = lines(&json) == original.decisions;
        prop_assert_eq!(checked, if status == 2 { 2 } else { u8::from(!same) });
    }
}

/// The property above says something: most captures decide something before most of their bytes.
#[test]
fn there_is_something_before_the_damage() {
    let some = ORIGINALS.iter().filter(|original| !original.safe(original.bytes.len() * 9 / 10).is_empty()).count();
    assert!(some * 3 > ORIGINALS.len() * 2, "{some} of {}", ORIGINALS.len());
    assert!(ORIGINALS.iter().all(|original| original.safe(0).is_empty()));
}
