//! `knock-conformance`: judges any port-knock daemon by one set of cases.
#![forbid(unsafe_code)]

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use knock_conformance::{
    cli::{self, Cli, Output},
    status::Status,
    subjects::live,
};

fn main() -> ExitCode {
    // A case that runs live has this program start itself again, before there are any threads.
    #[cfg(target_os = "linux")]
    if let Some(code) = live::main(&env::args().skip(1).collect::<Vec<_>>()) {
        return code;
    }
    match cli::execute(Cli::parse()) {
        Ok(Output { text, status }) => match anstream::stdout().write_all(text.as_bytes()) {
            Ok(()) => status.into(),
            // Whoever read has read enough; the verdict stays what it is.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => status.into(),
            Err(error) => {
                eprintln!("knock-conformance: cannot write the output: {error}");
                Status::WrongUse.into()
            }
        },
        Err(wrong) => {
            eprintln!("knock-conformance: {wrong}");
            wrong.status().into()
        }
    }
}
