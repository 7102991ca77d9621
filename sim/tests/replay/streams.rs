//! Pipes: decisions come while the capture is still being written, and a reader that leaves is no error.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::Stdio,
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::support::{Scene, knock, pcap, syn};

const FROM_STDIN: [&str; 6] = ["replay", "--config", "a.conf", "--local", "192.0.2.1", "-"];

/// How long a decision may take before the test gives up on it; only a failure takes as long.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn decisions_are_seen_before_the_stream_ends() {
    let scene = Scene::with_capture(&[]);
    for mode in [&[][..], &["--json"]] {
        let arguments = [&FROM_STDIN[..], mode].concat();
        let mut child = scene.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        #[expect(clippy::disallowed_methods, reason = "a test that waits must be able to give up")]
        let reader = thread::spawn(move || from.lines().for_each(|line| drop(send.send(line.unwrap_or_default()))));
        let next_with = |what: &str| loop {
            let line = lines.recv_timeout(PATIENCE).expect(what);
            if line.contains(what) {
                return line;
            }
        };

        let capture = knock();
        let (first, rest) = capture.split_at(24 + 56);
        to.write_all(first).unwrap();
        to.flush().unwrap();
        let told = next_with("192.0.2.7");
        assert!(told.contains("Stage 1") || told.contains(r#""event":"stage""#), "{told}");
        to.write_all(rest).unwrap();
        to.flush().unwrap();
        next_with("open 192.0.2.7");

        drop(to);
        assert!(child.wait().unwrap().success());
        drop(lines);
        // The reader ends with the stream; it may have found nobody to send the last lines to.
        drop(reader.join());
    }
}

/// `knocksim replay ... | head -1`
#[test]
fn a_reader_that_leaves_is_no_error() {
    let packets: Vec<_> = (0..20_000).map(|at| syn(at, 7000)).collect();
    let scene = Scene::with_capture(&pcap(&packets));
    for mode in [&["--json"][..], &["--explain"], &[]] {
        let arguments = [&["replay", "--local", "192.0.2.1", "a.pcap"][..], mode].concat();
        let mut child = scene.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut from = BufReader::new(child.stdout.take().unwrap());
        from.read_line(&mut String::new()).unwrap();
        drop(from);
        let mut complaints = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        let complaints: Vec<_> = complaints.lines().filter(|line| !line.starts_with("knocksim: note: ")).collect();
        assert_eq!((complaints, child.wait().unwrap().code()), (Vec::new(), Some(0)), "{mode:?}");
    }
}

#[test]
fn an_explanation_of_a_stream_is_that_of_the_file() {
    let scene = Scene::with_capture(&knock());
    let file = scene.replay(&["--explain", "--config", "a.conf", "--local", "192.0.2.1", "a.pcap"]).ok();
    let arguments = [&FROM_STDIN[..], &["--explain"]].concat();
    let mut child = scene.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&knock()).unwrap();
    let stream = crate::support::Ran::from(child.wait_with_output().unwrap());
    assert_eq!(stream.out.replace("-: ", "a.pcap: "), file);
}
