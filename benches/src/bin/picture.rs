//! Draws the pictures of the numbers in `measured.toml`, beside it.
#![forbid(unsafe_code)]

use std::{error::Error, fs, path::PathBuf};

use clap::Parser;
use knock_benches::picture::{Measured, draw};

/// Draws the pictures of measured numbers.
#[derive(Debug, Parser)]
#[command(name = "picture", max_term_width = 100)]
struct Cli {
    /// The numbers; the pictures are written beside them
    #[arg(default_value = "benches/measured.toml")]
    measured: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Cli { measured: path } = Cli::parse();
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let measured = Measured::read(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    for picture in &measured.picture {
        let file = path.with_file_name(&picture.file);
        fs::write(&file, draw(picture)).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}
