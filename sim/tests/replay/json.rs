//! `--json`: every line is as the published schema says, and the schema rejects what is not.

use std::fs;

use jsonschema::Validator;
use knocksim::replay::{beside::beside, json::SCHEMA};
use serde_json::{Value, json};

use crate::support::{RAW, Scene, captures, pcap, pcap_of, syn};

fn schema() -> Validator {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    jsonschema::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::validator_for(&schema).expect("the schema is a schema")
}

#[track_caller]
fn all_valid(text: &str) -> Vec<Value> {
    let schema = schema();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        if let Err(error) = schema.validate(line) {
            panic!("{line}: {error}");
        }
    }
    lines
}

#[test]
fn the_lines_of_all_captures_are_as_the_schema_says() {
    let scene = Scene::new();
    let captures: Vec<String> = captures().iter().map(|path| path.display().to_string()).collect();
    let arguments: Vec<&str> = ["--json"].into_iter().chain(captures.iter().map(String::as_str)).collect();
    let lines = all_valid(&scene.replay(&arguments).ok());
    for capture in captures {
        assert!(lines.iter().any(|line| line["capture"] == capture.as_str()), "{capture} decides nothing");
    }
}

#[test]
fn the_expected_decisions_are_as_the_schema_says() {
    for capture in captures() {
        assert!(!all_valid(&fs::read_to_string(beside(&capture, "expected")).unwrap()).is_empty());
    }
}

/// What is no UTF-8 is told in hexadecimal digits, under a name of its own.
#[cfg(unix)]
#[test]
fn commands_and_files_that_are_no_utf8_are_told_in_hex() {
    use std::os::unix::ffi::OsStrExt;
    let door = b"[a]\n  One_Time_Sequences = caf\xe9\n  Start_Command = open \xff %IP%\n";
    let scene = Scene::with_capture(&pcap(&[syn(0, 7001)])).file("a.conf", door);
    fs::write(scene.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")), " 7001\n").unwrap();
    let lines = all_valid(&scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]).ok());
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["stage", "spend", "open", "run", "disable"]);
    assert_eq!((lines[1]["file_hex"].as_str(), lines[1].get("file")), (Some("636166e9"), None));
    let command = "6f70656e20ff203139322e302e322e37";
    assert_eq!((lines[3]["command_hex"].as_str(), lines[3].get("command")), (Some(command), None));
    scene.replay(&["--explain", "--local", "192.0.2.1", "a.pcap"]).ok();
}

#[test]
fn names_and_commands_are_escaped() {
    let door = "[caf\u{e9} \"x\"\\]\n  Sequence = 7001\n  Start_Command = a \"b\" \\ \u{1}\t\u{1f6aa} c\n";
    let scene = Scene::with_capture(&pcap(&[syn(0, 7001)])).file("a.conf", door);
    let lines = all_valid(&scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]).ok());
    assert_eq!(lines[2]["door"], "caf\u{e9} \"x\"\\");
    assert_eq!(lines[2]["command"], "a \"b\" \\ \u{1}\t\u{1f6aa} c");
}

#[test]
fn starts_timers_and_fine_stamps_are_as_the_schema_says() {
    let doors = "[a]\n  One_Time_Sequences = seq\n[b]\n  Sequence = 7001,7002\n";
    let scene = Scene::with_capture(&pcap_of(RAW, true, &[syn(0, 7001)])).file("a.conf", doors).file("seq", "");
    let lines = all_valid(&scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]).ok());
    let null = Value::Null;
    assert_eq!(["packet", "time", "source", "knock"].map(|name| &lines[0][name]), [&null; 4]);
    assert_eq!((&lines[2]["packet"], &lines[2]["event"]), (&null, &json!("timeout")));
    assert_eq!(lines[2]["time"], "1795305625.000000000");
}

#[test]
fn an_empty_command_is_not_run() {
    let door = "[a]\n  Sequence = 7001\n  Start_Command =\n";
    let scene = Scene::with_capture(&pcap(&[syn(0, 7001)])).file("a.conf", door);
    let ran = scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]);
    assert!(!ran.out.contains(r#""event":"run""#), "{ran:?}");
}

#[test]
fn the_schema_rejects_what_is_no_decision() {
    let good = |event: Value| {
        let mut line = json!({"v": 1, "capture": "a", "packet": 1, "time": "1.000000", "source": "192.0.2.7",
                              "door": "ssh", "door_index": 0, "knock": 1});
        for (name, value) in event.as_object().unwrap() {
            line[name] = value.clone();
        }
        line
    };
    let schema = schema();
    let open = json!({"event": "open"});
    assert!(schema.is_valid(&good(open.clone())));
    assert!(schema.is_valid(&good(json!({"event": "stage", "stage": 32}))));
    let bad = [
        json!({"event": "opened"}),
        json!({"event": "stage"}),
        json!({"event": "stage", "stage": 0}),
        json!({"event": "stage", "stage": 33}),
        json!({"event": "discard", "stage": 1}),
        json!({"event": "discard", "stage": 1, "clause": "SEQ-5"}),
        json!({"event": "timeout"}),
        json!({"event": "spend", "offset": 0}),
        json!({"event": "spend", "file": "a"}),
        json!({"event": "run", "command": "a"}),
        json!({"event": "run", "command": "a", "command_hex": "61", "job": "start"}),
        json!({"event": "run", "command_hex": "6", "job": "start"}),
        json!({"event": "run", "command": "a", "job": "end"}),
        json!({"event": "open", "v": 2}),
        json!({"event": "open", "packet": 0}),
        json!({"event": "open", "time": "1.0"}),
        json!({"event": "open", "time": 1.0}),
        json!({"event": "open", "door": null}),
    ];
    for event in bad {
        assert!(!schema.is_valid(&good(event.clone())), "{event}");
    }
    for name in ["v", "capture", "packet", "time", "source", "door", "door_index", "knock"] {
        let mut line = good(open.clone());
        line.as_object_mut().unwrap().remove(name);
        assert!(!schema.is_valid(&line), "without {name}");
    }
}
