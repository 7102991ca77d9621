//! What the daemon says where it cannot capture: what to install, or what to grant.

use crate::world::World;

/// Runs `script` on the server, which must fail as a daemon does that cannot start; what it said.
fn refused(world: &World, script: &str) -> String {
    let done = world.on_the_server(script).output().expect("a shell");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{script}: {said}");
    world.gone();
    said
}

/// A machine that has what the daemon is linked with, and nothing else.
#[test]
fn without_libpcap_it_says_what_to_install() {
    let world = World::new();
    world.config("");
    world.runs(&format!(
        "mkdir bare && for file in $(ldd {program} | grep -o '/[^ ]*'); do \
             mkdir -p bare/${{file%/*}} && cp $file bare/$file; done && cp knockd knockd.conf bare/",
        program = world.program()
    ));
    for background in ["", "-d"] {
        let script = format!(
            "mkdir -p bare/dev bare/proc; mount --bind /dev bare/dev; mount --bind /proc bare/proc; \
             exec chroot bare /knockd -c /knockd.conf -i eth0 {background}"
        );
        let said = refused(&world, &script);
        let [line] = said.lines().collect::<Vec<_>>()[..] else { panic!("not one line: {said}") };
        assert!(line.starts_with("knockd: cannot capture: libpcap is missing (libpcap.so.1: "), "{line}");
        assert!(
            line.contains("; install libpcap0.8 or libpcap0.8t64 (Debian, Ubuntu), libpcap (Fedora, Alpine, Arch)"),
            "{line}"
        );
    }
}

#[test]
fn without_the_capability_it_says_what_to_grant() {
    let world = World::new();
    world.config("");
    let nobody = "--reuid=65534 --regid=65534 --clear-groups";
    let root_without = "--bounding-set=-net_raw";
    for (rights, interface) in [(nobody, "eth0"), (nobody, "any"), (root_without, "eth0")] {
        for background in ["", "-d"] {
            let script = format!("exec setpriv {rights} ./knockd -c knockd.conf -i {interface} {background}");
            let said = refused(&world, &script);
            let line = said.lines().last().unwrap_or_default();
            assert!(line.starts_with(&format!("knockd: cannot capture on {interface}: ")), "{said}");
            let ways = ["setcap cap_net_raw=ep", "AmbientCapabilities=CAP_NET_RAW", "--cap-add NET_RAW"];
            assert!(ways.iter().all(|way| line.contains(way)), "{said}");
        }
    }
}
