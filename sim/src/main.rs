//! `knocksim`: replays captures and says what a conforming port-knock daemon decides, and why.
#![forbid(unsafe_code)]

use std::{
    io::{self, BufWriter, IsTerminal},
    process::ExitCode,
};

use anstream::AutoStream;
use clap::Parser;
use knockd::config::Style;
use knocksim::{
    cli::{Cli, Command},
    replay::{self, Show, Streams},
};

fn main() -> ExitCode {
    let Cli { command: Command::Replay(args) } = Cli::parse();
    let (options, captures) = args.into_parts();
    let out = io::stdout().lock();
    let colours = AutoStream::choice(&out) != anstream::ColorChoice::Never;
    let bar = io::stderr().is_terminal();
    let style = if colours { Style::Colours } else { Style::Plain };
    let mut err = anstream::stderr().lock();
    let result = if let Show::Json = options.show {
        // JSON has no escapes, and looking for some takes as long as deciding.
        let mut out = BufWriter::with_capacity(1 << 16, out);
        replay::run(&options, &captures, &mut Streams { out: &mut out, err: &mut err, style, bar })
    } else if colours {
        // Strips and translates escapes where the terminal needs it; a file or a pipe takes the bytes as they are.
        let mut out = BufWriter::with_capacity(1 << 16, AutoStream::auto(out));
        replay::run(&options, &captures, &mut Streams { out: &mut out, err: &mut err, style, bar })
    } else {
        let mut out = BufWriter::with_capacity(1 << 16, AutoStream::never(out));
        replay::run(&options, &captures, &mut Streams { out: &mut out, err: &mut err, style, bar })
    };
    match result {
        Ok(outcome) => ExitCode::from(outcome.status()),
        // Whoever read has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("knocksim: cannot write the output: {error}");
            ExitCode::from(2)
        }
    }
}
