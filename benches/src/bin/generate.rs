//! Writes a generated capture and the configuration that it is to be replayed with.
#![forbid(unsafe_code)]

use std::{
    fs::{self, File},
    io::{self, BufWriter},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use knock_benches::{
    doors::ONE_DOOR,
    traffic::{self, Kind},
};

const EXAMPLES: &str = "\
Examples:
  generate quiet --packets 5000000 quiet.pcap
      380 MB, and quiet.conf
  generate strangers --packets 100000 --seed 7 strangers.pcap
      other packets of the same kind";

/// Writes a capture of 60-byte SYNs, a packet a microsecond, and its configuration beside it with the ending .conf.
#[derive(Debug, Parser)]
#[command(name = "generate", after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    /// What the traffic is made of
    kind: Kind,

    /// How many packets; 76 bytes each in the file
    #[arg(short, long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(..=100_000_000))]
    packets: u64,

    /// The same seed makes the same file
    #[arg(short, long, default_value_t = 1)]
    seed: u64,

    /// The capture to write
    file: PathBuf,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match generate(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate: {}: {error}", cli.file.display());
            ExitCode::FAILURE
        }
    }
}

fn generate(cli: &Cli) -> io::Result<()> {
    let file = File::create(&cli.file)?;
    traffic::write(cli.kind, cli.packets, cli.seed, BufWriter::with_capacity(1 << 20, file))?;
    fs::write(cli.file.with_extension("conf"), ONE_DOOR)
}
