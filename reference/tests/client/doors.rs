//! Doors over loopback: hits that arrive, services that open, commands that follow.

use std::{
    collections::BTreeSet,
    io::{self, ErrorKind, Read},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    os::unix::process::ExitStatusExt,
    process::Stdio,
    thread,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use super::{command, ends, knock};

const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn door() -> (UdpSocket, String) {
    let socket = UdpSocket::bind(HERE).expect("a port is free");
    let port = socket.local_addr().expect("it is bound").port();
    (socket, format!("{port}:udp"))
}

/// A port that nobody listens at, and the listener that keeps it from others until then.
fn shut() -> (Socket, u16) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&HERE.into()).expect("a port is free");
    let port = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("it is bound").port();
    (socket, port)
}

fn open() -> (TcpListener, String) {
    let listener = TcpListener::bind(HERE).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port().to_string();
    (listener, port)
}

#[test]
fn each_hit_is_told_as_knockd_0_8_tells_it_and_comes_from_a_port_of_its_own() {
    let (door, port) = door();
    let number = port.trim_end_matches(":udp");
    let mut arguments = vec!["-v", "-d", "0", "127.0.0.1"];
    arguments.resize(arguments.len() + 40, &port);
    assert_eq!(ends(0, &arguments).0, format!("hitting udp 127.0.0.1:{number}\n").repeat(40));
    let mut sources = BTreeSet::new();
    for _ in 0..40 {
        let mut data = [0; 8];
        let (length, from) = door.recv_from(&mut data).expect("it was sent before the client ended");
        assert_eq!(&data[..length], [0]);
        sources.insert(from.port());
    }
    assert_eq!(sources.len(), 40);
    door.set_nonblocking(true).expect("a socket");
    assert_eq!(door.recv(&mut [0; 8]).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock), "nothing more");
}

#[test]
fn a_hit_on_an_open_port_leaves_no_connection_and_no_data() {
    let (listener, port) = open();
    assert_eq!(ends(0, &["-v", "127.0.0.1", &port]).0, format!("hitting tcp 127.0.0.1:{port}\n"));
    // Whether the kernel answered before the socket was closed is a race; what is left is the same.
    listener.set_nonblocking(true).expect("a socket");
    match listener.accept() {
        Ok((mut connection, _)) => {
            let read = connection.read(&mut [0; 8]).map_err(|error| error.kind());
            assert_eq!(read, Err(ErrorKind::ConnectionReset));
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
    }
}

#[test]
fn an_open_port_is_verified_after_one_knock() {
    let (door, hit) = door();
    let (_listener, port) = open();
    let (out, _) = ends(0, &["-v", "-d", "0", "--verify", &port, "127.0.0.1", &hit]);
    assert!(out.ends_with(&format!("\nverifying tcp 127.0.0.1:{port}: open\n")), "{out}");
    assert_eq!(hits(&door), 1);
}

#[test]
fn a_port_that_opens_on_the_second_knock_is_verified() {
    let (door, hit) = door();
    let (socket, port) = shut();
    let opener = thread::spawn(move || {
        for _ in 0..2 {
            door.recv(&mut [0; 8]).expect("a hit");
        }
        socket.listen(1).expect("it is bound");
        socket
    });
    // As many tries as the machine may need until the thread above has had its turn.
    let port = port.to_string();
    let arguments = ["-v", "-t", "50", "--tries", "1000", "--verify", &port, "127.0.0.1", &hit];
    let (out, err) = ends(0, &arguments);
    opener.join().expect("it opened");
    assert!(out.matches("hitting udp").count() >= 2, "{out}");
    assert!(out.ends_with(": open\n") && out.contains(": refused\n"), "{out}");
    assert_eq!(err, "");
}

#[test]
fn a_port_that_stays_shut_is_3_and_the_command_does_not_run() {
    let (door, hit) = door();
    let (_socket, port) = shut();
    let port = port.to_string();
    let arguments = ["-t", "1", "--tries", "2", "-d", "0", "--verify", &port, "--then", "echo ran", "127.0.0.1", &hit];
    let told = ends(3, &arguments);
    assert_eq!(told, (String::new(), format!("knock: 127.0.0.1:{port} still refuses connections after 2 knocks\n")));
    assert_eq!(hits(&door), 2);
}

#[test]
fn a_port_that_does_not_answer_is_4() {
    let (socket, port) = shut();
    // A full queue of connections drops what comes after them.
    socket.listen(0).expect("it is bound");
    let to = SocketAddr::new(HERE.ip(), port);
    let mut connections = Vec::new();
    loop {
        let connection = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        match connection.connect_timeout(&to.into(), Duration::from_millis(500)) {
            Ok(()) => connections.push(connection),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => break,
            Err(error) => panic!("{error}"),
        }
    }
    let (_door, hit) = door();
    let told = ends(4, &["-t", "20", "--tries", "1", "--verify", &port.to_string(), "127.0.0.1", &hit]).1;
    assert_eq!(told, format!("knock: 127.0.0.1:{port} still does not answer after 1 knock\n"));
}

#[test]
fn of_several_hosts_each_is_knocked_on_and_the_first_that_is_shut_gives_the_status() {
    let (one, first) = door();
    let (other, second) = door();
    let (_socket, port) = shut();
    let port = port.to_string();
    let (_, err) =
        ends(3, &["-t", "1", "--tries", "1", "--verify", &port, "127.0.0.1", &first, "--", "127.0.0.2", &second]);
    assert_eq!(err.lines().count(), 2, "{err}");
    assert_eq!(hits(&one), 1);
    // The second door listens at the first address only, so its hit is seen by what is told.
    assert_eq!(hits(&other), 0);
    assert!(err.contains("127.0.0.2"), "{err}");
}

#[test]
fn the_command_has_knocks_streams_and_its_status_is_knocks() {
    let (_door, hit) = door();
    let (out, err) = ends(7, &["-v", "127.0.0.1", &hit, "--then", "echo out; echo err >&2; exit 7"]);
    assert!(out.starts_with("hitting udp ") && out.ends_with("\nout\n"), "{out}");
    assert_eq!(err, "err\n");
    ends(127, &["127.0.0.1", &hit, "--then", "no-such-program-anywhere 2>/dev/null"]);
    ends(0, &["127.0.0.1", &hit, "--then", "exec 2>/dev/null; ! false"]);
}

#[test]
fn a_signal_that_ends_the_command_ends_knock() {
    let (_door, hit) = door();
    assert_eq!(knock(&["127.0.0.1", &hit, "--then", "kill -TERM $$"]).status.signal(), Some(15));
    // One that is sent to knock reaches the command, because knock is the command.
    let mut child =
        command(&["127.0.0.1", &hit, "--then", "trap 'exit 9' USR1; echo ready; while :; do read line; done"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the client runs");
    let mut ready = [0; 6];
    child.stdout.as_mut().expect("a pipe").read_exact(&mut ready).expect("it says that it is ready");
    assert_eq!(&ready, b"ready\n");
    let id = child.id().to_string();
    assert!(
        std::process::Command::new("/bin/sh")
            .args(["-c", &format!("kill -USR1 {id}")])
            .status()
            .expect("kill")
            .success()
    );
    assert_eq!(child.wait().expect("it ends").code(), Some(9));
}

#[test]
fn options_stand_anywhere_and_may_be_cut_and_the_last_of_two_counts() {
    let (door, hit) = door();
    let (out, _) = ends(0, &["--verb", "-6", "-4", "-d", "9", "--del=0", "-v", "127.0.0.1", &hit]);
    assert_eq!(out.lines().count(), 1);
    ends(0, &["-u", "--", "127.0.0.1", &hit]);
    ends(0, &["127.0.0.1", "-d0", &hit, "-6", "-4"]);
    assert_eq!(hits(&door), 3);
}

/// How many datagrams have come; those of a client that has ended are all there.
fn hits(door: &UdpSocket) -> usize {
    door.set_nonblocking(true).expect("a socket");
    std::iter::from_fn(|| door.recv(&mut [0; 8]).ok()).count()
}
