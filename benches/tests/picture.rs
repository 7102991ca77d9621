//! The committed pictures are what the command draws, and README.md tells the same numbers.

use std::{fs, path::Path};

use knock_benches::picture::{Measured, draw};

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn measured() -> Measured {
    Measured::read(&read("measured.toml")).expect("the committed numbers are right")
}

#[test]
fn each_picture_is_what_the_command_draws_and_is_shown() {
    let (measured, readme) = (measured(), read("README.md"));
    assert!(!measured.picture.is_empty());
    for picture in &measured.picture {
        let redraw = "draw it anew: cargo run -p knock-benches --bin picture";
        assert!(draw(picture) == read(&picture.file), "{}: {redraw}", picture.file);
        assert!(readme.contains(&format!("]({})", picture.file)), "{} is not shown", picture.file);
    }
}

/// Each row stands in a table of README.md: its label, then its numbers in order.
#[test]
fn the_tables_tell_the_numbers_of_the_pictures() {
    let readme = read("README.md");
    let measured = measured();
    let rows = measured
        .picture
        .iter()
        .flat_map(|picture| picture.panel.iter().flat_map(|panel| &panel.row).map(|row| (row, picture.decimals)));
    for (row, decimals) in rows {
        let begins = |line: &&str| {
            let cell = line.strip_prefix("| ").and_then(|line| line.split(" |").next());
            cell.is_some_and(|cell| cell.trim_matches('`').starts_with(&row.label))
        };
        let told = readme.lines().filter(begins).any(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            row.nanos.iter().all(|nanos| cells.contains(&format!("{nanos:.decimals$}").as_str()))
        });
        assert!(told, "no table tells {:?} of `{}`", row.nanos, row.label);
    }
}

/// What the machine measured has met what it is held to, but for what is said to be missed.
#[test]
fn the_targets_are_met_or_said_to_be_missed() {
    for row in measured().picture.iter().flat_map(|picture| &picture.panel).flat_map(|panel| &panel.row) {
        let most = row.most().expect("every row of these has a target");
        assert_eq!(row.nanos[1] > most, row.missed, "`{}`: {} of {most}", row.label, row.nanos[1]);
    }
}

#[test]
fn a_row_that_lacks_a_number_is_an_error() {
    let text = "[[picture]]\nfile = 'a'\ntitle = 'b'\n[[picture.panel]]\ntitle = 'c'\nseries = ['d', 'e']\n";
    let row = |nanos| Measured::read(&format!("{text}row = [{{ label = 'f', nanos = {nanos} }}]\n")).map(|_| ());
    assert_eq!(row("[1.0, 2.0]"), Ok(()));
    assert_eq!(row("[1.0]"), Err("row `f` of `c` needs a number for each series, 2 or 3".to_owned()));
    assert_eq!(row("[1.0, -1.0]"), Err("row `f` of `c` has a number that is not positive".to_owned()));
}
