//! How far a replay is from the floor, which is reading the same bytes from memory; and what more knocks cost.
//!
//! Everything is measured in this one process, the pieces by turns; medians are printed.
#![forbid(unsafe_code)]

use std::{
    error::Error,
    fs::File,
    hint::black_box,
    io::{self, BufWriter},
    path::Path,
    process::ExitCode,
};

use clap::Parser;
use knock_benches::{
    crowd::{Crowd, Load},
    doors::ONE_DOOR,
    measure::Times,
    traffic::{self, Kind, LOCAL},
};
use knockd::{
    config::{Config, Style},
    engine::{Doors, Limits, Local, Locals, Setup},
    wire,
};
use knocksim::{
    capture::{Capture, Reader, Record, Visit},
    replay::{self, Options, Show, Streams, beside::LocalArg, sinks::Json, world::World},
};
use mapped::Mapped;

/// Compares a replay with reading the same bytes from memory, and a million half-finished knocks with ten.
#[derive(Debug, Parser)]
#[command(name = "floor", max_term_width = 100)]
struct Cli {
    /// Packets of each generated capture; 76 bytes each, on the disk and in memory
    #[arg(short, long, default_value_t = 4_000_000, value_parser = clap::value_parser!(u64).range(1..=20_000_000))]
    packets: u64,

    /// How often each piece is measured
    #[arg(short, long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    /// The same seed makes the same packets
    #[arg(short, long, default_value_t = 1)]
    seed: u64,

    /// Only this kind of traffic
    #[arg(short, long)]
    kind: Option<Kind>,

    /// Leave the crowds of half-finished knocks out
    #[arg(long)]
    no_crowd: bool,

    /// Only the crowds of half-finished knocks
    #[arg(long, conflicts_with_all = ["kind", "no_crowd"])]
    only_crowd: bool,

    /// Only this kind of packet among the crowds
    #[arg(short, long)]
    load: Option<Load>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let cli = Cli::parse();
    let rounds = usize::from(cli.rounds);
    let folder = tempfile::tempdir()?;
    println!("ns a packet, medians of {rounds} rounds, {} packets of 60 bytes, seed {}", cli.packets, cli.seed);
    println!("sum:    the floor: the mapped file added up as 64-bit words, page cache warm");
    println!("walk:   its records visited, and nothing done with them");
    println!("decode: the same, every frame decoded");
    println!("replay: `replay --json` of the mapped file into nothing; ratio: to sum");
    println!("whole:  the same with opening and mapping the file, as the program does it\n");
    println!("    sum    walk  decode  replay   ratio  target           whole   ratio");
    let mut missed = 0;
    for kind in
        Kind::ALL.into_iter().filter(|_| !cli.only_crowd).filter(|kind| cli.kind.is_none_or(|only| only == *kind))
    {
        missed += u32::from(!compare(kind, &cli, rounds, folder.path())?);
    }
    if !cli.no_crowd {
        missed += u32::from(!crowds(rounds, cli.seed, cli.load)?);
    }
    println!("\n{missed} missed");
    Ok(ExitCode::SUCCESS)
}

/// Says whether the target was met, if there is one.
fn compare(kind: Kind, cli: &Cli, rounds: usize, folder: &Path) -> Result<bool, Box<dyn Error>> {
    let path = folder.join("capture.pcap");
    let config = folder.join("capture.conf");
    std::fs::write(&config, ONE_DOOR)?;
    traffic::write(kind, cli.packets, cli.seed, BufWriter::with_capacity(1 << 20, File::create(&path)?))?;
    let bytes = Mapped::new(&File::open(&path)?)?;
    let capture = Reader::open(&path)?.into_memory();
    let (setup, paths) = (setup()?, [path]);
    let options = Options {
        config: Some(config),
        local: vec![LocalArg(Local { address: LOCAL.into(), prefix: Some(24) })],
        show: Show::Json,
        ..Options::default()
    };
    let [sum, walk, decode, replay, whole] = Times::of(
        rounds,
        [
            &mut || keep(add_up(black_box(&bytes))),
            &mut || keep(visit(&capture, Walk::default()).0),
            &mut || keep(visit(&capture, Decode::default()).0),
            &mut || from_memory(&capture, setup.clone()),
            &mut || from_file(&options, &paths),
        ],
    )
    .map(|times| times.nanos_per(cli.packets));
    let ratio = replay / sum;
    let target = match kind {
        Kind::Quiet => Some(2.5),
        Kind::Strangers | Kind::Spoiling => Some(6.0),
        Kind::FirstHits => None,
    };
    let (judged, met) = match target {
        Some(most) if ratio <= most => (format!("<= {most:.1}x  met   "), true),
        Some(most) => (format!("<= {most:.1}x  missed"), false),
        None => (String::new(), true),
    };
    println!(
        "{sum:7.2} {walk:7.2} {decode:7.2} {replay:7.2} {ratio:6.2}x  {judged:15} {whole:7.2} {:6.2}x  {}",
        whole / sum,
        kind.about(),
    );
    Ok(met)
}

/// Makes sure that a result is worked out.
fn keep<T>(result: T) {
    let _kept = black_box(result);
}

/// The floor: every byte is read once, as fast as the compiler knows to.
fn add_up(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_ne_bytes(*word)));
    rest.iter().fold(words, |sum, byte| sum.wrapping_add(u64::from(*byte)))
}

/// Counts records.
#[derive(Default)]
struct Walk(u64);

impl Visit for Walk {
    #[inline]
    fn record(&mut self, record: Record<'_>) {
        self.0 = self.0.wrapping_add(record.at.as_nanos());
    }
}

/// Counts hits.
#[derive(Default)]
struct Decode(u64);

impl Visit for Decode {
    #[inline]
    fn record(&mut self, record: Record<'_>) {
        self.0 += u64::from(wire::decode(record.frame).is_ok_and(|hit| black_box(hit.port) != 0));
    }
}

fn visit<V: Visit>(capture: &Capture, mut visit: V) -> V {
    // Generated captures have no faults; the tests say so.
    let _no_fault = capture.read(&mut visit);
    visit
}

fn setup() -> Result<Setup, Box<dyn Error>> {
    let (config, _) = Config::parse(ONE_DOOR.as_bytes()).map_err(|_| "the configuration has errors")?;
    let doors = Doors::load(config, |_| Err("no file")).map_err(|_| "the door has no file")?;
    let locals = Locals::These(vec![Local { address: LOCAL.into(), prefix: Some(24) }]);
    Ok(Setup { doors, locals, limits: Limits::default(), only_v4: false, seed: 0 })
}

/// What `replay --json` does with a capture once it is open.
fn from_memory(capture: &Capture, setup: Setup) {
    let mut pause = |_| ();
    let mut world = World::start(setup, vec![None], false, Json::new("capture.pcap", io::sink(), None, &mut pause));
    world = visit(capture, world);
    world.finish();
    let (sink, _) = world.into_parts();
    keep(sink.finish());
}

/// What the program does, in this process.
fn from_file(options: &Options, paths: &[std::path::PathBuf]) {
    let mut streams = Streams { out: &mut io::sink(), err: &mut io::sink(), style: Style::Plain, bar: false };
    keep(replay::run(options, paths, &mut streams));
}

/// What a packet costs among ten half-finished knocks and among a million; says whether the target was met.
fn crowds(rounds: usize, seed: u64, only: Option<Load>) -> Result<bool, Box<dyn Error>> {
    const FEW: usize = 10;
    const MANY: usize = 1_000_000;
    println!(
        "\nns a packet among {FEW} and among {MANY} half-finished knocks, half of them IPv6, packets foretold by the batch; at \
         most 400 ns more; alone: the same among {MANY}, not foretold\n"
    );
    println!("     10  1000000    more            alone   looked at");
    let mut met = true;
    for load in Load::ALL.into_iter().filter(|load| only.is_none_or(|only| only == *load)) {
        let mut few = Crowd::new(FEW, load, true, seed)?;
        let mut many = Crowd::new(MANY, load, true, seed)?;
        let mut alone = Crowd::new(MANY, load, false, seed)?;
        for _ in 0..rounds {
            few.round();
            many.round();
            alone.round();
        }
        let (at_few, at_many) = (few.nanos_per_packet(), many.nanos_per_packet());
        let more = at_many - at_few;
        met &= more <= 400.0;
        println!(
            "{at_few:7.1} {at_many:8.1} {more:7.1}  {} {:8.1}   {:.2} and {:.2}  {}",
            if more <= 400.0 { "met   " } else { "missed" },
            alone.nanos_per_packet(),
            few.looked_at(),
            many.looked_at(),
            load.about(),
        );
    }
    Ok(met)
}
