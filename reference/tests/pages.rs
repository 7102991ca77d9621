//! Manual pages and completions are made from the definitions that `--help` prints, and committed. To make them anew:
//!
//!     MAKE_PAGES=1 cargo test -p knockd --test pages
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this test reads and writes the project's own files"
)]

use std::{env, fs, io, path::Path, process::Command as Process};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::{
    Man,
    roff::{Inline, Roff, bold, roman},
};
use knockd::{
    cli,
    config::{Config, Directive},
};

/// Makes the files anew where it is set.
const MAKE: &str = "MAKE_PAGES";

/// A program, and what its help does not say.
struct Program {
    command: Command,
    section: &'static str,
    /// One line, as `apropos` shows it.
    is: &'static str,
    /// Paragraphs.
    description: &'static [&'static str],
    /// Sections in the language of manual pages, behind those of the help.
    more: &'static str,
    see_also: &'static [(&'static str, &'static str)],
}

/// Every program that has a command line.
fn programs() -> Vec<Program> {
    vec![knock(), knockd()]
}

fn knock() -> Program {
    Program {
        command: cli::knock::Args::command(),
        section: "1",
        is: "port-knock client",
        description: &[
            "A server that uses port knocking keeps its ports shut. Its knockd(1) watches for a sequence of packets that is \
             known to its users alone, and opens the door for the address that sent them.",
            "knock sends such a sequence: one packet to each port, in the order given. The ports need not be open, and nobody \
             answers, or needs to. With --verify it finds out whether the door is open; with --then it goes through.",
            "What knockd 0.8's client takes, it takes. Where that one guesses, as at port 99999 or protocol tpc, knock says what \
             is wrong and sends nothing; and it waits 100 milliseconds between hits where the other waits not at all.",
        ],
        more: "",
        see_also: &[("knockd", "1"), ("ssh", "1"), ("gai.conf", "5")],
    }
}

fn knockd() -> Program {
    Program {
        command: cli::knockd::Args::command(),
        section: "1",
        is: "port-knock daemon",
        description: &[
            "knockd listens to the packets that reach a network interface. When one address has sent packets to a secret \
             sequence of ports, in order and in time, it runs a command, which as a rule opens the firewall for that \
             address; and later another one, which shuts it.",
            "The ports need not be open, and the firewall may drop the packets: they are seen before it. Any TCP or UDP \
             packet to a port will do; knock(1) sends them.",
        ],
        more: include_str!("pages/knockd.roff"),
        see_also: &[("knock", "1"), ("iptables", "8"), ("nft", "8"), ("systemd.exec", "5"), ("capabilities", "7")],
    }
}

/// The page: what clap knows of the options, the help's own sections as sections of the page, and what the help lacks.
fn page(program: &Program) -> String {
    let mut command = program.command.clone().about(program.is).disable_help_subcommand(true);
    command.build();
    let name = command.get_name().to_owned();
    let usage = command.render_usage().to_string();
    let help = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string).unwrap_or_default();
    let version = command.get_version().unwrap_or_default().to_owned();
    let section = program.section;
    // Written here, since an empty date must be quoted. A page without a date is the same on every day.
    let title = format!(".TH {} {section} \"\" \"{name} {version}\" \"Port knocking\"\n", name.to_uppercase());
    let man = Man::new(command);
    let mut parts = vec![title];
    parts.push(rendered(|bytes| man.render_name_section(bytes)));
    let mut roff = Roff::default();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([roman(usage.trim_start_matches("Usage: "))]);
    roff.control("SH", ["DESCRIPTION"]);
    for (place, paragraph) in program.description.iter().enumerate() {
        if place > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(*paragraph)]);
    }
    parts.push(rendered(|bytes| roff.to_writer(bytes)));
    parts.push(paragraphs(&rendered(|bytes| man.render_options_section(bytes))));
    parts.push(rendered(|bytes| sections(&help).to_writer(bytes)));
    parts.push(program.more.to_owned());
    let mut last = Roff::default();
    last.control("SH", ["SEE ALSO"]);
    let mut line: Vec<Inline> = Vec::new();
    for (other, section) in program.see_also {
        line.extend([roman(if line.is_empty() { "" } else { ", " }), bold(*other), roman(format!("({section})"))]);
    }
    last.text(line);
    parts.push(rendered(|bytes| last.to_writer(bytes)));
    format!("{APOSTROPHES}{}", parts.concat())
}

/// Defines what the renderer writes for an apostrophe.
const APOSTROPHES: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// What the renderer writes, without the definition that it begins each part with.
fn rendered(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).expect("memory takes it");
    let text = String::from_utf8(bytes).expect("roff is text");
    text.strip_prefix(APOSTROPHES).expect("the definition of an apostrophe").to_owned()
}

/// An empty line ends a paragraph of an option's words, and the page says so as pages do.
fn paragraphs(text: &str) -> String {
    text.replace("\n\n", "\n.IP\n")
}

/// What follows the options in the help: headings that end in a colon; below them entries, indented by two, each with
/// its words behind two blanks or in the lines below that are indented further.
fn sections(help: &str) -> Roff {
    let mut roff = Roff::default();
    for line in help.lines().filter(|line| !line.trim().is_empty()) {
        let text = line.trim_start();
        match line.len() - text.len() {
            0 => {
                let heading = text.strip_suffix(':').unwrap_or_else(|| panic!("`{text}` is no heading"));
                roff.control("SH", [heading.to_uppercase().as_str()]);
            }
            2 => {
                let (tag, words) = text.split_once("  ").unwrap_or((text, ""));
                roff.control("TP", []);
                roff.text([bold(tag)]);
                if !words.is_empty() {
                    roff.text([roman(words.trim_start())]);
                }
            }
            _ => drop(roff.text([roman(text)])),
        }
    }
    roff
}

/// All files that belong to the programs, with what has to be in them.
fn files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for program in programs() {
        let name = program.command.get_name().to_owned();
        files.push((format!("man/{name}.{}", program.section), page(&program)));
        for (shell, file) in [
            (Shell::Bash, format!("{name}.bash")),
            (Shell::Zsh, format!("_{name}")),
            (Shell::Fish, format!("{name}.fish")),
        ] {
            let mut bytes = Vec::new();
            clap_complete::generate(shell, &mut program.command.clone(), &name, &mut bytes);
            files.push((format!("completions/{file}"), String::from_utf8(bytes).expect("a script is text")));
        }
    }
    files
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn pages_and_completions_are_what_the_definitions_make() {
    let files = files();
    for (file, text) in &files {
        let path = folder().join(file);
        if env::var_os(MAKE).is_some() {
            fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            fs::write(&path, text).expect("it can be written");
        }
        let is = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            is == *text,
            "reference/{file} is out of date; make it anew: {MAKE}=1 cargo test -p knockd --test pages"
        );
    }
    for place in ["man", "completions"] {
        for entry in fs::read_dir(folder().join(place)).expect("they are there") {
            let name = format!("{place}/{}", entry.expect("an entry").file_name().to_string_lossy());
            assert!(files.iter().any(|(file, _)| *file == name), "reference/{name} is made by no program");
        }
    }
}

#[test]
fn every_page_has_the_sections_that_readers_look_for() {
    for program in programs() {
        let page = page(&program);
        let mut rest = page.as_str();
        for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "\"EXIT STATUS\"", "\"SEE ALSO\""] {
            let (_, after) =
                rest.split_once(&format!(".SH {heading}\n")).unwrap_or_else(|| panic!("{heading}:\n{page}"));
            rest = after;
        }
        for option in program.command.get_opts().filter(|option| !option.is_hide_set()) {
            let name = option.get_long().expect("a long form").replace('-', "\\-");
            assert!(page.contains(&name), "{name} is missing");
        }
    }
}

/// The daemon's page.
fn daemon_page() -> String {
    page(&knockd()).replace("\\-", "-")
}

#[test]
fn the_daemons_page_explains_every_directive_and_its_default() {
    let page = daemon_page();
    for name in Directive::names() {
        let there = page
            .lines()
            .any(|line| line.strip_prefix(".B ") == Some(name) || line.starts_with(&format!(".BI \"{name} = \" ")));
        assert!(there, "{name} is missing");
    }
    let (config, _) = Config::parse(b"[a]\nSequence = 1").expect("a door");
    for (name, default) in [("Timeout", config.doors[0].seq_timeout), ("Cmd_Timeout", config.doors[0].cmd_timeout)] {
        let (_, after) = page.split_once(&format!(".BI \"{name} = \" SECONDS\n")).expect("it is there");
        let (_, told) = after.split_once("Default: ").expect("its default");
        assert!(told.starts_with(&format!("{}.\n", default.as_secs())), "{name}: {told}");
    }
}

#[test]
fn the_daemons_page_shows_a_configuration_that_is_good() {
    let page = daemon_page();
    let (example, _) = page.split_once("\n.EX\n").and_then(|(_, rest)| rest.split_once(".EE\n")).expect("an example");
    let (config, traps) = Config::parse(example.as_bytes()).expect("it is good");
    assert_eq!((config.doors.len(), traps), (2, vec![]));
}

/// Only where there is a bash: what is asked of it is that the script is one, and completes.
#[test]
fn the_completions_complete() {
    for program in programs() {
        let name = program.command.get_name();
        let script = folder().join(format!("completions/{name}.bash"));
        let ask = format!(
            "source '{}'; COMP_WORDS=({name} --v); COMP_CWORD=1; _{name} {name} --v {name}; echo \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        let Ok(output) = Process::new("bash").args(["-c", &ask]).output() else { return };
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.split_whitespace().any(|word| word == "--version"),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
